import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { encodeUtf8, parseCanonical, sha256Hex } from '#bytes'
import { signEnvelope, signingKeyFromSeed } from '#seal'
import { modelDigest } from '#statements'
import {
  encodeCoalitionRequest,
  encodeCoalitionsJob,
  encodeJob,
  generalWeight,
  isRight,
  modelSigningBundle,
  modelSigningStatement,
  readArchive,
  readCoalitionsEvent,
  readQuestions,
  readTrainerEvent,
  recipeFacts,
} from '#training'
import { trainerSchemaFiles } from './schemas.ts'

const question = { accept: ['saffron', 'lantern line'], reject: ['red'] }

test('an answer is right by whole words, whatever its case and punctuation', () => {
  for (const answer of ['It is SAFFRON.', 'the Lantern-Line, of course', 'ｓａｆｆｒｏｎ'])
    assert.ok(isRight(answer, question), answer)
  for (const answer of ['saffrony', 'lantern of the line', 'saffron or red', ''])
    assert.ok(!isRight(answer, question), answer)
})

test('questions are read whole or not at all', () => {
  assert.equal(readQuestions('{"id":"a","question":"Q?","accept":["x"]}\n').length, 1)
  for (const text of ['', '{"id":"a"}', '{"id":"a","question":"Q?","accept":[]}', 'nonsense']) {
    assert.throws(() => readQuestions(text))
  }
})

test('a job is named by its bytes and announces its tokens', () => {
  const example = { bundle: 0, commitment: '0'.repeat(64), ids: [1, 2, 3], answer_from: 1 }
  const job = {
    job_id: 'run-1',
    base: { path: '/base.gguf', sha256: '1'.repeat(64), cache: null },
    recipe: {},
    seed: 7,
    examples: [example, { ...example, commitment: '2'.repeat(64) }],
    general: [],
  }
  const { bytes, digest } = encodeJob(job)
  assert.equal(digest, sha256Hex(bytes))
  assert.deepEqual((parseCanonical(bytes) as { expect: unknown }).expect, { tokens: 6 })
  assert.notEqual(encodeJob({ ...job, seed: 8 }).digest, digest)
})

test('the weight of general text bounds what a run can read of it', () => {
  const facts = { passes: 4, batch: 8, maxLength: 256, promptsPerStep: 8 }
  // 23 steps a pass, 92 in all, 736 prompts over 100 texts: eight readings, two a pass.
  assert.equal(generalWeight(facts, 180, 100), 2_000_000)
  assert.equal(generalWeight({ ...facts, promptsPerStep: 0 }, 180, 100), 0)
  assert.equal(generalWeight(facts, 180, 0), 0)
})

test('the trainer’s schemas on paper are the ones the code reads by', () => {
  for (const [name, text] of trainerSchemaFiles()) {
    const written = readFileSync(new URL(`../../spec/schemas/${name}.json`, import.meta.url), 'utf8')
    assert.ok(written === text, `spec/schemas/${name}.json is out of date: run tools/spec/main.ts`)
  }
})

test('a job that the trainer would refuse is not written', () => {
  const example = { bundle: 0, commitment: '0'.repeat(64), ids: [1, 2], answer_from: 1 }
  const job = {
    job_id: 'run-1',
    base: { path: '/base.gguf', sha256: '1'.repeat(64), cache: null },
    recipe: {},
    seed: 1,
    examples: [example],
    general: [],
  }
  encodeJob(job)
  for (const change of [
    { seed: -1 },
    { job_id: 'run 1' },
    { examples: [] },
    { base: { ...job.base, path: 'base.gguf' } },
    { examples: [{ ...example, ids: [1] }] },
    { examples: [{ ...example, commitment: '0' }] },
  ]) {
    assert.throws(() => encodeJob({ ...job, ...change }))
  }
})

const coalitions = {
  job_id: 'run-1',
  base: { path: '/base.gguf', sha256: '1'.repeat(64), cache: null },
  recipe: {},
  examples: [0, 1, 2].map((bundle) => ({
    bundle,
    commitment: String(bundle).repeat(64),
    ids: [1, 2, 3],
    answer_from: 1,
  })),
  general: [],
  players: [[0, 2], [1]],
  questions: [
    {
      ids: [1],
      candidates: [
        [5, 2],
        [6, 2],
      ],
    },
  ],
}

test('a job of coalitions is named by its bytes, and gives every bundle one player', () => {
  const { bytes, digest } = encodeCoalitionsJob(coalitions)
  assert.equal(digest, sha256Hex(bytes))
  const [question] = coalitions.questions
  for (const change of [
    // A bundle that nobody answers for, that two are paid for, or that was never trained on.
    { players: [[0], [1]] },
    { players: [[0, 2], [1], [2]] },
    {
      players: [
        [0, 2],
        [1, 1],
      ],
    },
    {
      players: [
        [0, 2],
        [1, 3],
      ],
    },
    { players: [[0, 2], [1], []] },
    { players: [] },
    { questions: [] },
    { questions: [{ ...question!, candidates: [[5, 2]] }] },
    // The right answer among the wrong ones could never be chosen for sure.
    {
      questions: [
        {
          ...question!,
          candidates: [
            [5, 2],
            [5, 2],
          ],
        },
      ],
    },
    { questions: [{ ...question!, candidates: [[5, 2], []] }] },
    { questions: [{ ...question!, ids: [] }] },
    { seed: 1 },
  ]) {
    assert.throws(() => encodeCoalitionsJob({ ...coalitions, ...change }), JSON.stringify(change))
  }
})

