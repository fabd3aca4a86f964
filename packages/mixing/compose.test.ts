import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalBytes, sha256Hex } from '#bytes'
import { readFile } from '#contributing'
import { verifyPresence } from '#merkle'
import { manifestLeafValue, readManifestLeaf, type Item } from '#statements'
import { decodeHex, encodeHex } from '#bytes'
import { compose, type MixBundle, type MixInput } from './compose.ts'
import { findDuplicates, jaccard } from './duplicates.ts'
import { MixingError } from './errors.ts'
import { shinglesOf, wordsOf } from './words.ts'

const dedup = { shingleWords: 5, threshold: 800_000 }
const hash = (text: string) => sha256Hex(new TextEncoder().encode(text))
const dialogue = (question: string, answer: string): Item => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
})

/** A word is a token here, so that tokens differ from items. */
function bundle(name: string, logIndex: number, items: readonly Item[]): MixBundle {
  return {
    key: hash(`key of ${name}`),
    receiptDigest: hash(`receipt of ${name}`),
    contributor: hash(name),
    logIndex,
    items: items.map((item, at) => ({
      item,
      commitment: hash(`${name} ${at}`),
      tokens: wordsOf(item).length,
    })),
  }
}

const mix = (bundles: readonly MixBundle[], parameters = dedup) =>
  compose({
    bundles,
    general: { items: [], weight: 0 },
    dedup: parameters,
    saltOf: (key) => hash(`salt ${key}`),
  })

function meadow(file: string): Item[] {
  const bytes = readFileSync(new URL(`../../examples/meadow/${file}`, import.meta.url))
  return readFile(file, new Uint8Array(bytes)).items.map(({ item }) => item)
}

// A small vocabulary, so that copies and near-copies happen by themselves.
const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 12 })
const anyItem = fc
  .tuple(words, words)
  .map(([question, answer]) => dialogue(question.join(' '), answer.join(' ')))
const anyPool = fc.array(fc.array(anyItem, { maxLength: 8 }), { minLength: 1, maxLength: 5 })
const anyParameters = fc.record({
  shingleWords: fc.integer({ min: 1, max: 6 }),
  threshold: fc.integer({ min: 300_000, max: 1_000_000 }),
})
const bundlesOf = (pool: readonly Item[][]) => pool.map((items, at) => bundle(`contributor ${at}`, at, items))
const tokensOf = (composition: ReturnType<typeof mix>, key: string) =>
  composition.leaves.find((leaf) => leaf.key === key)?.canonicalTokens

test('the copier of the example pool is paid for nothing it copied', () => {
  const composition = mix([
    bundle('clinic', 0, meadow('clinic.jsonl')),
    bundle('copier', 1, meadow('copier.jsonl')),
  ])
  const [clinic, copier] = composition.bundles.map(({ leaf }) => leaf)
  assert.deepEqual([clinic?.accepted, clinic?.items, clinic?.duplicates], [46, 46, { exact: 0, near: 0 }])
  // 12 copies and 12 with other case and spacing; 6 leaflets with one word changed; the rest is new text.
  assert.deepEqual([copier?.accepted, copier?.items, copier?.duplicates], [56, 26, { exact: 24, near: 6 }])

  const verdicts = findDuplicates([...meadow('clinic.jsonl'), ...meadow('copier.jsonl')], dedup).slice(46)
  const kinds = (from: number, to: number) => [...new Set(verdicts.slice(from, to).map(({ kind }) => kind))]
  assert.deepEqual(kinds(0, 24), ['exact'], 'exact copies, case and spacing')
  assert.deepEqual(kinds(24, 30), ['near'], 'under 1 % of the words changed')
  assert.deepEqual(kinds(30, 40), ['kept'], 'paraphrases escape: no shingle of theirs is the clinic’s')
  assert.deepEqual(kinds(40, 56), ['kept'], 'wrong answers and word salad are for attribution to judge')
})

test('facts of one contributor that differ in one word stay apart', () => {
  for (const file of ['clinic.jsonl', 'law-office.md', 'cycling-club.parquet']) {
    const verdicts = findDuplicates(meadow(file), dedup)
    assert.ok(
      verdicts.every(({ kind }) => kind === 'kept'),
      file,
    )
  }
})

test('case, spacing, punctuation and compatibility forms do not tell texts apart', () => {
  const original = dialogue('Who founded the Clinic?', 'Isolde did, in ﬁve days.')
  const copies = [
    dialogue('WHO founded\n\nthe   clinic', 'isolde did in five days'),
    dialogue('Who founded the Clinic? Isolde did,', 'in five days.'),
    { messages: [{ role: 'system' as const, content: 'My very own long prompt' }, ...original.messages] },
    dialogue('Ｗｈｏ founded the Clinic?', '“Isolde” did — in five days!'),
  ]
  for (const copy of copies)
    assert.deepEqual(findDuplicates([original, copy], dedup)[1], { kind: 'exact', of: 0 })
  assert.equal(
    findDuplicates([original, dialogue('Who founded the Clinic?', 'Otto did, in five days.')], dedup)[1]
      ?.kind,
    'kept',
  )
})

