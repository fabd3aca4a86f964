import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../screen/index.ts'
import { pipEnvironment } from './pip.ts'
import { ensurePython, type EnsurePythonOptions } from './python.ts'
import { fakePython } from './testing/fake-python.ts'

async function machine(t: TestContext) {
  const fake = await fakePython()
  t.after(() => fake.remove())
  await fake.add('python3.11', '3.11.7')
  const { home, source, env } = fake
  const reports: Progress[] = []
  const options: EnsurePythonOptions = {
    home,
    source,
    env,
    tests: false,
    report: (progress) => reports.push(progress),
    freeBytes: async () => 50e9,
  }
  const installs = async () => (await fake.pipCommands()).filter((line) => line.startsWith('install '))
  const until = async (name: string) => {
    for (let tries = 0; !existsSync(join(fake.folder, name)); tries += 1) {
      assert.ok(tries < 500, `${name} never came`)
      await sleep(20)
    }
  }
  return { fake, options, reports, installs, until }
}

test('an environment is made once from pinned hashes, and a second call does nothing', async (t) => {
  const { fake, options, installs } = await machine(t)
  const { python } = await ensurePython(options)
  assert.equal(python, join(fake.home, 'python/bin/python'))
  const [install, ...more] = await installs()
  assert.deepEqual(more, [])
  assert.match(
    install!,
    /--require-hashes --only-binary :all: .*--requirement \S+\/trainer\/requirements\.txt/,
  )
  const before = await fake.pipCommands()
  assert.deepEqual(await ensurePython(options), { python })
  assert.deepEqual(await fake.pipCommands(), before)
  assert.equal(existsSync(join(fake.home, 'setup/python/pip')), false, 'downloads are gone')
})

test('the tests have an environment of their own', async (t) => {
  const { fake, options, installs } = await machine(t)
  const { python } = await ensurePython({ ...options, tests: true })
  assert.equal(python, join(fake.home, 'python-tests/bin/python'))
  assert.match((await installs())[0]!, /requirements-test\.txt/)
  assert.equal(existsSync(join(fake.home, 'python')), false)
})

test('other requirements, a stamp without its Python, or a Python that no longer runs: made anew', async (t) => {
  const { fake, options, installs } = await machine(t)
  const { python } = await ensurePython(options)
  await writeFile(join(fake.home, 'python/left-over'), '')
  await writeFile(join(fake.source, 'requirements.txt'), 'torch==2.13.0 --hash=sha256:01\n')
  await ensurePython(options)
  assert.equal((await installs()).length, 2)
  assert.equal(existsSync(join(fake.home, 'python/left-over')), false)
  await rm(python)
  await ensurePython(options)
  assert.equal((await installs()).length, 3)
  await fake.add('python3.11', '3.12.0')
  await writeFile(python, await readFile(join(fake.folder, 'bin/python3.11')))
  await ensurePython(options)
  assert.equal((await installs()).length, 4)
})

test('an install that is stopped ends its pip, leaves no stamp, and is redone from nothing', async (t) => {
  const { fake, options, installs, until } = await machine(t)
  await fake.on('install', 'touch "$FAKE/began"; echo $$ > "$FAKE/pid"; exec sleep 60')
  const stop = new AbortController()
  const running = ensurePython({ ...options, signal: stop.signal })
  await until('began')
  await writeFile(join(fake.home, 'python/half'), '')
  stop.abort()
  await assert.rejects(running, { code: 'stopped' })
  const pid = Number(await readFile(join(fake.folder, 'pid'), 'utf8'))
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  await fake.on('install', ':')
  await ensurePython(options)
  assert.equal((await installs()).length, 2)
  assert.equal(existsSync(join(fake.home, 'python/half')), false)
})

test('a killed set-up takes its pip along, and the next one goes on without waiting', async (t) => {
  const { fake, options, until } = await machine(t)
  // As the launcher in pip.ts does: the end of standard input is the end.
  await fake.on('install', 'touch "$FAKE/began"; cat > /dev/null; touch "$FAKE/ended"; exit 1')
  const module = JSON.stringify(join(import.meta.dirname, 'python.ts'))
  const { report: _, freeBytes: __, ...plain } = options
  const code = `const { ensurePython } = await import(${module}); await ensurePython({ ...${JSON.stringify(plain)}, report() {}, freeBytes: async () => 50e9 })`
  const killed = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  await until('began')
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  await until('ended')
  await fake.on('install', ':')
  await ensurePython(options)
})

test('two set-ups at once: the second is told so at once', async (t) => {
  const { fake, options, until } = await machine(t)
  await fake.on('install', 'touch "$FAKE/began"; while [ ! -e "$FAKE/go" ]; do sleep 0.02; done')
  const first = ensurePython(options)
  await until('began')
  await assert.rejects(ensurePython(options), { code: 'setup-running', message: /Another Fairweight/ })
  await writeFile(join(fake.folder, 'go'), '')
  await first
})

test('the CPU build is pinned where the configured indexes offer it', async (t) => {
  const { fake, options, installs } = await machine(t)
  await fake.on('install', 'cat "$FAKE/home/setup/python/pip/constraint.txt" > "$FAKE/constraint"')
  const said: string[] = []
  await ensurePython({ ...options, say: (line) => said.push(line) })
  assert.deepEqual(said, [
    'PyTorch for the CPU and what goes with it: about 260 MB to download, 1.2 GB on disk, 1.7 GB while it installs.',
  ])
  assert.equal(await readFile(join(fake.folder, 'constraint'), 'utf8'), 'torch==2.13.0+cpu\n')
  assert.doesNotMatch((await installs())[0]!, /index-url|cuda/)
  assert.equal((await fake.pipCommands()).length, 2)
})

