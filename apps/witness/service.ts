/**
 * A witness over HTTP (C2SP tlog-witness): `/add-checkpoint` for logs, the last cosigned checkpoint for monitors.
 *
 * The one thing that must never happen is a cosignature on two branches of a log. So requests go one at a time,
 * and a new head is on disk before the cosignature that it led to leaves.
 */
import { join } from 'node:path'
import { readIfPresent, writeDurably, type WriteFile } from '#adapters/tlog-files'
import { decodeUtf8, encodeUtf8, sha256Hex } from '#bytes'
import {
  formatVerifierKey,
  restoreHead,
  verifierKey,
  witnessStep,
  type Witness,
  type WitnessAnswer,
  type WitnessState,
} from '#tlog'

export interface WitnessServiceOptions {
  readonly directory: string
  readonly witness: Witness
  readonly now: () => Date
  /** How a head is made durable; tests break it on purpose. */
  readonly write?: WriteFile
}

export type Handle = (request: Request) => Promise<Response>

/** Throws where a kept head is not signed by its log and this witness: better no witness than one that forgot. */
export async function openWitnessService(options: WitnessServiceOptions): Promise<Handle> {
  const { witness, directory, now, write = writeDurably } = options
  const { name, publicKey } = witness.signer
  const vkey = formatVerifierKey(verifierKey('cosignature', name, publicKey))
  let state = await restoreState(directory, witness)
  let last: Promise<unknown> = Promise.resolve()

  async function addCheckpoint(body: string): Promise<WitnessAnswer> {
    const step = await witnessStep(witness, state, body, Math.floor(now().getTime() / 1000))
    for (const [origin, head] of step.state) {
      if (state.get(origin) === head) continue
      await write(directory, headName(origin), encodeUtf8(head.note))
    }
    state = step.state
    return step.answer
  }

  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/add-checkpoint') {
      if (request.method !== 'POST') return plain(405, 'POST a checkpoint here\n')
      const body = await readBody(request)
      if (body === null) return plain(413, 'the request is longer than any checkpoint\n')
      const answering = last.then(() => addCheckpoint(body))
      last = answering.catch(() => null)
      const answer = await answering
      return new Response(answer.body, {
        status: answer.status,
        headers: { 'content-type': answer.contentType },
      })
    }
    if (request.method !== 'GET') return plain(405, 'only GET here\n')
    if (pathname === '/') return plain(200, `${vkey}\n`)
    if (pathname === '/healthz') return plain(200, 'ok\n')
    for (const [origin, { note }] of state) {
      if (pathname === `/${headName(origin)}`) return plain(200, note)
    }
    return plain(404, 'nothing here\n')
  }
}

// The path under which monitors fetch the head is also its place on disk.
function headName(origin: string): string {
  return `${sha256Hex(encodeUtf8(origin))}/checkpoint`
}

async function restoreState(directory: string, witness: Witness): Promise<WitnessState> {
  const heads = new Map()
  for (const { origin } of witness.logs) {
    const bytes = await readIfPresent(directory, headName(origin))
    if (bytes === null) continue
    const [found, head] = await restoreHead(witness, decodeUtf8(bytes))
    if (found !== origin) throw new Error(`${join(directory, headName(origin))} is a head of ${found}`)
    heads.set(origin, head)
  }
  return heads
}

const maximumBodyLength = 1_000_000

async function readBody(request: Request): Promise<string | null> {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > maximumBodyLength) return null
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function plain(status: number, body: string): Response {
  return new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
