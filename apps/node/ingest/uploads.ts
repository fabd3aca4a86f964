/**
 * Sealed files on their way in: resumable uploads by the tus protocol 1.0.0, ciphertext only.
 *
 * An upload's name is made here for one offer and cannot be guessed, so that nobody else can write into it. What
 * arrives is not looked at until the upload is complete.
 */
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import type { FastifyInstance } from 'fastify'
import type { Bytes } from '#bytes'
import type { NodeContext } from '#node/core'
import { refuse } from './refusals.ts'

export const UPLOADS_PATH = '/v1/uploads'

export interface Uploads {
  readonly register: (scope: FastifyInstance) => void
  /** The complete file. Throws `upload-missing`, `upload-incomplete` or `too-large`. */
  readonly read: (id: string) => Promise<Bytes>
  /** Safe to call where there is none. */
  readonly remove: (id: string) => Promise<void>
  /** Removes what was begun and never finished. */
  readonly sweep: () => Promise<void>
}

export interface UploadLimits {
  readonly maxBytes: number
  readonly keepMs: number
}

/** `isAwaited` says whether an offer waits for the upload of this name. */
export function createUploads(
  context: Pick<NodeContext, 'folders' | 'diagnostics'>,
  limits: UploadLimits,
  isAwaited: (id: string) => Promise<boolean>,
): Uploads {
  const directory = context.folders.uploads
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const store = new FileStore({ directory, expirationPeriodInMilliseconds: limits.keepMs })
  const find = (id: string) => store.getUpload(id).catch(() => undefined)
  const server = new Server({
    path: UPLOADS_PATH,
    datastore: store,
    maxSize: limits.maxBytes,
    relativeLocation: true,
    async namingFunction(_request, metadata) {
      const id = metadata?.['upload'] ?? ''
      if (!isUploadId(id) || !(await isAwaited(id))) throw tusError(403, 'no offer waits for this upload')
      // Creating it again would empty the file: whoever comes back resumes instead.
      if ((await find(id)) !== undefined) throw tusError(409, 'the upload exists: resume it')
      return id
    },
    onResponseError(_request, error) {
      if (!(error instanceof Error)) return undefined
      // The library would send the message, which may name paths.
      context.diagnostics.error('upload-failed', error)
      return tusError(500, 'the upload stopped: resume it')
    },
  })
  return {
    register(scope) {
      // The library reads the bytes itself, straight from the connection to the file.
      scope.addContentTypeParser('application/offset+octet-stream', (_request, _body, done) => done(null))
      for (const url of [UPLOADS_PATH, `${UPLOADS_PATH}/:id`]) {
        scope.route({
          method: ['POST', 'HEAD', 'PATCH', 'OPTIONS'],
          url,
          handler: async (request, reply) => {
            reply.hijack()
            await server.handle(request.raw, reply.raw)
          },
        })
      }
    },
    async read(id) {
      const upload = await find(id)
      if (upload === undefined) throw refuse('upload-missing')
      if (upload.size === undefined || upload.offset < upload.size) throw refuse('upload-incomplete')
      if (upload.offset > limits.maxBytes) throw refuse('too-large')
      return new Uint8Array(await readFile(join(directory, id)))
    },
    async remove(id) {
      if ((await find(id)) !== undefined) await store.remove(id)
    },
    async sweep() {
      await server.cleanUpExpiredUploads()
    },
  }
}

function isUploadId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

const tusError = (status: number, words: string) => ({ status_code: status, body: `${words}\n` })
