import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdir, truncate, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { SetupErrorCode } from './errors.ts'
import { indexAddress } from './network.ts'
import { preflight, type PreflightOptions } from './preflight.ts'
import { ensurePython } from './python.ts'
import { fakePython } from './testing/fake-python.ts'
import { baseModel, weightsPath } from './weights.ts'

async function machine(t: TestContext) {
  const fake = await fakePython()
  t.after(() => fake.remove())
  const { home, source, env } = fake
  const options: PreflightOptions = { home, source, env, freeBytes: async () => 50e9, reach: async () => {} }
  const refuses = async (code: SetupErrorCode, message: RegExp, more: Partial<PreflightOptions> = {}) => {
    await assert.rejects(preflight({ ...options, ...more }), (error: any) => {
      assert.equal(error.code, code)
      assert.match(error.message, message)
      return true
    })
    assert.equal(existsSync(home), false, 'nothing was changed')
  }
  return { fake, options, refuses }
}

test('a machine that has all it takes passes, and nothing on it is changed', async (t) => {
  const { fake, options } = await machine(t)
  await fake.add('python3.12', '3.12.1')
  const { python, needs } = await preflight(options)
  assert.deepEqual(python, { command: 'python3.12', version: '3.12.1' })
  assert.deepEqual([needs.python, needs.weights], [true, true])
  assert.ok(needs.diskBytes > needs.downloadBytes && needs.downloadBytes > 300e6)
  assert.equal(existsSync(options.home), false)
  assert.deepEqual(await fake.pipCommands(), [])
})

test('an old Node is refused', async (t) => {
  const { refuses } = await machine(t)
  await refuses('node-old', /needs Node 24\.2 or newer and this is 22\.18\.0: run "npm ci"/, {
    nodeVersion: '22.18.0',
  })
  await refuses('node-old', /this is 24\.1\.9/, { nodeVersion: '24.1.9' })
})

test('the newest Python that is known to fit is taken, and names that do not run are passed over', async (t) => {
  const { fake, options } = await machine(t)
  await fake.add('python3', '3.11.2')
  await fake.add('python3.12', '3.12.1')
  const shim = await fake.add('python3.13', '3.13.0')
  await writeFile(shim, '#!/bin/sh\necho "command not found" >&2\nexit 127\n')
  assert.equal((await preflight(options)).python?.command, 'python3.12')
})

