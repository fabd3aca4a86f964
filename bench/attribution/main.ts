/**
 * Retrains every coalition that the tables need, and keeps the scores of each: `node bench/attribution/main.ts
 * --python P --weights W --out FOLDER [--workers 2] [--seed 1]`. Stopped, it goes on with what is missing.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openLlama } from '#adapters/llama'
import { startCoalitionWorker } from '#adapters/trainer'
import { sha256Hex } from '#bytes'
import { classicIdentityFromSeed, seal } from '#seal'
import { encodeCoalitionsJob } from '#training'
import { benchPool } from './pool.ts'

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    weights: { type: 'string' },
    out: { type: 'string' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    passes: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const { python, weights, out } = values
if (python === undefined || weights === undefined || out === undefined)
  throw new Error('say --python, --weights and --out')
const root = join(import.meta.dirname, '../..')
const meadow = join(root, 'examples/meadow')
const engine = await openLlama({ modelPath: weights })
const pool = benchPool(meadow, engine.tokenizer)
await engine.close()
const recipe = JSON.parse(readFileSync(join(meadow, 'recipe.json'), 'utf8')) as Record<string, unknown>
const { bytes, digest } = encodeCoalitionsJob({
  job_id: 'bench',
  base: { path: weights, sha256: sha256Hex(readFileSync(weights)), cache: join(out, 'cache') },
  recipe: { ...recipe, threads: 1, passes: Number(values.passes), distillation: null },
  general: [],
  ...pool.job,
})
const seed = Number(values.seed)
const folder = join(out, `seed-${seed}`)
mkdirSync(folder, { recursive: true })
writeFileSync(
  join(out, 'pool.json'),
  JSON.stringify({ players: pool.players, validation: pool.validation }, undefined, 1),
)

const subsets = (of: readonly number[]): number[][] =>
  of.reduce<number[][]>((all, one) => all.flatMap((members) => [members, [...members, one]]), [[]])
const clinic = [0, 1]
const honest = subsets([2, 3, 4]).flatMap((rest) => [rest, [...clinic, ...rest]])
const attackers = pool.players.map((_, at) => at).slice(5)
const wanted = [
  ...honest,
  ...attackers.flatMap((one) => honest.map((members) => [...members, one])),
  ...subsets([2, 3, 4]).flatMap((rest) => clinic.map((part) => [part, ...rest])),
].filter((members) => values.only === undefined || members.join(',') === values.only)
const fileOf = (members: readonly number[]) => join(folder, `${members.join('-') || 'none'}.json`)
const missing = wanted.filter((members) => !existsSync(fileOf(members)))
console.log(
  `${wanted.length} coalitions, ${missing.length} to go; players: ${pool.players.map(({ name, kept }) => `${name} ${kept}`).join(', ')}`,
)

const identity = await classicIdentityFromSeed(new Uint8Array(32).fill(7))
const began = Date.now()
let done = 0
await Promise.all(
  Array.from({ length: Number(values.workers) }, async (_, at) => {
    const directory = join(out, `worker-${at}`)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'job.age'), await seal(bytes, identity.recipient))
    const worker = startCoalitionWorker({
      python,
      source: join(root, 'trainer'),
      directory,
      jobDigest: digest,
      identity: identity.secret,
      onEvent: (event) => {
        if (event.event === 'started' || event.event === 'failed')
          console.log(at, event.event, `${((Date.now() - began) / 1000).toFixed(0)} s`)
      },
    })
    for (let members = missing.shift(); members !== undefined; members = missing.shift()) {
      const from = Date.now()
      const result = await worker.run({ number: done, members, seed })
      const text = JSON.stringify({
        members,
        loss: result.loss_e6,
        steps: result.steps,
        scores: result.scores_e6,
      })
      writeFileSync(`${fileOf(members)}.part`, text)
      renameSync(`${fileOf(members)}.part`, fileOf(members))
      done += 1
      console.log(
        `${done}: ${members.join(',')} ${result.steps} steps, loss ${result.loss_e6 / 1e6}, ${((Date.now() - from) / 1000).toFixed(1)} s`,
      )
    }
    await worker.close()
  }),
)
