/** The contributor's commands in a test, against the harness of ingest, with what they say and print. */
import { Command } from 'commander'
import { openStatement, policy, type Keyset, type PublicStatement } from '#statements'
import type { Harness } from '../../node/ingest/testing/harness.ts'
import { ContributeError, registerContribute, type AppraiseNode, type ContributePorts } from '../index.ts'

export interface Ran {
  readonly code: number
  readonly said: string
  /** On standard output. */
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly printed: any
}

export async function run(args: readonly string[], given: Partial<ContributePorts>): Promise<Ran> {
  const said: string[] = []
  const printed: string[] = []
  const program = new Command().exitOverride()
  registerContribute(program, {
    say: (line) => void said.push(line),
    step: (title, work) => (said.push(title), work(() => undefined)),
    print: (line) => void printed.push(line),
    interactive: false,
    ...given,
  })
  process.exitCode = 0
  await program.parseAsync(args, { from: 'user' })
  const code = process.exitCode
  process.exitCode = 0
  const text = printed.join('\n')
  return { code, said: said.join('\n'), text, printed: text.startsWith('{') ? JSON.parse(text) : undefined }
}

/** The machine of the harness has no evidence: appraise.test.ts judges real evidence. */
export function trusting(
  harness: () => Harness,
  seen: () => { readonly keysets: readonly Keyset[]; readonly statements: readonly PublicStatement[] },
): AppraiseNode {
  return async ({ policy: digest }) => {
    const { context } = harness()
    const stored = await context.statements.find(digest)
    if (stored === undefined)
      throw new ContributeError(1, 'Nothing was sent. The node is not trusted: another policy.')
    const opened = await openStatement(policy, stored.envelope)
    const { keyset } = context.machine
    return { policy: opened, pool: opened.digest, keyset, ...seen(), simulated: true }
  }
}
