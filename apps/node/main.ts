/**
 * A node as its own process: `node apps/node/main.ts --settings FILE`.
 *
 * Prints one JSON line once it listens. Ends on SIGTERM, SIGINT, or when its parent is gone, after open calls ended.
 */
import { parseArgs } from 'node:util'
import { endWithParent } from '../service/children.ts'
import { startNode } from './compose.ts'
import { readSettings } from './settings.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { settings: { type: 'string' }, 'with-parent': { type: 'boolean' } },
  })
  if (values.settings === undefined) throw new Error('--settings FILE is needed')
  const running = await startNode(await readSettings(values.settings), (line) =>
    process.stderr.write(`${line}\n`),
  )
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await running.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())
  if (values['with-parent'] === true) endWithParent(() => void stop())
  process.stdout.write(
    `${JSON.stringify({ listening: running.url, node: running.node, term: running.term })}\n`,
  )
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
