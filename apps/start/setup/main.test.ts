import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakePython } from './testing/fake-python.ts'

const run = (args: readonly string[], env: NodeJS.ProcessEnv) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { env, encoding: 'utf8' })

test('the last line on standard output is the interpreter, and progress goes to standard error', async (t) => {
  const fake = await fakePython()
  t.after(() => fake.remove())
  const env = { ...fake.env, FAIRWEIGHT_PYTHON: await fake.add('mine', '3.11.7') }
  const made = run(['--python', '--tests', '--home', fake.home], env)
  assert.equal(made.stdout, `${join(fake.home, 'python-tests/bin/python')}\n`, made.stderr)
  assert.equal(made.status, 0)
  assert.match(made.stderr, /^Installing PyTorch .* …\n.* 265 MB to download.*\n.*: done in .* s\n$/s)
  const again = run(['--python', '--tests'], { ...env, FAIRWEIGHT_HOME: fake.home })
  assert.deepEqual([again.stdout, again.stderr, again.status], [made.stdout, '', 0])
})

test('a refusal is one sentence on standard error and exit code 1', async (t) => {
  const fake = await fakePython()
  t.after(() => fake.remove())
  const refused = run(['--python', '--home', fake.home], fake.env)
  assert.deepEqual([refused.stdout, refused.status], ['', 1])
  assert.match(refused.stderr, /^Training needs Python .*\n$/)
  assert.equal(run([], fake.env).status, 1)
})