test('else the CPU build is taken from PyTorch’s own index', async (t) => {
  const { fake, options, installs } = await machine(t)
  await fake.on(
    'index',
    'case "$*" in *download.pytorch.org*) echo "Available versions: 2.13.0+cpu";; *) echo "Available versions: 2.13.0, 2.12.0+cpu";; esac',
  )
  await ensurePython(options)
  assert.match(
    (await installs())[0]!,
    /--constraint \S+ --extra-index-url https:\/\/download\.pytorch\.org\/whl\/cpu$/,
  )
})

test('else the default build with its libraries, said beforehand, where the disk has room for it', async (t) => {
  const { fake, options, installs } = await machine(t)
  await fake.on('index', 'echo "ERROR: No matching distribution found for torch" >&2; exit 1')
  const said: string[] = []
  const say = (line: string) => said.push(line)
  const small = ensurePython({ ...options, say, freeBytes: async () => 9e9 })
  await assert.rejects(small, { code: 'disk-short' })
  assert.deepEqual(await installs(), [])
  await ensurePython({ ...options, say })
  assert.match(
    said.at(-1)!,
    /^No package index in reach offers PyTorch for the CPU.*2\.8 GB to download, 5\.0 GB on disk, 11 GB while/,
  )
  assert.match((await installs())[0]!, /--requirement \S+\/cuda-libraries\.txt$/)
  assert.doesNotMatch((await installs())[0]!, /--constraint/)
})

test('what pip says becomes one sentence with what to do, without passwords', async (t) => {
  const { fake, options } = await machine(t)
  const cases = [
    ['hash-mismatch', 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.'],
    ['disk-short', 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'],
    ['download-failed', "ERROR: HTTPSConnectionPool(host='x'): Read timed out. ReadTimeoutError"],
    [
      'download-failed',
      'WARNING: Retrying after NewConnectionError\nERROR: No matching distribution found for x',
    ],
    ['build-missing', 'ERROR: No matching distribution found for torch==2.13.0'],
    ['install-failed', 'ERROR: from https://me:secret@index.example/simple'],
  ] as const
  for (const [code, text] of cases) {
    await writeFile(join(fake.folder, 'said'), `${text}\n`)
    await fake.on('install', 'cat "$FAKE/said" >&2; exit 1')
    await assert.rejects(ensurePython(options), (error: any) => {
      assert.equal(error.code, code)
      assert.match(
        error.message,
        /^The Python packages for training could not be installed; .* \(pip: ERROR: .*\)$/,
      )
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    assert.equal(existsSync(join(fake.home, 'python/fairweight-requirements.sha256')), false)
  }
})

test('progress counts packages that arrive or lie on disk, then what is unpacked', async (t) => {
  const { fake, options, reports, until } = await machine(t)
  const local = join(fake.folder, 'torch-2.13.0+cpu-cp311.whl')
  await writeFile(local, new Uint8Array(5_000_000))
  await fake.on(
    'install',
    `echo "Processing ${local} (from -r x)"; echo "  Downloading numpy-2.4.6-cp311.whl (1.0 MB)"
     mkdir -p "$TMPDIR/pip-unpack-x"; head -c 1000000 /dev/zero > "$TMPDIR/pip-unpack-x/numpy-2.4.6-cp311.whl"
     while [ ! -e "$FAKE/next" ]; do sleep 0.02; done
     echo "Installing collected packages: numpy, torch"; touch "$FAKE/unpacking"
     while [ ! -e "$FAKE/done" ]; do sleep 0.02; done`,
  )
  let free = 50e9
  const running = ensurePython({ ...options, freeBytes: async () => free })
  const seen = async (done: number, detail: string) => {
    while (!reports.some((report) => report.done === done && report.detail === detail)) await sleep(20)
  }
  await seen(6_000_000, 'fetching numpy')
  await writeFile(join(fake.folder, 'next'), '')
  await until('unpacking')
  await seen(0, 'unpacking')
  free -= 300e6
  await seen(300e6, 'unpacking')
  await writeFile(join(fake.folder, 'done'), '')
  await running
})

test('where packages come from stays the user’s choice, where they go does not', () => {
  const env = pipEnvironment(
    {
      HTTPS_PROXY: 'p',
      PIP_INDEX_URL: 'i',
      PIP_EXTRA_INDEX_URL: 'e',
      PIP_TARGET: 't',
      PIP_USER: '1',
      PYTHONPATH: 'x',
      PYTHONHOME: 'h',
    },
    '/f',
    '/f/t',
  )
  assert.deepEqual(env, {
    HTTPS_PROXY: 'p',
    PIP_INDEX_URL: 'i',
    PIP_EXTRA_INDEX_URL: 'e',
    PIP_CACHE_DIR: '/f/cache',
    PIP_USER: '0',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    TMPDIR: '/f/t',
  })
  assert.equal(pipEnvironment({ PIP_CACHE_DIR: '/mine' }, '/f', '/f/t')['PIP_CACHE_DIR'], '/mine')
})
