/** `fairweight start`: the main job on the embedded defaults. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { confirm, isCancel } from '@clack/prompts'
import type { Command } from 'commander'
import { openHome } from './home.ts'
import { start } from './main-job.ts'
import { createScreen } from './screen/index.ts'

const checkout = dirname(dirname(import.meta.dirname))

interface StartFlags {
  once?: boolean
  fresh?: boolean
  yes?: boolean
  port: string
  example?: string
  weights?: string
  python?: string
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('turn the example’s private data into a trained, served, paid and audited model')
    .option('--once', 'end after the audit, with its exit code')
    .option('--fresh', 'start over: remove everything of earlier runs, after asking')
    .option('--yes', 'do not ask')
    .option('--port <number>', 'where to serve', '8484')
    .option('--example <folder>', 'another example pool than examples/meadow')
    .option('--weights <file>', 'another base model: a llama GGUF with a ChatML vocabulary')
    .option('--python <file>', 'an interpreter that has trainer/requirements.txt installed already')
    .action(async (options: StartFlags) => {
      const home = openHome(checkout, process.env, options.example)
      if (
        options.fresh === true &&
        options.yes !== true &&
        existsSync(home.root) &&
        !(await isSure(home.root))
      ) {
        process.exitCode = 2
        return
      }
      const screen = createScreen({
        out: process.stdout,
        isTerminal: process.stdout.isTTY,
        now: () => performance.now(),
        columns: () => process.stdout.columns,
      })
      const stopped = new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
      })
      process.exitCode = await Promise.race([
        start({
          home,
          screen,
          port: Number(options.port),
          once: options.once === true,
          fresh: options.fresh === true,
          weights: options.weights ?? null,
          python: options.python ?? null,
          stopped,
        }),
        // Before serving, a stop ends the process: the children end with it, and the next run goes on.
        stopped.then(() => new Promise<number>((resolve) => setTimeout(() => resolve(130), 25_000).unref())),
      ])
    })
}

async function isSure(root: string): Promise<boolean> {
  const sure = await confirm({
    message: `Remove ${root} and everything in it: the model, all receipts, all keys?`,
    initialValue: false,
  })
  return !isCancel(sure) && sure
}