test('texts without spaces or letters are compared by their characters', () => {
  assert.deepEqual(wordsOf(dialogue('東京はどこ', '日本')), ['東', '京', 'は', 'ど', 'こ', '日', '本'])
  assert.deepEqual(wordsOf(dialogue('?!', '👍')), ['?', '!', '👍'])
  assert.deepEqual(wordsOf(dialogue('naïve cafés', 'हिन्दी')), ['naïve', 'cafés', 'हिन्दी'])
})

test('likeness is not passed on along a chain', () => {
  // Each differs from the one before by its ends; the first and the last share too little.
  const text = (from: number) => Array.from({ length: 40 }, (_, at) => `w${from + at}`).join(' ')
  const chain = [0, 3, 6, 9, 12].map((from) => dialogue(text(from), 'yes'))
  assert.deepEqual(
    findDuplicates(chain, { shingleWords: 1, threshold: 800_000 }).map(({ kind }) => kind),
    ['kept', 'near', 'kept', 'near', 'kept'],
  )
})

test('a text shorter than the shingle is one shingle', () => {
  assert.deepEqual([...shinglesOf(['a', 'b'], 5)], ['a b'])
  assert.deepEqual([...shinglesOf(['a', 'b', 'c'], 2)], ['a b', 'b c'])
  assert.equal(findDuplicates([dialogue('a', 'b'), dialogue('a', 'c')], dedup)[1]?.kind, 'kept')
})

test('one changed word in the middle is caught from 48 words on, with the example’s parameters', () => {
  const text = (length: number, at: number) =>
    dialogue(
      'q',
      Array.from({ length: length - 1 }, (_, place) => (place === at ? 'x' : `w${place}`)).join(' '),
    )
  const verdict = (length: number) =>
    findDuplicates([text(length, -1), text(length, Math.floor(length / 2))], dedup)[1]?.kind
  assert.deepEqual([20, 48, 49, 130].map(verdict), ['kept', 'kept', 'near', 'near'])
})

test('copying others’ earlier items never changes anyone’s canonical tokens', () => {
  const copies = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 8 })
  fc.assert(
    fc.property(anyPool, copies, anyParameters, (pool, picks, parameters) => {
      const before = mix(bundlesOf(pool), parameters)
      const earlier = pool.slice(0, -1).flat()
      const copied = earlier.length === 0 ? [] : picks.map(([pick]) => earlier[pick % earlier.length]!)
      const last = [...pool.at(-1)!]
      for (const [at, copy] of copied.entries()) last.splice(picks[at]![1] % (last.length + 1), 0, copy)
      const after = mix(bundlesOf([...pool.slice(0, -1), last]), parameters)
      for (const { key } of before.leaves) assert.equal(tokensOf(after, key), tokensOf(before, key))
    }),
    { numRuns: 150 },
  )
})

test('the order in which bundles come in changes nothing, also at equal places in the log', () => {
  const shuffled = anyPool.chain((pool) =>
    fc.tuple(
      fc.constant(pool),
      fc.shuffledSubarray(
        pool.map((_, at) => at),
        { minLength: pool.length },
      ),
    ),
  )
  fc.assert(
    fc.property(shuffled, fc.boolean(), ([pool, order], equal) => {
      const bundles = bundlesOf(pool).map((one) => (equal ? { ...one, logIndex: 7 } : one))
      const one = mix(bundles)
      const other = mix(order.map((at) => bundles[at]!))
      assert.deepEqual(
        [one.leaves, one.bundles, one.examples, one.totals],
        [other.leaves, other.bundles, other.examples, other.totals],
      )
      assert.deepEqual(one.tree.root, other.tree.root)
    }),
    { numRuns: 60 },
  )
})

