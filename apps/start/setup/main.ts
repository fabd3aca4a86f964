/**
 * Sets up what one command needs and prints where it is:
 *
 *   node apps/start/setup/main.ts --python [--tests] [--weights] [--home DIR]
 *
 * Progress goes to standard error. Standard output ends with the weights' path, where they were asked for, and
 * then the interpreter's path as the last line.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createScreen } from '../screen/index.ts'
import { SetupError } from './errors.ts'
import { preflight } from './preflight.ts'
import { ensurePython } from './python.ts'
import { ensureWeights } from './weights.ts'

const root = resolve(import.meta.dirname, '../../..')

async function main(): Promise<void> {
  const { tests, weights, home } = readOptions()
  const source = join(root, 'trainer')
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  const { signal } = stop
  const screen = createScreen({
    out: process.stderr,
    isTerminal: process.stderr.isTTY,
    now: () => performance.now(),
    columns: () => process.stderr.columns,
  })
  const { needs } = await preflight({ home, source, tests, weights })
  const { python } = needs.python
    ? await screen.step('Installing PyTorch and what goes with it', (report) =>
        ensurePython({ home, source, tests, report, say: (line) => screen.say(line), signal }),
      )
    : await ensurePython({ home, source, tests, report: () => {}, signal })
  if (weights) {
    const title = needs.weights ? 'Downloading the base model' : 'Checking the base model'
    const path = await screen.step(title, (report) => ensureWeights({ home, python, report, signal }))
    process.stdout.write(`${path}\n`)
  }
  process.stdout.write(`${python}\n`)
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      python: { type: 'boolean', default: false },
      tests: { type: 'boolean', default: false },
      weights: { type: 'boolean', default: false },
      home: { type: 'string' },
    },
  })
  if (!values.python) throw new Error('usage: main.ts --python [--tests] [--weights] [--home DIR]')
  const { tests, weights } = values
  const home = resolve(values.home || process.env['FAIRWEIGHT_HOME'] || join(root, '.fairweight'))
  return { tests, weights, home }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof SetupError && error.code === 'stopped' ? 130 : 1
}
