/** What the commands take from outside, so that tests can bring their own. */
import { randomBytes } from 'node:crypto'
import type { Bytes } from '#bytes'
import { appraiseNode, type AppraiseNode } from '../contribute/appraise.ts'

export interface AccountPorts {
  readonly appraiseNode: AppraiseNode
  readonly fetch: typeof fetch
  readonly now: () => Date
  readonly random: (length: number) => Bytes
  readonly env: Readonly<Record<string, string | undefined>>
  /** The result. */
  readonly print: (text: string) => void
  /** For people, beside the result. */
  readonly say: (line: string) => void
}

export const realPorts: AccountPorts = {
  appraiseNode,
  fetch: (input, init) => fetch(input, init),
  now: () => new Date(),
  random: (length) => new Uint8Array(randomBytes(length)),
  env: process.env,
  print: (text) => void process.stdout.write(text),
  say: (line) => void process.stderr.write(`${line}\n`),
}
