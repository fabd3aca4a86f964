/**
 * `fairweight audit`: reads a pool and what parties keep, and has the one function in #verifier judge it.
 *
 * Exit codes: 0 nothing failed, 1 something failed, 2 could not tell (unreachable and unreadable included).
 */
import { decodeUtf8, encodeHex, parseJson, type Bytes } from '#bytes'
import { audit, type AuditInput, type AuditResult } from '#verifier'
import { ReadError } from './errors.ts'
import { readPoolFiles } from './pool-files.ts'
import { readReceipts } from './receipts.ts'
import { formatReport, type Look } from './report.ts'
import { folderSource, httpSource, readLimited, type Limits, type Source } from './source.ts'

export interface AuditArgs {
  /** The pool's address; or a folder, and nothing crosses the network. */
  readonly url?: string
  readonly offline?: string
  readonly anchors?: string
  readonly receipts: readonly string[]
  readonly json: boolean
}

/** The world, which tests replace. */
export interface AuditPorts {
  readonly fetch: typeof globalThis.fetch
  readonly now: () => Date
  readonly randomBytes: (size: number) => Bytes
  readonly write: (text: string) => void
  readonly warn: (text: string) => void
  readonly look: () => Look
  readonly limits?: Limits
}

export async function runAudit(args: AuditArgs, ports: AuditPorts): Promise<0 | 1 | 2> {
  try {
    const { input, source, files } = await readAll(args, ports)
    const result = await audit(input)
    ports.write(
      args.json
        ? `${JSON.stringify(result, null, 2)}\n`
        : formatReport(result, source.name, files, ports.look()),
    )
    return exitCodeOf(result)
  } catch (error) {
    if (!(error instanceof ReadError)) throw error
    ports.warn(`could not tell: ${error.message}\n`)
    return 2
  }
}

export function exitCodeOf({ verdict }: AuditResult): 0 | 1 | 2 {
  return ({ pass: 0, fail: 1, unknown: 2 } as const)[verdict]
}

async function readAll(
  args: AuditArgs,
  ports: AuditPorts,
): Promise<{ input: AuditInput; source: Source; files: ReadonlyMap<string, string> }> {
  const source = sourceOf(args, ports)
  const anchors = args.anchors === undefined ? undefined : await readAnchorsFile(args.anchors)
  const receipts = await readReceipts(args.receipts)
  if (receipts.ignored > 0) ports.warn(`JSON files that are no receipts were left out: ${receipts.ignored}\n`)
  const { record, checkpoint, entries } = await readPoolFiles(source)
  const fresh = args.url === undefined ? undefined : await askMachine(source, ports)
  const input: AuditInput = {
    record,
    log: { checkpoint, entries },
    ...(fresh && { fresh }),
    ...(anchors !== undefined && { anchors }),
    contributions: receipts.contributions,
    calls: receipts.calls,
    at: ports.now(),
  }
  return { input, source, files: receipts.files }
}

function sourceOf({ url, offline }: AuditArgs, { fetch, limits }: AuditPorts): Source {
  if (url !== undefined && offline !== undefined) {
    throw new ReadError('usage', 'name an address or an offline folder, not both')
  }
  if (offline !== undefined) return folderSource(offline)
  if (url !== undefined) return httpSource(url, fetch, limits)
  throw new ReadError('usage', 'name the address of a pool, or a folder with --offline')
}

async function readAnchorsFile(file: string): Promise<unknown> {
  const bytes = await readLimited(file, 1_000_000)
  try {
    return parseJson(decodeUtf8(bytes))
  } catch {
    throw new ReadError('unreadable', `${file} is not JSON`)
  }
}

const EVIDENCE_BYTES = 8_000_000

/** Evidence over a nonce that nobody could know before; null where the machine gives none. */
async function askMachine(source: Source, ports: AuditPorts): Promise<NonNullable<AuditInput['fresh']>> {
  const nonce = encodeHex(ports.randomBytes(32))
  try {
    const bytes = await source.read(`v1/attestation?nonce=${nonce}`, EVIDENCE_BYTES)
    const answer = parseJson(decodeUtf8(bytes))
    const envelope = (answer as { envelope?: unknown } | null)?.envelope
    return { nonce, evidence: envelope ?? null }
  } catch (error) {
    ports.warn(`no live evidence: ${error instanceof Error ? error.message : String(error)}\n`)
    return { nonce, evidence: null }
  }
}
