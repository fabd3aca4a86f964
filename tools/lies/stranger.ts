/**
 * A stranger who audits what it is shown, by the command that everyone has; only the clock is the tale's.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Envelope } from '#seal'
import type { Anchors } from '#statements'
import type { AuditResult } from '#verifier'
import { runAudit, type AuditArgs } from '../../apps/audit/index.ts'
import type { Told } from './tell.ts'

/** The live machine's answer to a nonce. */
export type Answer = (nonce: string) => Promise<Envelope>

/** Writes what an auditor and the parties have; the log lies in the folder already. */
export async function showFiles(
  folder: string,
  { record, contributions, calls }: Told,
  anchors: Anchors,
  silent: readonly string[],
): Promise<void> {
  await writeJson(join(folder, 'record.json'), record)
  await writeJson(join(folder, 'anchors.json'), anchors)
  await mkdir(join(folder, 'parties'), { recursive: true })
  for (const [file, kept] of [...contributions, ...calls])
    if (!silent.includes(file)) await writeJson(join(folder, 'parties', file), kept)
}

/** With `answer` the pool is asked over HTTP, and so is its machine. */
export async function auditAs(folder: string, at: Date, answer: Answer | null): Promise<AuditResult> {
  const known = { anchors: join(folder, 'anchors.json'), receipts: [join(folder, 'parties')], json: true }
  return answer === null
    ? run({ offline: folder, ...known }, at)
    : served(folder, answer, (url) => run({ url, ...known }, at))
}

async function run(args: AuditArgs, at: Date): Promise<AuditResult> {
  let [out, err] = ['', '']
  const code = await runAudit(args, {
    fetch: (...request) => globalThis.fetch(...request),
    now: () => at,
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    write: (text) => void (out += text),
    warn: (text) => void (err += text),
    look: () => ({ colour: false, columns: 120 }),
  })
  if (out === '') throw new Error(`the audit could not begin (code ${code}): ${err}`)
  return JSON.parse(out) as AuditResult
}

async function served<T>(folder: string, answer: Answer, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://pool')
    const file = pathname === '/v1/record' ? 'record.json' : pathname.slice(1)
    const content =
      pathname === '/v1/attestation'
        ? answer(searchParams.get('nonce') ?? '').then((envelope) => JSON.stringify({ envelope }))
        : readFile(join(folder, file))
    content.then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, JSON.stringify(value))
}
