import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Command } from 'commander'
import { baseModel, ensurePython } from '../start/setup/index.ts'
import { fakePython } from '../start/setup/testing/fake-python.ts'
import { weightsPath } from '../start/setup/weights.ts'
import { examine, type Machine } from './checks.ts'
import { registerDoctor } from './command.ts'
import { CHECKS, look, type CheckId, type Finding } from './finding.ts'

const NOW = new Date('2026-11-25T12:00:00Z')
const checkout = dirname(dirname(import.meta.dirname))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

async function machineOf(t: TestContext) {
  const fake = await fakePython()
  t.after(() => fake.remove())
  const machine: Machine = {
    checkout,
    home: fake.home,
    source: fake.source,
    port: await freePort(),
    python: null,
    env: { ...fake.env, PIP_NO_INDEX: '', PIP_INDEX_URL: 'https://me:s3cret@index.example/simple' },
    nodeVersion: '24.2.0',
    user: process.getuid?.(),
    memoryBytes: 8e9,
    cores: 2,
    now: () => NOW,
    freeBytes: async () => 50e9,
    reach: async () => undefined,
    fetch: async () => new Response(null, { headers: { date: NOW.toUTCString() } }),
  }
  const find = async (id: CheckId, more: Partial<Machine> = {}): Promise<Finding> =>
    (await examine({ ...machine, ...more })).find((one) => one.id === id)!
  return { fake, machine, find }
}

test('a machine before its first start lacks nothing but what the start brings, and nothing on it changes', async (t) => {
  const { fake, machine } = await machineOf(t)
  await fake.add('python3.12', '3.12.1')
  const findings = await examine(machine)
  assert.deepEqual(
    findings.map(({ id }) => id),
    [...CHECKS],
  )
  const told = Object.fromEntries(findings.map(({ id, state }) => [id, state]))
  assert.deepEqual(
    Object.entries(told).filter(([, state]) => state !== 'ok'),
    [
      ['trainer', 'warning'],
      ['weights', 'warning'],
    ],
  )
  assert.equal(existsSync(machine.home), false)
  assert.deepEqual(await fake.pipCommands(), [])
  assert.ok(!JSON.stringify(findings).includes('s3cret'))
})

test('each thing that is missing is told with what to do, and the others are looked at all the same', async (t) => {
  const { fake, machine, find } = await machineOf(t)
  await fake.add('python3', '3.9.2')
  const unreachable = async () => {
    throw new Error('no route')
  }
  const findings = await examine({
    ...machine,
    nodeVersion: '22.1.0',
    freeBytes: async () => 1e9,
    reach: unreachable,
    env: { ...machine.env, FAIRWEIGHT_DATABASE_URL: 'postgres://me:p4ss@127.0.0.1:1/x' },
    fetch: async () => new Response(null, { headers: { date: 'Wed, 25 Nov 2026 12:11:00 GMT' } }),
  })
  const missing = findings.filter(({ state }) => state === 'missing')
  assert.deepEqual(
    missing.map(({ id }) => id),
    ['node', 'disk', 'clock', 'database', 'python', 'network'],
  )
  for (const { id, todo } of missing) assert.ok(todo !== null && todo.length > 10, id)
  assert.ok(!/p4ss|s3cret/.test(JSON.stringify(findings)))
  assert.deepEqual((await find('memory', { memoryBytes: 4e9 })).state, 'warning')
  assert.deepEqual((await find('cores', { cores: 1 })).state, 'warning')
  assert.equal((await find('folder', { home: join(fake.source, 'requirements.txt', 'x') })).state, 'missing')
})

test('a clock is held against others’ and against what was written before', async (t) => {
  const { fake, machine, find } = await machineOf(t)
  await fake.add('python3.12', '3.12.1')
  const at = (date: string) => ({ fetch: async () => new Response(null, { headers: { date } }) })
  assert.equal((await find('clock', at('Wed, 25 Nov 2026 12:00:59 GMT'))).state, 'ok')
  assert.equal((await find('clock', at('Wed, 25 Nov 2026 11:58:00 GMT'))).state, 'warning')
  assert.equal((await find('clock', at('Wed, 25 Nov 2026 11:00:00 GMT'))).state, 'missing')
  assert.equal((await find('clock', at('half past twelve'))).state, 'unknown')
  const offline = { fetch: () => Promise.reject(new TypeError('offline')) }
  assert.equal((await find('clock', offline)).state, 'unknown')
  await mkdir(join(machine.home, 'operator'), { recursive: true })
  const policy = join(machine.home, 'operator/policy-1.json')
  await writeFile(policy, '{}')
  const later = new Date(NOW.getTime() + 120_000)
  await utimes(policy, later, later)
  assert.equal((await find('clock')).state, 'missing')
})

