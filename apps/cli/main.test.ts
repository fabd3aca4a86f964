import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const bin = join(import.meta.dirname, '../../bin')
const fairweight = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(bin, 'fairweight.mjs'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FAIRWEIGHT_HOME: join(tmpdir(), 'fairweight-nowhere') },
  })

test('help names every command, and every command has help', () => {
  const { status, stdout } = fairweight('--help')
  assert.equal(status, 0)
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) {3,}/gm)].map(([, name]) => name!)
  assert.deepEqual(commands, [
    'start',
    'contribute',
    'contributions',
    'statement',
    'payee',
    'audit',
    'export',
    'fidelity',
    'key',
    'invoice',
    'refund',
    'status',
    'doctor',
    'measure',
  ])
  for (const command of commands) {
    const help = fairweight(command, '--help')
    assert.deepEqual([help.status, help.stderr], [0, ''], command)
    assert.match(help.stdout, new RegExp(`^Usage: fairweight ${command} `))
  }
})

const wrong: readonly (readonly string[])[] = [
  [],
  ['nonsense'],
  ['start', '--nonsense'],
  ['start', 'extra'],
  ['start', '--port', 'abc'],
  ['start', '--port', '70000'],
  ['start', '--weights', '/nowhere.gguf'],
  ['start', '--python', '/nowhere'],
  ['start', '--example', '/nowhere'],
  ['start', '--fresh', '--port'],
  ['contribute'],
  ['contribute', 'a.jsonl', '--pool', 'http://127.0.0.1:1'],
  ['contribute', 'a.jsonl', '--pool', 'nowhere', '--policy', 'a'],
  ['statement', '--home', '/nowhere'],
  ['audit'],
  ['audit', 'ftp://nowhere'],
  ['export', 'http://127.0.0.1:1'],
  ['key'],
  ['key', 'rotate', '--pool', 'https://nowhere.example'],
  ['key', 'rotate', '--pool', 'http://127.0.0.1:1', '--key-file', '/nowhere'],
  ['key', 'revoke', 'fw-secret', '--pool', 'http://127.0.0.1:1'],
  ['key', 'list', '--pool', 'http://127.0.0.1:1', '--buyer', 'b', '--home', '/nowhere'],
  ['invoice', '2026-13', '--pool', 'http://127.0.0.1:1'],
  ['invoice', '2026-11', '--pool', 'http://127.0.0.1:1', '--format', 'pdf'],
  ['status', 'http://127.0.0.1:1', '--home', '/nowhere'],
  ['doctor', '--port', '0'],
  ['refund', 'buyer-1', '--pool', 'http://127.0.0.1:1', '--amount', '1.5', '--reference', 'a'],
  ['measure', '/nowhere'],
]
for (const args of wrong) {
  test(`wrong use ends with code 2 and words without a stack: ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = fairweight(...args)
    assert.deepEqual([status, stdout], [2, ''])
    assert.ok(stderr.length > 20 && !stderr.includes('    at '), stderr)
  })
}

test('output that nobody reads ends a command without a stack', async () => {
  const child = spawn(process.execPath, [join(bin, 'fairweight.mjs'), 'measure', '--files'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => void (said += bytes.toString('utf8')))
  assert.deepEqual(await once(child, 'close'), [141, null])
  assert.equal(said, '')
})

test('under the Node of npm it stops when the Node that called it is gone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fairweight-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const entry = join(folder, 'entry.ts')
  writeFileSync(entry, 'console.log("up" as string)\nsetInterval(() => {}, 1000)\n')
  const child = spawn(process.execPath, [join(bin, 'run.mjs'), entry], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  child.disconnect()
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
})