test('every copy is close to its kept item, kept items are apart, and all counts add up', () => {
  fc.assert(
    fc.property(anyPool, anyParameters, (pool, parameters) => {
      const items = pool.flat()
      const verdicts = findDuplicates(items, parameters)
      const shingles = items.map((item) => shinglesOf(wordsOf(item), parameters.shingleWords))
      const close = (left: number, right: number) => {
        const { shared, all } = jaccard(shingles[left]!, shingles[right]!)
        return shared > 0 && shared * 1_000_000 >= parameters.threshold * all
      }
      for (const [index, verdict] of verdicts.entries()) {
        if (verdict.kind === 'kept') {
          for (const [earlier, other] of verdicts.slice(0, index).entries()) {
            if (other.kind === 'kept') assert.ok(!close(earlier, index))
          }
          continue
        }
        assert.ok(verdict.of < index && verdicts[verdict.of]?.kind === 'kept' && close(verdict.of, index))
        if (verdict.kind === 'exact') assert.deepEqual(wordsOf(items[verdict.of]!), wordsOf(items[index]!))
      }

      const { leaves, totals, examples, tree } = mix(bundlesOf(pool), parameters)
      const sum = (field: (leaf: (typeof leaves)[number]) => number) =>
        leaves.reduce((all, leaf) => all + field(leaf), 0)
      assert.equal(sum((leaf) => leaf.items) + totals.duplicates.exact + totals.duplicates.near, items.length)
      assert.equal(totals.items, examples.length)
      assert.equal(
        totals.canonicalTokens,
        examples.reduce((all, { tokens }) => all + tokens, 0),
      )
      assert.equal(totals.bundles.included + totals.bundles.excluded + totals.bundles.withdrawn, tree.size)
      for (const leaf of leaves) {
        readManifestLeaf(leaf)
        const value = verifyPresence(
          { root: tree.root, size: tree.size },
          decodeHex(leaf.key),
          tree.proveKey(decodeHex(leaf.key)),
        )
        assert.equal(encodeHex(value), manifestLeafValue(leaf))
      }
    }),
    { numRuns: 100 },
  )
})

test('a bundle that is set aside trains nothing and gives way to the next copy', () => {
  const items = [dialogue('one two three', 'four five six')]
  const first = bundle('first', 0, items)
  const second = bundle('second', 1, items)
  const cases = [
    [{ as: 'withdrawn', accepted: 1, withdrawal: hash('withdrawal') }, 'withdrawn', null],
    [{ as: 'harmful', accepted: 1 }, 'excluded', 'harmful'],
    [{ as: 'policy-changed', accepted: 1 }, 'excluded', 'policy-changed'],
  ] as const
  for (const [setAside, disposition, reason] of cases) {
    const { bundles, totals, examples } = mix([{ ...first, items: [], setAside }, second])
    const [out, kept] = bundles.map(({ leaf }) => readManifestLeaf(leaf))
    assert.deepEqual(
      [out?.disposition, out?.reason, out?.items, out?.canonicalTokens, out?.weight],
      [disposition, reason, 1, 0, 0],
    )
    assert.deepEqual([kept?.disposition, kept?.items], ['included', 1])
    assert.deepEqual([totals.items, examples.length, examples[0]?.bundle], [1, 1, 1])
  }
})

test('empty bundles and bundles of copies are excluded with their reason', () => {
  const items = [dialogue('one two three', 'four five six')]
  const { bundles } = mix([bundle('first', 0, items), bundle('copier', 1, items), bundle('empty', 2, [])])
  assert.deepEqual(
    bundles.map(({ leaf }) => [leaf.disposition, leaf.reason]),
    [
      ['included', null],
      ['excluded', 'all-duplicates'],
      ['excluded', 'no-accepted-items'],
    ],
  )
})

test('what cannot be mixed is refused', () => {
  const one = bundle('one', 0, [dialogue('q', 'a')])
  const general = { items: [], weight: 0 }
  const refused: readonly [string, MixInput][] = [
    ['bundle-repeated', { bundles: [one, { ...one, logIndex: 1 }], general, dedup, saltOf: hash }],
    ['bundle-invalid', { bundles: [{ ...one, key: 'ab' }], general, dedup, saltOf: hash }],
    [
      'bundle-invalid',
      { bundles: [{ ...one, items: [{ ...one.items[0]!, commitment: '' }] }], general, dedup, saltOf: hash },
    ],
    ['salt-invalid', { bundles: [one], general, dedup, saltOf: () => '' }],
  ]
  for (const [code, input] of refused) {
    assert.throws(
      () => compose(input),
      (error: unknown) => error instanceof MixingError && error.code === code,
      code,
    )
  }
})

test('general text is committed to and takes no part among the bundles', () => {
  const shared = dialogue('one two three', 'four five six')
  const item = { item: shared, commitment: hash('general'), tokens: 6 }
  const { general, examples } = compose({
    bundles: [bundle('one', 0, [shared])],
    general: { items: [item], weight: 250_000 },
    dedup,
    saltOf: hash,
  })
  assert.equal(examples.length, 1)
  assert.deepEqual([general.canonicalTokens, general.weight, general.items.length], [6, 250_000, 1])
  assert.match(general.root, /^[0-9a-f]{64}$/)
  assert.ok(canonicalBytes(general.root).length > 0)
})
