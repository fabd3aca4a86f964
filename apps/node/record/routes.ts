/** What everyone may read without an account: the public record, the log's files, how the node is. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { HttpError, sharedWork, type NodeContext } from '#node/core'
import type { RunTables } from '../run/tables.ts'
import type { Shelf } from '../serve/index.ts'
import type { Books } from './ports.ts'
import { publicRecord } from './public-record.ts'

export interface RecordOptions {
  readonly books: Books
  readonly shelf: Shelf
  /** The log's folder in the tlog-tiles layout. */
  readonly logDirectory: string
}

// C2SP tlog-tiles §paths: nothing else under the log's folder is public.
const PUBLIC_FILE = /^(checkpoint|tile\/(entries|\d{1,2})\/(x\d{3}\/)*\d{3}(\.p\/\d{1,3})?)$/

export function registerRecord(
  app: FastifyInstance,
  context: NodeContext,
  { books, shelf, logDirectory }: RecordOptions,
): void {
  // It is made from everything that was ever stated, and anyone may ask.
  const record = sharedWork(async () => JSON.stringify(await publicRecord(context, books, shelf)))
  app.get('/v1/record', async (_request, reply) => reply.type('application/json').send(await record()))

  app.get<{ Params: { '*': string } }>('/log/*', async (request, reply) => {
    const name = request.params['*']
    if (!PUBLIC_FILE.test(name)) throw new HttpError(404, 'not_found', 'The log has no such file.')
    const path = join(logDirectory, name)
    if (
      !(await stat(path).then(
        (found) => found.isFile(),
        () => false,
      ))
    )
      throw new HttpError(404, 'not_found', 'The log has no such file.')
    // A full tile never changes; a checkpoint always may.
    const cache = name === 'checkpoint' ? 'no-cache' : 'public, max-age=31536000, immutable'
    const type = name === 'checkpoint' ? 'text/plain; charset=utf-8' : 'application/octet-stream'
    return reply.header('cache-control', cache).type(type).send(createReadStream(path))
  })

  app.get<{ Params: { digest: string } }>('/v1/record/models/:digest', async (request, reply) => {
    const found = await context.database
      .withTables<RunTables>()
      .selectFrom('model_signatures')
      .select('bundle')
      .where('model', '=', request.params.digest)
      .executeTakeFirst()
    if (found === undefined)
      throw new HttpError(404, 'not_found', 'No model of this digest was trained here.')
    return reply.type('application/json').send(found.bundle)
  })

  app.get('/healthz', async () => ({
    status: 'ok',
    simulated: context.machine.simulated,
    node: context.machine.node,
    term: context.machine.term,
  }))
}
