/** `fairweight start`: the main job on the embedded defaults. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { confirm, isCancel } from '@clack/prompts'
import { InvalidArgumentError, type Command } from 'commander'
import { openHome, RUN_FOLDERS, type Home } from './home.ts'
import { start, STOPPED } from './main-job.ts'
import { createScreen } from './screen/index.ts'
import { SetupError } from './setup/index.ts'

const checkout = dirname(dirname(import.meta.dirname))

interface StartFlags {
  once?: boolean
  fresh?: boolean
  yes?: boolean
  port: number
  example?: string
  weights?: string
  python?: string
}

const ENVIRONMENT = `
Environment:
  FAIRWEIGHT_HOME          the data folder; else .fairweight in the checkout
  FAIRWEIGHT_PYTHON        the Python to train with; else the newest that is found
  FAIRWEIGHT_DATABASE_URL  a PostgreSQL to use; else one of its own
  PIP_INDEX_URL, HTTPS_PROXY, NO_COLOR   as everywhere`

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('turn the example’s private data into a trained, served, paid and audited model')
    .option('--once', 'end after the audit, with its exit code')
    .option('--fresh', 'start over: remove earlier runs, after asking; downloads stay')
    .option('--yes', 'do not ask')
    .option('--port <number>', 'where to serve, on this machine only', readPort, 8484)
    .option('--example <folder>', 'another example pool than examples/meadow', readExample)
    .option('--weights <file>', 'another base model: a llama GGUF with a ChatML vocabulary', readFile)
    .option('--python <file>', 'an interpreter that has trainer/requirements.txt installed already', readFile)
    .addHelpText('after', ENVIRONMENT)
    .action(async (options: StartFlags) => {
      const home = openHome(checkout, process.env, options.example)
      if (options.fresh === true && options.yes !== true && hasRuns(home)) {
        const refusal = await refusalToRemove(home)
        if (refusal !== undefined) {
          process.stderr.write(`${refusal}\n`)
          process.exitCode = 2
          return
        }
      }
      await runUntilStopped(home, options)
    })
}

/** Sets the exit code. Ctrl-C ends the work cleanly wherever it is, and is no failure of any step. */
async function runUntilStopped(home: Home, options: StartFlags): Promise<void> {
  let stopping = false
  const screen = createScreen({
    out: process.stdout,
    isTerminal: process.stdout.isTTY,
    now: () => performance.now(),
    columns: () => process.stdout.columns,
    stopping: () => stopping,
  })
  const stopped = new Promise<void>((settle) => {
    const stop = () => {
      // A terminal signals the whole group and npm passes it on, so it may come twice.
      if (stopping) return
      stopping = true
      screen.say('Stopping …')
      settle()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  })
  const job = start({
    home,
    screen,
    port: options.port,
    once: options.once === true,
    fresh: options.fresh === true,
    weights: options.weights ?? null,
    python: options.python ?? null,
    stopped,
  })
  process.exitCode = await job.catch((error: unknown) => {
    if (!stopping && !(error instanceof SetupError && error.code === 'stopped')) throw error
    return STOPPED
  })
  if (!stopping) return
  screen.close()
  screen.say('Stopped. Run it again and it goes on where it was.')
  // What was under way may still wait for something that will not come.
  process.exit()
}

function hasRuns(home: Home): boolean {
  return RUN_FOLDERS.some((name) => existsSync(home.path(name)))
}

/** Undefined where the person is sure. */
async function refusalToRemove({ root }: Home): Promise<string | undefined> {
  if (!process.stdin.isTTY) return 'Nothing was removed. Nobody can answer here: add --yes to start over.'
  const sure = await confirm({
    message: `Remove all earlier runs in ${root}: the model, all receipts, all keys?`,
    initialValue: false,
  })
  return !isCancel(sure) && sure ? undefined : 'Nothing was removed.'
}

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return port
}

function readFile(text: string): string {
  const path = resolve(text)
  if (!existsSync(path) || !statSync(path).isFile()) throw new InvalidArgumentError('There is no such file.')
  return path
}

function readExample(text: string): string {
  const path = resolve(text)
  if (!existsSync(join(path, 'contributors.json')))
    throw new InvalidArgumentError('No example: it holds no contributors.json.')
  return path
}
