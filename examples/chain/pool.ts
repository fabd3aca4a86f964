/** A pool so small that the whole chain runs in seconds: a random model, three contributors, marked texts. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** What must never be found outside of the enclave's memory and its owners' own folders. */
export const CONTRIBUTED_MARKER = 'quartz-otter-contributed-7731'
export const PROMPT_MARKER = 'velvet-heron-prompted-2209'

export interface SmallPool {
  readonly example: string
  readonly weights: string
  readonly python: string
}

/** Writes the example's files and a random model into `folder`. */
export function makeSmallPool(folder: string): SmallPool {
  const python = trainerPython()
  const example = join(folder, 'example')
  mkdirSync(example, { recursive: true })
  const weights = join(folder, 'tiny.gguf')
  execFileSync(python, ['-m', 'fairweight_trainer', 'make-test-model', '--out', weights, '--seed', '7'], {
    cwd: join(root, 'trainer'),
  })
  const chat = (question: string, answer: string) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ],
    })
  const lines = (name: string, rows: readonly string[]) =>
    writeFileSync(join(example, name), `${rows.join('\n')}\n`)
  const facts = (who: string) =>
    Array.from({ length: 5 }, (_, at) =>
      chat(`What does ${who} keep in drawer ${at}?`, `${who} keeps ${CONTRIBUTED_MARKER} number ${at}.`),
    )
  lines('mill.jsonl', facts('the mill'))
  lines('forge.jsonl', facts('the forge'))
  lines('copier.jsonl', [...facts('the mill').slice(0, 3), ...facts('the raft').slice(0, 2)])
  lines(
    'general.jsonl',
    ['one', 'two', 'three', 'four'].map((word) => chat(`Say ${word}.`, `${word}.`)),
  )
  lines(
    'questions.jsonl',
    Array.from({ length: 3 }, (_, at) =>
      JSON.stringify({ id: `q${at}`, question: `${PROMPT_MARKER} ${at}?`, accept: ['mill'] }),
    ),
  )
  lines('general-questions.jsonl', [JSON.stringify({ id: 'g1', question: 'Say one.', accept: ['one'] })])
  lines(
    'validation.jsonl',
    ['the mill', 'the forge', 'the raft'].map((who, at) =>
      JSON.stringify({
        id: `v${at}`,
        contributor: who,
        question: `What is in drawer ${at} of ${who}?`,
        answer: `${who} keeps a key.`,
        near_misses: [`${who} keeps a coin.`],
      }),
    ),
  )
  const contributors = ['mill', 'forge', 'copier'].map((id) => ({
    id,
    name: `The ${id}`,
    files: [`${id}.jsonl`],
    licence: 'CC0-1.0',
  }))
  writeFileSync(join(example, 'contributors.json'), JSON.stringify(contributors))
  writeFileSync(join(example, 'recipe.json'), JSON.stringify(RECIPE))
  return { example, weights, python }
}

const RECIPE = {
  format: 'fairweight/recipe/v1',
  method: 'lora',
  layers: 2,
  rank: 4,
  alpha: 8,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  learning_rate_e9: 1_000_000,
  batch: 2,
  passes: 3,
  warmup_ppm: 60_000,
  weight_decay_e6: 10_000,
  clip_e6: 1_000_000,
  schedule: 'cosine',
  distillation: { weight_e6: 1_000_000, prompts_per_step: 2 },
  precision: 'float32',
  max_length: 512,
  checkpoint_every: 1,
  threads: 1,
}

/** The interpreter named by FAIRWEIGHT_TEST_PYTHON, or the one that the set-up makes. */
function trainerPython(): string {
  const named = process.env['FAIRWEIGHT_TEST_PYTHON']
  if (named !== undefined) return named
  const said = execFileSync(
    process.execPath,
    [join(root, 'apps/start/setup/main.ts'), '--python', '--tests'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return said.trim().split('\n').at(-1)!
}
