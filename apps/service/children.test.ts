import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { runCommand, startService } from './children.ts'

async function entry(t: TestContext, code: string): Promise<{ path: string; diagnostics: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'fairweight-children-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'entry.mjs')
  await writeFile(path, code)
  return { path, diagnostics: join(folder, 'diagnostics/entry.log') }
}

test('a service is ready when it says where it listens, whatever it says before', async (t) => {
  const { path, diagnostics } = await entry(
    t,
    `process.once('SIGTERM', () => process.exit(7))
     process.stdin.resume()
     console.log('{"level":50,"msg":"early"}')
     console.log('{"listening":"http://127.0.0.1:1"}')
     console.log('{"level":30,"msg":"late"}')`,
  )
  const service = await startService(path, [], diagnostics)
  assert.deepEqual(service.ready, { listening: 'http://127.0.0.1:1' })
  await service.stop()
  assert.equal(await service.ended, 7)
  assert.match(await readFile(diagnostics, 'utf8'), /early/)
})

test('a service that ends before it is ready is told by its last words, without a stack', async (t) => {
  const { path, diagnostics } = await entry(
    t,
    `console.error('The port is taken.\\n    at somewhere'); process.exit(1)`,
  )
  await assert.rejects(startService(path, [], diagnostics), { message: 'The port is taken.' })
})

test('a command runs as a stranger’s would: with its own environment and nothing of ours', async (t) => {
  process.env['FAIRWEIGHT_TEST_LEAK'] = 'ours'
  const { path } = await entry(
    t,
    `console.log(String(process.env.FAIRWEIGHT_TEST_LEAK)); console.error('x'); process.exitCode = 3`,
  )
  assert.deepEqual(await runCommand(path, []), { code: 3, stdout: 'undefined', stderr: 'x' })
  delete process.env['FAIRWEIGHT_TEST_LEAK']
})
