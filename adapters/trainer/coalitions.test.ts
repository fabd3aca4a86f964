/** The worker's side of the pipe is played by a script here; the real one answers in trainer/tests. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startCoalitionWorker, type CoalitionWorkerOptions } from './index.ts'

const SCORED = ',"steps":1,"loss_e6":4,"tokens":3,"scores_e6":[[-1,-2]]}'
const ANSWER = `sed -u 's/^{/{"event":"coalition",/; s/}$/${SCORED}/'`

function worker(t: TestContext, script: string, more: Partial<CoalitionWorkerOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'fairweight-coalitions-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const python = join(directory, 'python')
  writeFileSync(python, `#!/bin/sh\ncat <&3 > "$HOME/key"\necho "$@" > "$HOME/args"\n${script}\n`)
  chmodSync(python, 0o700)
  const options = { python, source: directory, directory, jobDigest: 'a'.repeat(64), ...more }
  const started = startCoalitionWorker({ identity: 'AGE-SECRET-KEY-1TEST', ...options })
  t.after(() => started.close())
  return { directory, ...started }
}

test('coalitions are answered in the order they were asked, until nothing more is asked', async (t) => {
  const { run, close, directory } = worker(t, ANSWER)
  const [first, second] = await Promise.all([
    run({ number: 1, members: [], seed: 7 }),
    run({ number: 2, members: [0, 2], seed: 7 }),
  ])
  assert.deepEqual(first.members, [])
  assert.deepEqual([second.number, second.members, second.scores_e6], [2, [0, 2], [[-1, -2]]])
  const last = run({ number: 3, members: [1], seed: 8 })
  await close()
  assert.equal((await last).number, 3)
  await assert.rejects(run({ number: 4, members: [], seed: 7 }))
  const [args, key] = ['args', 'key'].map((name) => readFileSync(join(directory, name), 'utf8'))
  assert.match(args!, /^-m fairweight_trainer run-coalitions /)
  assert.equal(key, 'AGE-SECRET-KEY-1TEST\n')
})

test('a worker that dies fails what it was at, and all that is asked later', async (t) => {
  const { run, close } = worker(t, 'read line; exit 9')
  const both = [run({ number: 1, members: [], seed: 7 }), run({ number: 2, members: [0], seed: 7 })]
  for (const one of both) await assert.rejects(one, { name: 'TrainerFailure', code: 'worker-died' })
  await assert.rejects(run({ number: 3, members: [], seed: 7 }), { code: 'worker-died' })
  await close()
})

test('a worker that ends well while something is asked has failed all the same', async (t) => {
  const { run } = worker(t, 'read line; exit 0')
  await assert.rejects(run({ number: 1, members: [], seed: 7 }), { code: 'worker-died' })
})

test('why a worker refuses is told by its own code', async (t) => {
  const { run } = worker(
    t,
    'read line; echo \'{"event":"failed","code":"job-invalid","message":"m"}\'; exit 64',
  )
  await assert.rejects(run({ number: 1, members: [], seed: 7 }), { code: 'job-invalid', message: 'm' })
})

test('an answer to another question than was asked is not taken', async (t) => {
  const answer = (change: string) =>
    `sed -u 's/^{/{"event":"coalition",/; s/}$/${SCORED}/; ${change}'; sleep 60`
  for (const script of [
    answer('s/"number":1/"number":2/'),
    answer('s/"members":\\[0\\]/"members":[0,1]/'),
    answer('s/"seed":7/"seed":8/'),
    answer('s/-2/"x"/'),
    answer('s/$/ and more/'),
  ]) {
    const { run } = worker(t, script)
    await assert.rejects(run({ number: 1, members: [0], seed: 7 }), { code: 'worker-untrusted' }, script)
  }
})

test('a replay is answered by a replay of the same, with a slope for each member', async (t) => {
  const request = { number: 1, members: [0, 2], seed: 7, replay: { temperature_e6: 4 } }
  const answer = (slopes: string) => {
    const back = SCORED.replace('}', `,"utility_e6":-5,${slopes}}`)
    return `sed -u 's/^{/{"event":"replay",/; s/"replay":{\\(.*\\)}}$/\\1${back}/'; sleep 60`
  }
  const right = worker(t, answer('"slopes_e6":[3,-4]'))
  const result = await right.replay(request)
  assert.deepEqual([result.slopes_e6, result.temperature_e6, result.utility_e6], [[3, -4], 4, -5])
  const wrong = worker(t, answer('"slopes_e6":[3]'))
  await assert.rejects(wrong.replay(request), { code: 'worker-untrusted' })
  // The plain answer to a request for more, and more than was asked.
  const less = worker(t, `sed -u 's/^{/{"event":"coalition",/; s/,"replay.*/${SCORED}/'; sleep 60`)
  await assert.rejects(less.replay(request), { code: 'worker-untrusted' })
  const more = worker(t, answer('"slopes_e6":[]'))
  await assert.rejects(more.run({ number: 1, members: [], seed: 7 }), { code: 'worker-untrusted' })
})

test('what is no request does not reach the worker, and does not end it', async (t) => {
  const { run, close } = worker(t, ANSWER)
  await assert.rejects(run({ number: 1, members: [1, 0], seed: 7 }), TypeError)
  assert.equal((await run({ number: 2, members: [0, 1], seed: 7 })).number, 2)
  await close()
})

test('a worker is stopped by a signal, deaf or not, and closing one that is idle does not wait', async (t) => {
  const stop = new AbortController()
  const deaf = worker(t, 'trap "" TERM\nread line; stop=0; sleep 60 3<&-', { signal: stop.signal })
  const asked = deaf.run({ number: 1, members: [], seed: 7 })
  stop.abort()
  const began = performance.now()
  await assert.rejects(asked, { code: 'worker-died' })
  await worker(t, 'exec sleep 60 3<&-').close()
  assert.ok(performance.now() - began < 15_000)
})
