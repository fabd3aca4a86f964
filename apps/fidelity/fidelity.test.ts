import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { registerFidelity } from './index.ts'

/** Runs the command against a node that answers from `answers`, by path. */
async function run(
  args: readonly string[],
  answers: Readonly<Record<string, [status: number, body: unknown]>>,
) {
  const said: string[] = []
  const printed: string[] = []
  const asked: { readonly url: string; readonly authorization: string | null }[] = []
  const program = new Command().exitOverride()
  registerFidelity(program, {
    env: { FAIRWEIGHT_OPERATOR_TOKEN: 'fwop-secret' },
    fetch: async (input, init) => {
      const url = input instanceof Request ? input.url : input.toString()
      asked.push({ url, authorization: new Headers(init?.headers).get('authorization') })
      const [status, body] = answers[new URL(url).pathname] ?? [404, {}]
      return Response.json(body, { status })
    },
    print: (text) => void printed.push(text),
    say: (line) => void said.push(line),
  })
  process.exitCode = 0
  await program.parseAsync(['fidelity', ...args], { from: 'user' })
  const code = process.exitCode
  process.exitCode = 0
  return { code, said: said.join('\n'), printed: printed.join(''), asked }
}

const ROUTE = '/v1/operator/fidelity'

test('asked for without waiting, it says how far the node is', async () => {
  const running = { state: 'running', done: 3, total: 32, statement: null }
  const { code, printed, asked } = await run(['--no-wait', 'http://127.0.0.1:8484'], {
    [ROUTE]: [202, running],
  })
  assert.equal(code, 0)
  assert.equal(printed, 'Fidelity: running, 3 of 32 coalitions.\n')
  assert.equal(asked[0]?.authorization, 'Bearer fwop-secret')
})

test('what the node refuses is told in its words, and fails', async () => {
  const error = { error: { code: 'no_fidelity', message: 'The policy’s method is tokens.' } }
  const { code, said } = await run([], { [ROUTE]: [409, error] })
  assert.equal(code, 1)
  assert.match(said, /method is tokens/)
})

test('a measurement that failed fails, and one that nobody published is not believed', async () => {
  const failed = { state: 'failed', done: 3, total: 32, statement: null }
  assert.equal((await run([], { [ROUTE]: [202, failed] })).code, 1)
  const stated = { state: 'stated', done: 32, total: 32, statement: 'ab'.repeat(32) }
  const unpublished = await run([], { [ROUTE]: [202, stated], '/v1/record': [200, { format: 'another' }] })
  assert.equal(unpublished.code, 1)
  assert.equal(unpublished.printed, '')
})

test('the operator’s token never crosses a network in the open', async () => {
  const { code, asked } = await run(['http://node.example'], {})
  assert.equal(code, 2)
  assert.equal(asked.length, 0)
})
