import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Command } from 'commander'
import { measureCheckout, registerMeasure } from './measure.ts'

async function checkout(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'fairweight-measure-'))
  t.after(() => rm(root, { recursive: true }))
  for (const folder of ['adapters', 'apps', 'bin', 'packages', 'trainer/tests']) {
    await mkdir(join(root, folder), { recursive: true })
  }
  for (const file of [
    'package.json',
    'package-lock.json',
    'apps/main.ts',
    'apps/main.test.ts',
    'trainer/run.py',
  ]) {
    await writeFile(join(root, file), `${file}\n`)
  }
  return root
}

async function command(root: string, ...args: string[]): Promise<string> {
  let text = ''
  const program = new Command().exitOverride()
  registerMeasure(program, { write: (more) => (text += more), root })
  await program.parseAsync(['measure', ...args], { from: 'user' })
  return text
}

test('one byte of a source changes RTMR3 and nothing else', async (t) => {
  const root = await checkout(t)
  const before = await measureCheckout(root)
  await writeFile(join(root, 'apps/main.ts'), 'apps/main.ts!')
  const after = await measureCheckout(root)
  assert.notEqual(after.rtmr[3], before.rtmr[3])
  assert.deepEqual([after.mrTd, ...after.rtmr.slice(0, 3)], [before.mrTd, ...before.rtmr.slice(0, 3)])
  await writeFile(join(root, 'apps/main.ts'), 'apps/main.ts\n')
  assert.deepEqual((await measureCheckout(root)).rtmr, before.rtmr)
})

test('a moved file changes the measurement; a test, a cache and what is beside do not', async (t) => {
  const root = await checkout(t)
  const before = await measureCheckout(root)
  for (const file of ['apps/main.test.ts', 'apps/new.test.ts', 'trainer/tests/test_run.py', 'README.md']) {
    await writeFile(join(root, file), 'changed')
  }
  assert.deepEqual((await measureCheckout(root)).rtmr, before.rtmr)
  await writeFile(join(root, 'apps/other.ts'), 'apps/main.ts\n')
  await rm(join(root, 'apps/main.ts'))
  assert.notEqual((await measureCheckout(root)).rtmr[3], before.rtmr[3])
})

test('the text names every register, the number of files, and says SIMULATED', async (t) => {
  const root = await checkout(t)
  const { mrTd, rtmr } = await measureCheckout(root)
  const lines = (await command(root)).split('\n')
  assert.deepEqual(lines.slice(0, 5), [
    `MRTD   ${mrTd}`,
    ...rtmr.map((register, place) => `RTMR${place}  ${register}`),
  ])
  assert.equal(lines[5], `SIMULATED: RTMR3 measures the 4 files installed in ${root}; no hardware took part.`)
  assert.deepEqual(await command('/nowhere', root), await command(root))
})

test('--files lists what is measured, --json is one object', async (t) => {
  const root = await checkout(t)
  const { files, mrTd, rtmr } = await measureCheckout(root)
  const listed = (await command(root, '--files')).split('\n').slice(0, 4)
  assert.deepEqual(
    listed,
    files.map(({ path, sha256 }) => `${sha256}  ${path}`),
  )
  assert.deepEqual(
    files.map(({ path }) => path),
    ['apps/main.ts', 'package-lock.json', 'package.json', 'trainer/run.py'],
  )
  assert.deepEqual(JSON.parse(await command(root, '--json')), { simulated: true, mrTd, rtmr, fileCount: 4 })
  assert.deepEqual(JSON.parse(await command(root, '--json', '--files')).files, files)
})

test('a folder that is no checkout is refused', async (t) => {
  const root = await checkout(t)
  await rm(join(root, 'packages'), { recursive: true })
  await assert.rejects(command(root), { code: 'commander.error', message: /is no checkout of Fairweight/ })
})
