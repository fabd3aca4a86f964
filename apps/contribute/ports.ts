/** What the commands take from outside, so that tests can bring their own. */
import { randomBytes } from 'node:crypto'
import { confirm, isCancel } from '@clack/prompts'
import type { Bytes } from '#bytes'
import { createScreen, type Report } from '../start/screen/index.ts'
import { appraiseNode, type AppraiseNode } from './appraise.ts'

export type { Report }

export interface ContributePorts {
  readonly appraiseNode: AppraiseNode
  readonly fetch: typeof fetch
  readonly now: () => Date
  readonly random: (length: number) => Bytes
  /** For people, beside the result. */
  readonly say: (line: string) => void
  /** Runs `work` and shows how far it is. */
  readonly step: <T>(title: string, work: (report: Report) => Promise<T>) => Promise<T>
  /** The result. */
  readonly print: (text: string) => void
  /** Whether a person can answer. */
  readonly interactive: boolean
  readonly confirm: (question: string) => Promise<boolean>
}

const screen = createScreen({
  out: process.stderr,
  isTerminal: process.stderr.isTTY,
  now: () => performance.now(),
  columns: () => process.stderr.columns,
})

export const realPorts: ContributePorts = {
  appraiseNode,
  fetch: (input, init) => fetch(input, init),
  now: () => new Date(),
  random: (length) => new Uint8Array(randomBytes(length)),
  say: screen.say,
  step: screen.step,
  print: (text) => void process.stdout.write(`${text}\n`),
  interactive: process.stdin.isTTY && process.stderr.isTTY,
  async confirm(question) {
    const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
    return !isCancel(answer) && answer
  },
}
