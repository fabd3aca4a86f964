/** The port against the real worker, on a tiny random model: what one side seals and asks, the other reads and answers. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256Hex } from '#bytes'
import { classicIdentityFromSeed, seal } from '#seal'
import { encodeCoalitionsJob } from '#training'
import { startCoalitionWorker } from './index.ts'

const python = process.env['FAIRWEIGHT_TEST_PYTHON']
const skip =
  python === undefined && 'needs FAIRWEIGHT_TEST_PYTHON, the trainer’s interpreter (npm test sets it)'
const source = join(import.meta.dirname, '../../trainer')

test('coalitions and replays are asked of the real worker, killed and asked again', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fairweight-real-worker-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const model = mkdtempSync(join(tmpdir(), 'fairweight-real-model-'))
  t.after(() => rmSync(model, { recursive: true, force: true }))
  const path = join(model, 'tiny.gguf')
  execFileSync(python!, ['-m', 'fairweight_trainer', 'make-test-model', '--out', path], { cwd: source })
  const job = encodeCoalitionsJob({
    job_id: 'real-worker',
    base: { path, sha256: sha256Hex(readFileSync(path)), cache: null },
    recipe: recipe(),
    examples: Array.from({ length: 8 }, (_, at) => ({
      bundle: at % 2,
      commitment: sha256Hex(Uint8Array.of(at)),
      ids: [20, 21, 22, 40 + at, 60 + (at % 2), 80 + at, 2],
      answer_from: 4,
    })),
    general: [],
    players: [[0], [1]],
    questions: [
      {
        ids: [20, 21, 22, 44],
        candidates: [
          [60, 84, 2],
          [61, 85, 2],
        ],
      },
    ],
  })
  const identity = await classicIdentityFromSeed(new Uint8Array(32).fill(3))
  writeFileSync(join(directory, 'job.age'), await seal(job.bytes, identity.recipient))
  const stop = new AbortController()
  const options = { python: python!, source, directory, jobDigest: job.digest, identity: identity.secret }

  const first = startCoalitionWorker({ ...options, signal: stop.signal })
  const base = await first.run({ number: 1, members: [], seed: 1 })
  const both = await first.run({ number: 2, members: [0, 1], seed: 1 })
  assert.equal(base.steps, 0)
  assert.ok(both.steps > 0 && both.tokens === 8 * 7 * 2)
  assert.notDeepEqual(both.scores_e6, base.scores_e6)
  const lost = first.run({ number: 3, members: [1], seed: 1 })
  stop.abort()
  await assert.rejects(lost, { name: 'TrainerFailure' })

  const second = startCoalitionWorker(options)
  const replayed = await second.replay({
    number: 4,
    members: [0, 1],
    seed: 1,
    replay: { temperature_e6: 4_000_000 },
  })
  assert.deepEqual(replayed.scores_e6, both.scores_e6)
  assert.equal(replayed.slopes_e6.length, 2)
  assert.deepEqual(await second.run({ number: 5, members: [], seed: 1 }), { ...base, number: 5 })
  await second.close()
  assert.deepEqual(readdirSync(directory), ['job.age'])

  const mistaken = startCoalitionWorker({ ...options, jobDigest: '0'.repeat(64) })
  await assert.rejects(mistaken.run({ number: 1, members: [], seed: 1 }), { code: 'job-digest' })
})

function recipe() {
  return {
    format: 'fairweight/recipe/v1',
    method: 'lora',
    layers: 2,
    rank: 4,
    alpha: 8,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    learning_rate_e9: 4_000_000,
    batch: 4,
    passes: 2,
    warmup_ppm: 100_000,
    weight_decay_e6: 10_000,
    clip_e6: 1_000_000,
    schedule: 'cosine',
    distillation: null,
    precision: 'float32',
    max_length: 128,
    checkpoint_every: 100,
    threads: 1,
  }
}