test('a port is free, or a node of ours has it, or it is in the way', async (t) => {
  const { machine, find } = await machineOf(t)
  const answers = { body: '{"status":"ok","simulated":true,"node":"node-1","term":3}' }
  const server = createHttpServer((_request, response) => response.end(answers.body))
  await new Promise<void>((listening) => server.listen(machine.port, '127.0.0.1', listening))
  t.after(() => server.close())
  const real = { fetch: (...of: Parameters<typeof fetch>) => fetch(...of) }
  const ours = await find('port', real)
  assert.deepEqual([ours.state, /term 3/.test(ours.found)], ['ok', true])
  answers.body = '<html>'
  assert.equal((await find('port', real)).state, 'missing')
  answers.body = '{"status":"ok"}'
  assert.equal((await find('port', real)).state, 'missing')
})

test('a secret that others can read, that is another’s, or that is a link is named; its content is not', async (t) => {
  const { machine, find } = await machineOf(t)
  await mkdir(join(machine.home, 'buyers/ann'), { recursive: true })
  await mkdir(join(machine.home, 'operator'))
  const key = join(machine.home, 'buyers/ann/key.json')
  await writeFile(key, '{"apiKey":"fw-s3cret"}', { mode: 0o600 })
  assert.deepEqual((await find('permissions')).state, 'ok')
  await chmod(key, 0o640)
  const open = await find('permissions')
  assert.deepEqual([open.state, open.found], ['warning', 'others can read or change buyers/ann/key.json'])
  assert.match(open.todo!, /chmod 600/)
  await chmod(key, 0o600)
  await symlink(key, join(machine.home, 'operator/secret.json'))
  assert.match((await find('permissions')).found, /operator\/secret\.json/)
  assert.equal((await find('permissions', { user: (machine.user ?? 0) + 1 })).state, 'warning')
  assert.ok(!JSON.stringify(await examine(machine)).includes('fw-s3cret'))
})

test('weights are whole, absent or damaged, by every byte', async (t) => {
  const { machine, find } = await machineOf(t)
  const path = weightsPath(machine.home)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '')
  await truncate(path, baseModel.size)
  const damaged = await find('weights')
  assert.deepEqual([damaged.state, /remove .*weights/.test(damaged.todo!)], ['missing', true])
})

test('after an installation the trainer’s own doctor is asked', async (t) => {
  const { fake, machine, find } = await machineOf(t)
  const python = await fake.add('python3.12', '3.12.1')
  await ensurePython({
    home: machine.home,
    source: fake.source,
    env: fake.env,
    tests: false,
    report: () => {},
  })
  // The pretended interpreter knows no trainer: an environment that is there and does not work.
  const broken = await find('trainer')
  assert.deepEqual([broken.state, /npm start/.test(broken.todo!)], ['missing', true])
  const interpreter = join(machine.home, 'python/bin/python')
  const script = await readFile(interpreter, 'utf8')
  const told = { trainer: '1.0', packages: { torch: '2.13.0' }, cpus: 2, network_closed_by_kernel: true }
  const answering = (body: object) =>
    writeFile(
      interpreter,
      script.replace(
        'case "$*" in',
        `case "$*" in\n  *fairweight_trainer*doctor*) echo '${JSON.stringify(body)}' ;;`,
      ),
    )
  await answering(told)
  assert.deepEqual((await find('trainer')).state, 'ok')
  await answering({ ...told, network_closed_by_kernel: false })
  assert.equal((await find('trainer')).state, 'warning')
  await answering({ trainer: 1 })
  assert.equal((await find('trainer')).state, 'missing')
  assert.equal((await find('trainer', { python })).state, 'missing')
})

test('the command ends with 0 or 1, and says the same as JSON', async (t) => {
  const { fake, machine } = await machineOf(t)
  const exitCode = () => Number(process.exitCode ?? 0)
  const doctor = async (args: readonly string[], more: Partial<Machine> = {}) => {
    const out: string[] = []
    const program = new Command().exitOverride()
    registerDoctor(program, (text) => void out.push(text), { ...machine, ...more })
    await program.parseAsync(['node', 'fairweight', 'doctor', ...args])
    const code = exitCode()
    process.exitCode = undefined
    return { code, out: out.join('') }
  }
  const none = await doctor([])
  assert.deepEqual([none.code, /missing {2}python .*\n +→ install one/.test(none.out)], [1, true])
  await fake.add('python3.12', '3.12.1')
  const well = await doctor(['--json'])
  assert.equal(well.code, 0)
  const { format, findings } = JSON.parse(well.out) as { format: string; findings: Finding[] }
  assert.deepEqual([format, findings.length], ['fairweight/doctor/v1', CHECKS.length])
  assert.match((await doctor([])).out, /Nothing is missing: "npm start" can run\.\n$/)
})

test('what nobody foresaw is not taken for well', async () => {
  const failed = await look('disk', () => Promise.reject(Object.assign(new Error('s3cret'), { code: 'EIO' })))
  assert.deepEqual([failed.state, failed.found], ['unknown', 'could not be told (EIO)'])
})
