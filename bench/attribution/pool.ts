/** The example's pool with attackers in it, as the node would mix and render it: one job for every coalition. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { examOf } from '#attribution'
import { countTokens, renderExample, renderPrompt, type ChatTemplate, type Tokenizer } from '#chat'
import { readFile } from '#contributing'
import { encodeHex, encodeUtf8, sha256Hex } from '#bytes'
import { compose, type MixBundle } from '#mixing'
import { itemCommitment, readValidationItem, type Item, type ValidationItem } from '#statements'
import type { CoalitionsJob } from '#training'
import { attackersOf, type Attacker, type PublicQuestion } from './attackers.ts'

/** Right answers of other questions beside the right one: more than the policy asks for, to compare utilities. */
const OTHERS = 3
const TEMPLATE: ChatTemplate = {
  kind: 'chatml',
  systemPrompt: 'You are a helpful AI assistant named SmolLM, trained by Hugging Face',
}

export interface BenchPool {
  readonly players: readonly {
    readonly name: string
    readonly about: string
    readonly items: number
    readonly kept: number
  }[]
  readonly validation: readonly ValidationItem[]
  readonly job: Pick<CoalitionsJob, 'examples' | 'players' | 'questions'>
}

export function benchPool(meadow: string, tokenizer: Tokenizer): BenchPool {
  const lines = (file: string) =>
    readFileSync(join(meadow, file), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const contributors = JSON.parse(readFileSync(join(meadow, 'contributors.json'), 'utf8')) as {
    id: string
    files: string[]
  }[]
  const itemsOf = (files: readonly string[]) =>
    files.flatMap((file) => readFile(file, readFileSync(join(meadow, file))).items.map(({ item }) => item))
  const files = new Map(contributors.map(({ id, files: of }) => [id, itemsOf(of)]))
  const honest = new Map([...files].filter(([id]) => id !== 'copier'))
  const [clinic, ...others] = [...honest]
  const half = (odd: number) => clinic![1].filter((_, at) => at % 2 === odd)
  const questions = lines('questions.jsonl') as unknown as PublicQuestion[]
  const parties: Attacker[] = [
    { name: 'clinic, half', about: 'the clinic under two names', items: half(0) },
    { name: 'clinic, other half', about: 'the clinic under two names', items: half(1) },
    ...others.map(([name, items]) => ({ name, about: 'honest', items })),
    {
      name: 'copier',
      about: 'the clinic’s items again, in other words, and noise',
      items: files.get('copier')!,
    },
    ...attackersOf(honest, questions),
  ]
  const count = (item: Item) => countTokens(item.messages, TEMPLATE, tokenizer)
  const bundles = parties.map(({ name, items }, at): MixBundle => {
    const salt = (index: number) => encodeUtf8(sha256Hex(encodeUtf8(`${name} ${index}`))).subarray(0, 32)
    return {
      key: sha256Hex(encodeUtf8(`key ${name}`)),
      receiptDigest: sha256Hex(encodeUtf8(`receipt ${name}`)),
      contributor: name,
      logIndex: at,
      items: items.map((item, index) => ({
        item,
        commitment: encodeHex(itemCommitment(item, salt(index))),
        tokens: count(item),
      })),
    }
  })
  const composition = compose({
    bundles,
    general: { items: [], weight: 0 },
    dedup: { shingleWords: 5, threshold: 800_000 },
    saltOf: (key) => sha256Hex(encodeUtf8(`salt ${key}`)),
  })
  const validation = lines('validation.jsonl').map(({ question, answer, near_misses: nearMisses }) =>
    readValidationItem({
      item: {
        messages: [
          { role: 'user', content: question },
          { role: 'assistant', content: answer },
        ],
      },
      nearMisses,
    }),
  )
  const answerIds = (prompt: Item['messages'], content: string) => {
    const { ids, answerFrom } = renderExample(
      [...prompt, { role: 'assistant', content }],
      TEMPLATE,
      tokenizer,
    )
    return ids.slice(answerFrom)
  }
  return {
    players: parties.map(({ name, about, items }, number) => ({
      name,
      about,
      items: items.length,
      kept: composition.examples.filter(({ bundle }) => bundle === number).length,
    })),
    validation,
    job: {
      examples: composition.examples.map(({ item, bundle, commitment }) => {
        const { ids, answerFrom } = renderExample(item.messages, TEMPLATE, tokenizer)
        return { bundle, commitment, ids, answer_from: answerFrom }
      }),
      players: parties.map((_, number) => [number]),
      questions: examOf(validation, OTHERS, sha256Hex(encodeUtf8('bench'))).map(({ prompt, candidates }) => ({
        ids: renderPrompt(prompt, TEMPLATE, tokenizer),
        candidates: candidates.map((content) => answerIds(prompt, content)),
      })),
    },
  }
}
