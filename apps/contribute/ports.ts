/** What the commands take from outside, so that tests can bring their own. */
import { randomBytes } from 'node:crypto'
import { confirm, isCancel } from '@clack/prompts'
import type { Bytes } from '#bytes'
import { appraiseNode, type AppraiseNode } from './appraise.ts'

export interface ContributePorts {
  readonly appraiseNode: AppraiseNode
  readonly fetch: typeof fetch
  readonly now: () => Date
  readonly random: (length: number) => Bytes
  /** For people. */
  readonly say: (line: string) => void
  /** The result, where `--json` asks for it. */
  readonly print: (line: string) => void
  /** Whether a person can answer and lines can be drawn over. */
  readonly interactive: boolean
  readonly confirm: (question: string) => Promise<boolean>
}

export const realPorts: ContributePorts = {
  appraiseNode,
  fetch: (input, init) => fetch(input, init),
  now: () => new Date(),
  random: (length) => new Uint8Array(randomBytes(length)),
  say: (line) => void process.stderr.write(`${line}\n`),
  print: (line) => void process.stdout.write(`${line}\n`),
  interactive: process.stdin.isTTY && process.stderr.isTTY,
  async confirm(question) {
    const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
    return !isCancel(answer) && answer
  },
}