test('a machine without a fitting Python is told which ones there are and what to install', async (t) => {
  const { fake, refuses } = await machine(t)
  await refuses('python-missing', /none was found: install one \("apt install python3 python3-venv"/)
  await fake.add('python3', '3.9.2')
  await refuses('python-missing', /python3 is 3\.9\.2/)
  await fake.add('python3', '3.15.0')
  await refuses('python-missing', /python3 is 3\.15\.0/)
})

test('FAIRWEIGHT_PYTHON decides, also where it names one that does not fit', async (t) => {
  const { fake, options, refuses } = await machine(t)
  await fake.add('python3.12', '3.12.1')
  const mine = await fake.add('mine', '3.10.4')
  const env = { ...options.env, FAIRWEIGHT_PYTHON: mine }
  await refuses('python-missing', /mine is 3\.10\.4: FAIRWEIGHT_PYTHON names .*mine; let it name another/, {
    env,
  })
  await fake.add('mine', '3.11.9')
  assert.equal((await preflight({ ...options, env })).python?.command, mine)
})

test('a Python without venv is refused by the name of the package that lacks, unless another has it', async (t) => {
  const { fake, options, refuses } = await machine(t)
  await fake.add('python3.12', '3.12.1', false)
  await refuses('python-venv-missing', /"apt install python3\.12-venv"/)
  await fake.add('python3', '3.11.2')
  assert.equal((await preflight(options)).python?.command, 'python3')
})

test('a disk that is too small is refused with what is needed and what is free', async (t) => {
  const { fake, options, refuses } = await machine(t)
  await fake.add('python3', '3.11.2')
  const { needs } = await preflight(options)
  await refuses('disk-short', /needs 2\.1 GB of disk and 1\.0 GB is free: make room, or .*FAIRWEIGHT_HOME/, {
    freeBytes: async () => 1e9,
  })
  const freeBytes = async () => needs.diskBytes
  await preflight({ ...options, freeBytes })
  await refuses('disk-short', /FAIRWEIGHT_HOME/, { freeBytes, spareBytes: 1 })
})

test('the real disk is measured where the folder does not exist yet', async (t) => {
  const { fake, options, refuses } = await machine(t)
  await fake.add('python3', '3.11.2')
  const { freeBytes: _, ...real } = options
  await preflight({ ...real, python: false, weights: false })
  await refuses('disk-short', /is free/, { ...real, freeBytes: undefined as never, spareBytes: 1e18 })
})

test('a port that another program has is refused', async (t) => {
  const { options, refuses } = await machine(t)
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await refuses('port-busy', new RegExp(`Port ${port} is used by another program`), { port })
  await new Promise((closed) => server.close(closed))
  await preflight({ ...options, port, python: false, weights: false })
})

test('a data folder that cannot be one is refused', async (t) => {
  const { fake, options } = await machine(t)
  const file = join(fake.folder, 'file')
  await writeFile(file, '')
  for (const home of [file, join(file, 'below'), join(file, 'below/that')]) {
    await assert.rejects(preflight({ ...options, home }), {
      code: 'home-unwritable',
      message: /FAIRWEIGHT_HOME/,
    })
  }
  const closed = join(fake.folder, 'closed')
  await mkdir(closed)
  await chmod(closed, 0o500)
  // Root may write anywhere.
  if (process.getuid?.() === 0) return
  await assert.rejects(preflight({ ...options, home: join(closed, 'home') }), { code: 'home-unwritable' })
})

test('the network is needed only where something has to be downloaded', async (t) => {
  const { fake, options, refuses } = await machine(t)
  await fake.add('python3', '3.11.2')
  const reach = async () => {
    throw new Error('no route')
  }
  const env = { ...options.env, PIP_NO_INDEX: '', PIP_INDEX_URL: 'https://me:secret@index.example/simple' }
  await refuses('network-absent', /^((?!secret).)*index\.example cannot be reached((?!secret).)*$/, {
    reach,
    env,
  })
  await ensurePython({ ...options, source: fake.source, tests: false, report: () => {} })
  const weights = weightsPath(options.home)
  await mkdir(dirname(weights), { recursive: true })
  await writeFile(weights, new Uint8Array(0))
  await assert.rejects(preflight({ ...options, reach, env }), { code: 'network-absent' })
  await truncate(weights, baseModel.size)
  const { needs, python } = await preflight({ ...options, reach, env })
  assert.deepEqual([needs.downloadBytes, needs.diskBytes, python], [0, 0, null])
})

test('where to connect follows the settings of pip', async () => {
  const of = (env: NodeJS.ProcessEnv) => indexAddress(env, undefined)
  assert.deepEqual(await of({}), { host: 'pypi.org', port: 443 })
  assert.deepEqual(await of({ PIP_INDEX_URL: 'http://[::1]:3141/x' }), { host: '::1', port: 3141 })
  assert.deepEqual(await of({ HTTPS_PROXY: 'http://me:secret@proxy.example:3128' }), {
    host: 'proxy.example',
    port: 3128,
  })
  assert.deepEqual(await of({ PIP_PROXY: 'proxy.example:8080', https_proxy: 'http://other' }), {
    host: 'proxy.example',
    port: 8080,
  })
  assert.equal(await of({ PIP_NO_INDEX: '1' }), null)
  assert.equal(await of({ PIP_INDEX_URL: 'file:///srv/simple' }), null)
})