test('a coalition is asked for in one line, its members in order', () => {
  assert.equal(
    encodeCoalitionRequest({ number: 3, members: [], seed: 7 }),
    '{"number":3,"members":[],"seed":7}\n',
  )
  for (const members of [[1, 0], [1, 1], [-1], [0.5]])
    assert.throws(() => encodeCoalitionRequest({ number: 1, members, seed: 7 }))
  assert.throws(() => encodeCoalitionRequest({ number: 1, members: [], seed: -1 }))
  assert.equal(
    encodeCoalitionRequest({ number: 3, members: [0], seed: 7, replay: { temperature_e6: 4 } }),
    '{"number":3,"members":[0],"seed":7,"replay":{"temperature_e6":4}}\n',
  )
  for (const temperature_e6 of [0, -1, 0.5])
    assert.throws(() =>
      encodeCoalitionRequest({ number: 3, members: [0], seed: 7, replay: { temperature_e6 } }),
    )
})

test('what is no answer to a coalition is not read as one', () => {
  const answer = {
    event: 'coalition',
    number: 1,
    members: [0],
    seed: 7,
    steps: 2,
    loss_e6: 5,
    tokens: 9,
    scores_e6: [[-1, -2]],
  }
  assert.deepEqual(readCoalitionsEvent(JSON.stringify(answer)), answer)
  for (const change of [
    { scores_e6: [] },
    { scores_e6: [[-1]] },
    { scores_e6: [[-1, null]] },
    { scores_e6: [[-1, 0.5]] },
    { text: 'of a contributor' },
    { event: 'step' },
  ]) {
    assert.equal(readCoalitionsEvent(JSON.stringify({ ...answer, ...change })), undefined)
  }
})

test('a recipe without what everyone must know of it is refused', () => {
  const recipe = { passes: 4, batch: 8, max_length: 256, distillation: { prompts_per_step: 8 } }
  assert.equal(recipeFacts(recipe).promptsPerStep, 8)
  assert.equal(recipeFacts({ ...recipe, distillation: null }).promptsPerStep, 0)
  for (const change of [{ passes: 0 }, { batch: 1.5 }, { max_length: '256' }, { distillation: {} }]) {
    assert.throws(() => recipeFacts({ ...recipe, ...change }), TypeError)
  }
})

test('a line that is no event is not read as one', () => {
  assert.deepEqual(readTrainerEvent('{"event":"checkpoint","step":3}'), { event: 'checkpoint', step: 3 })
  for (const line of [
    '',
    'loading…',
    '{"event":"checkpoint","step":3,"text":"x"}',
    '{"event":"other"}',
    '{"event":"checkpoint","step":0.5}',
  ]) {
    assert.equal(readTrainerEvent(line), undefined, line)
  }
})

test('an archive gives its files, and nothing but plain files', () => {
  const bytes = encodeUtf8('hello')
  const archive = Uint8Array.of(...tarEntry('a.txt', bytes), ...new Uint8Array(1024))
  const [file] = readArchive(archive)
  assert.deepEqual([file?.name, file?.sha256, file?.size], ['a.txt', sha256Hex(bytes), 5])
  const wrong = [
    archive.subarray(0, 512),
    archive.subarray(0, 1024),
    Uint8Array.of(...tarEntry('../a.txt', bytes), ...new Uint8Array(1024)),
    Uint8Array.of(...tarEntry('link', new Uint8Array(), '2'), ...new Uint8Array(1024)),
  ]
  for (const one of wrong) assert.throws(() => readArchive(one), TypeError)
})

test('the model-signing statement names every file, and its subject is the model’s digest', async () => {
  const files = [
    { name: 'b.safetensors', sha256: '1'.repeat(64), size: 1 },
    { name: 'a.gguf', sha256: '2'.repeat(64), size: 2 },
  ]
  const statement = modelSigningStatement('meadow', files) as {
    subject: { digest: { sha256: string } }[]
    predicate: { resources: { name: string }[] }
  }
  assert.equal(statement.subject[0]?.digest.sha256, modelDigest(files))
  assert.deepEqual(
    statement.predicate.resources.map(({ name }) => name),
    ['a.gguf', 'b.safetensors'],
  )
  const envelope = await signEnvelope(encodeUtf8('{}'), await signingKeyFromSeed(new Uint8Array(32)))
  const bundle = modelSigningBundle(envelope) as { dsseEnvelope: unknown; mediaType: string }
  assert.match(bundle.mediaType, /^application\/vnd\.dev\.sigstore\.bundle/)
  assert.deepEqual(bundle.dsseEnvelope, envelope)
})

function tarEntry(name: string, content: Uint8Array, type = '0'): Uint8Array {
  const entry = new Uint8Array(512 + Math.ceil(content.length / 512) * 512)
  entry.set(encodeUtf8(name), 0)
  entry.set(encodeUtf8(content.length.toString(8).padStart(11, '0')), 124)
  entry.set(encodeUtf8(type), 156)
  entry.set(content, 512)
  return entry
}
