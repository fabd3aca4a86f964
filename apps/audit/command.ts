/** The two commands of this folder, for `apps/cli`. */
import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { runExport } from './export.ts'
import { runAudit, type AuditPorts } from './run.ts'

interface AuditOptions {
  readonly offline?: string
  readonly anchors?: string
  readonly receipts?: readonly string[]
  readonly json?: true
}

const PORTS: AuditPorts = {
  fetch: (...request) => globalThis.fetch(...request),
  now: () => new Date(),
  randomBytes: (size) => new Uint8Array(randomBytes(size)),
  write: (text) => void process.stdout.write(text),
  warn: (text) => void process.stderr.write(text),
  look: () => ({
    // Any value of NO_COLOR but the empty one asks for none (no-color.org).
    colour: process.stdout.isTTY && !process.env['NO_COLOR'],
    columns: process.stdout.columns ?? (Number(process.env['COLUMNS']) || 100),
  }),
}

export function registerAudit(program: Command, ports: AuditPorts = PORTS): void {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]
  program
    .command('audit')
    .description('check a pool that you do not trust: 0 nothing failed, 1 something failed, 2 could not tell')
    .argument('[url]', 'the pool’s address')
    .option('--offline <folder>', 'an exported folder instead; nothing crosses the network')
    .option('--anchors <file>', 'what you know of the pool from elsewhere')
    .option('--receipts <folder>', 'contribution and call records to find in the pool (repeatable)', collect)
    .option('--json', 'the result as one JSON object')
    .action(async (url: string | undefined, options: AuditOptions) => {
      const { offline, anchors, receipts = [], json } = options
      const args = {
        ...(url !== undefined && { url }),
        ...(offline !== undefined && { offline }),
        ...(anchors !== undefined && { anchors }),
        receipts,
        json: json === true,
      }
      process.exitCode = await runAudit(args, ports)
    })
  program
    .command('export')
    .description('write a pool’s public files to a folder, for an audit offline')
    .argument('<url>', 'the pool’s address')
    .argument('<folder>', 'an empty or new folder')
    .action(async (url: string, folder: string) => {
      process.exitCode = await runExport(url, folder, ports)
    })
}
