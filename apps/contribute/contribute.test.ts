import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { randomBytes } from 'node:crypto'
import { decodeHex, sha256Hex } from '#bytes'
import { SumTree } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  attribution,
  contributionReceipt,
  encodeLogLeaf,
  encodeSumProof,
  encodeSumRoot,
  logLeafOf,
  openStatement,
  shareLeafDigest,
  TOTAL_SHARES,
  type Keyset,
  type PublicStatement,
  type ShareLeaf,
} from '#statements'
import { verifyProof } from '#tlog'
import type { PartyLeaves } from '../node/ingest/index.ts'
import {
  createUpload,
  sendBytes,
  sendOffer,
  startHarness,
  type Harness,
} from '../node/ingest/testing/harness.ts'
import { ContributeError, type AppraiseNode, type ContributePorts } from './index.ts'
import { checkpointPolicyOf } from './log-proof.ts'
import type { Kept } from './state.ts'
import { run, trusting } from './testing/run.ts'

const leavesOf = new Map<string, PartyLeaves>()
let harness: Harness
let folder: string
/** Keysets of every term so far: what evidence in the record would hold. */
let keysets: Keyset[] = []
let statements: PublicStatement[] = []

before(async () => {
  harness = await startHarness({ sources: [async ({ contributor }) => leavesOf.get(contributor) ?? {}] })
  keysets = [harness.context.machine.keyset]
  folder = await mkdtemp(join(tmpdir(), 'fairweight-contribute-'))
})
after(async () => {
  await harness.stop()
  await rm(folder, { recursive: true, force: true })
})

const appraise = trusting(
  () => harness,
  () => ({ keysets, statements }),
)
const fairweight = (args: readonly string[], given: Partial<ContributePorts> = {}) =>
  run(args, { appraiseNode: appraise, ...given })

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const urlOf = (input: Parameters<typeof fetch>[0]) =>
  input instanceof Request ? input.url : new URL(input).href

const csv = (marker: string) =>
  `question,answer\nWho is ${marker}?,She founded it.\nWhere is ${marker}?,In town.\n`
const home = (name: string) => join(folder, 'homes', name)

const contributeArgs = (path: string, name: string) => [
  'contribute',
  path,
  '--pool',
  harness.url,
  '--policy',
  harness.context.policy.digest,
  '--home',
  home(name),
  '--name',
  name,
  '--json',
  '--yes',
]

const receiptsOnNode = async () => (await harness.context.statements.list('contribution-receipt')).length

test('a file becomes a receipt that is checked, proven in the log and kept', async () => {
  const path = await file('anna.csv', `${csv('Isolde')}Mail?,a@example.org\n`)
  const ran = await fairweight(contributeArgs(path, 'anna'))
  assert.equal(ran.code, 0, ran.said)
  assert.deepEqual([ran.printed.offered, ran.printed.accepted, ran.printed.alreadyContributed], [3, 3, false])
  assert.ok(ran.printed.canonicalTokens > 0)
  for (const shown of [
    /3 items with \d+ words/,
    /1 × email, on lines 4/,
    /SIMULATED/,
    /Estimate by tokens alone, and no promise/,
    /Nothing has been paid out yet/,
    /Missing without this contribution: 1 contributor \(/,
    /You agree that/,
  ]) {
    assert.match(ran.said, shown)
  }
  assert.ok(
    !ran.said.includes('Isolde') && !ran.said.includes('a@example.org'),
    'what is contributed is never shown',
  )

  const kept = JSON.parse(await readFile(ran.printed.kept, 'utf8')) as Kept
  const rules = checkpointPolicyOf(harness.context.policy.predicate)
  const leaf = logLeafOf('contribution-receipt', kept.receiptDigest, kept.receipt.salt)
  const proven = await verifyProof(kept.receipt.logProof, encodeLogLeaf(leaf), rules)
  assert.equal(proven.index, kept.receipt.leafIndex)
  assert.deepEqual(await readdir(join(home('anna'), 'pending')), [])
  if (process.platform !== 'win32') {
    for (const name of ['contributor-key', `contributions/${kept.receiptDigest}.json`]) {
      assert.equal((await stat(join(home('anna'), name))).mode & 0o777, 0o600)
    }
  }
})

test('the same items again, under another file name, are not contributed twice', async () => {
  const earlier = await receiptsOnNode()
  const path = await file('anna-again.csv', `${csv('Isolde')}Mail?,a@example.org\n`)
  const again = await fairweight(contributeArgs(path, 'anna'))
  assert.equal(again.code, 0, again.said)
  assert.equal(again.printed.alreadyContributed, true)
  assert.equal(await receiptsOnNode(), earlier)
})

test('a run that dies at any request goes on and gives one receipt', async () => {
  for (let dies = 1; ; dies += 1) {
    const name = `crash-${dies}`
    const path = await file(`${name}.csv`, csv(name))
    const earlier = await receiptsOnNode()
    let calls = 0
    // Even calls reach the node and the answer is lost; odd ones never arrive.
    const dying: typeof fetch = async (input, init) => {
      calls += 1
      if (calls < dies) return fetch(input, init)
      if (calls === dies && dies % 2 === 0) await fetch(input, init)
      throw new TypeError('the connection is gone')
    }
    const died = await fairweight(contributeArgs(path, name), { fetch: dying })
    if (died.code === 0) {
      assert.ok(dies > 5, 'every request had its turn')
      break
    }
    assert.match(died.said, /run this again/i)
    const resumed = await fairweight(contributeArgs(path, name))
    assert.equal(resumed.code, 0, resumed.said)
    assert.equal(resumed.printed.accepted, 2)
    assert.equal(await receiptsOnNode(), earlier + 1)
  }
})

test('an upload that stopped halfway goes on with the bytes it began with', async () => {
  const path = await file('half.csv', csv('half'))
  // The offer is taken; before the first byte the machine dies.
  const dying: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (urlOf(input).endsWith('/v1/offers')) throw new TypeError('the connection is gone')
    return response
  }
  assert.equal((await fairweight(contributeArgs(path, 'half'), { fetch: dying })).code, 1)
  const pending = join(home('half'), 'pending')
  const names = await readdir(pending)
  const sealed = new Uint8Array(
    await readFile(
      join(
        pending,
        names.find((name) => name.endsWith('.age'))!,
      ),
    ),
  )
  const state = JSON.parse(
    await readFile(
      join(
        pending,
        names.find((name) => name.endsWith('.json'))!,
      ),
      'utf8',
    ),
  )
  const { body } = await sendOffer<{ upload: { id: string } }>(harness, state.offer)
  await createUpload(harness, body.upload.id, sealed.length)
  assert.equal((await sendBytes(harness, body.upload.id, 0, sealed.slice(0, 1500))).status, 204)

  const resumed = await fairweight(contributeArgs(path, 'half'))
  assert.equal(resumed.code, 0, resumed.said)
  const kept = JSON.parse(await readFile(resumed.printed.kept, 'utf8')) as Kept
  const { predicate } = await openStatement(contributionReceipt, kept.receipt.envelope)
  assert.equal(predicate.ciphertext, sha256Hex(sealed))
})

test('an answer lost in one term is fetched in the next, signed by the earlier term’s key', async () => {
  const path = await file('terms.csv', csv('terms'))
  const losing: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (urlOf(input).endsWith('/complete') && response.ok) throw new TypeError('the connection is gone')
    return response
  }
  const lost = await fairweight(contributeArgs(path, 'terms'), { fetch: losing })
  assert.equal(lost.code, 1)
  const earlier = await receiptsOnNode()
  harness = await harness.restart()
  // Even where the node's record no longer shows the earlier term, what was verified then counts.
  keysets = [harness.context.machine.keyset]
  const resumed = await fairweight(contributeArgs(path, 'terms'))
  assert.equal(resumed.code, 0, resumed.said)
  assert.equal(await receiptsOnNode(), earlier)
})

test('a receipt by a key that no verified keyset holds is not believed', async () => {
  const path = await file('forged.csv', csv('forged'))
  const stranger = await signingKeyFromSeed(new Uint8Array(32).fill(50))
  const { keyset } = harness.context.machine
  const keys = keyset.keys.map((key) =>
    key.algorithm === 'ed25519' && key.role === 'ingest' ? { ...key, publicKey: stranger.publicKey } : key,
  )
  const other = { ...keyset, keys }
  const appraiseNode: AppraiseNode = async (asked) => ({
    ...(await appraise(asked)),
    keyset: other,
    keysets: [other],
  })
  const ran = await fairweight(contributeArgs(path, 'forged'), { appraiseNode })
  assert.equal(ran.code, 1)
  assert.match(ran.said, /not signed by an ingest key/)
  assert.deepEqual(await readdir(join(home('forged'), 'contributions')).catch(() => []), [])
})

test('a node that is not trusted gets nothing, not even a question', async () => {
  const path = await file('wary.csv', csv('wary'))
  const asked: string[] = []
  const appraiseNode: AppraiseNode = async () => {
    throw new ContributeError(1, 'Nothing was sent. The node is not trusted: A2: the program is another one.')
  }
  const watching: typeof fetch = async (input, init) => {
    asked.push(urlOf(input))
    return fetch(input, init)
  }
  const ran = await fairweight(contributeArgs(path, 'wary'), { appraiseNode, fetch: watching })
  assert.deepEqual([ran.code, asked], [1, []])
  assert.match(ran.said, /A2/)
})

test('without --yes a person decides', async () => {
  const path = await file('asked.csv', csv('asked'))
  const args = contributeArgs(path, 'asked').filter((arg) => arg !== '--yes')
  const earlier = await receiptsOnNode()
  const unattended = await fairweight(args)
  assert.equal(unattended.code, 2)
  assert.match(unattended.said, /--yes/)
  const declined = await fairweight(args, { interactive: true, confirm: async () => false })
  assert.equal(declined.code, 1)
  assert.equal(await receiptsOnNode(), earlier)
  const agreed = await fairweight(args, { confirm: async () => true, interactive: true })
  assert.equal(agreed.code, 0, agreed.said)
})

test('Markdown, plain text and packed Parquet go the same way, and what stays behind is told', async () => {
  const packed = 'written as pyarrow-zstd'
  const vectors = JSON.parse(
    await readFile(join(import.meta.dirname, '../../vectors/files.json'), 'utf8'),
  ) as {
    cases: { name: string; base64?: string }[]
  }
  const parquet = join(folder, 'table.parquet')
  await writeFile(parquet, Buffer.from(vectors.cases.find(({ name }) => name === packed)!.base64!, 'base64'))
  const markdown = await file('faq.md', '# FAQ\n\n## Who keeps the key?\n\nAsk rosa@example.org.\n')
  const plain = await file('faq.txt', 'Q: Who has the key?\nA: Nobody.\n')
  const args = contributeArgs(markdown, 'formats')
  const ran = await fairweight([...args.slice(0, 2), plain, parquet, ...args.slice(2)])
  assert.equal(ran.code, 0, ran.said)
  assert.deepEqual([ran.printed.offered, ran.printed.accepted], [7, 7])
  assert.match(
    ran.said,
    /faq\.md: 1 item\n +not part of them: "line 1"\n +looks personal: 1 × email, on lines 3/,
  )
  assert.match(ran.said, /table\.parquet: 5 items\n +not part of them: "id"/)
})

test('a file that is too large is refused before it is read', async () => {
  const path = await file('large.csv', '')
  await truncate(path, 256 * 1024 * 1024 + 1)
  const ran = await fairweight(contributeArgs(path, 'large'))
  assert.equal(ran.code, 2)
  assert.match(ran.said, /large\.csv: the file is larger than 256 MiB/)
})

test('wrong use ends with 2 and a sentence that says what to do', async () => {
  const good = await file('good.csv', csv('good'))
  const bad = await file('bad.jsonl', '{"question":"Isolde","answer":""}\n\n{"question":"q","answer":"a"}\n')
  const page = await file('page.md', '## Isolde?\n\nShe.\n\n### More\n')
  const passage = await file('passage.txt', 'Isolde founded it.\n')
  const table = await file('table.parquet', 'question,answer\nIsolde,She.\n')
  const args = contributeArgs(good, 'wrong')
  const change = (option: string, value: string) => [...args, option, value]
  const cases: [readonly string[], RegExp][] = [
    [contributeArgs(bad, 'wrong'), /bad\.jsonl:1: [\s\S]*bad\.jsonl:2: /],
    [contributeArgs(page, 'wrong'), /Rows that cannot be contributed: 1\.[\s\S]*page\.md:5: /],
    [contributeArgs(passage, 'wrong'), /passage\.txt: no question[\s\S]*"Q: …"/],
    [contributeArgs(table, 'wrong'), /table\.parquet: the Parquet file is damaged/],
    [contributeArgs(join(folder, 'absent.csv'), 'wrong'), /cannot be read/],
    [change('--policy', 'abc'), /64 hexadecimal digits/],
    [change('--pool', 'node.example'), /address of a node/],
    [change('--pool', 'file:///etc/passwd'), /address of a node/],
    [change('--payee', 'iban:DE00:x'), /--payee/],
    [change('--columns', 'a'), /--columns/],
    [change('--columns', 'Frage,Antwort'), /"question", "answer"/],
    [change('--anchors', join(folder, 'absent.json')), /--anchors/],
    [change('--anchors', good), /--anchors/],
  ]
  for (const [wrong, words] of cases) {
    const ran = await fairweight(wrong)
    assert.equal(ran.code, 2, ran.said)
    assert.match(ran.said, words)
    assert.ok(!ran.said.includes('Isolde'))
  }
  const elsewhere = await fairweight([...args, '--pool', 'http://127.0.0.1:9'])
  assert.equal(elsewhere.code, 1)
  assert.match(elsewhere.said, /cannot be reached/)
})

test('an offer that the node refuses for good is forgotten, and the next run makes a new one', async () => {
  const path = await file('refused.csv', csv('refused'))
  const refusing: typeof fetch = async (input, init) =>
    urlOf(input).endsWith('/v1/offers')
      ? Response.json({ error: { code: 'policy-unknown', message: 'no \u001b[2Jlonger' } }, { status: 409 })
      : fetch(input, init)
  const ran = await fairweight(contributeArgs(path, 'refused'), { fetch: refusing })
  assert.equal(ran.code, 1)
  assert.ok(!ran.said.includes('\u001b'), 'a node’s words cannot move the cursor')
  assert.deepEqual(await readdir(join(home('refused'), 'pending')), [])
  assert.equal((await fairweight(contributeArgs(path, 'refused'))).code, 0)
})

test('a home that cannot be used or is damaged is told in a sentence', async () => {
  const path = await file('olga.csv', csv('olga'))
  const inFile = contributeArgs(path, 'olga').map((one) => (one === home('olga') ? path : one))
  const unusable = await fairweight(inFile)
  assert.deepEqual([unusable.code, unusable.text], [1, ''])
  assert.match(unusable.said, /folder of your key and receipts cannot be used \((EEXIST|ENOTDIR)\).*--home/)
  await mkdir(join(home('olga'), 'contributions'), { recursive: true })
  await writeFile(join(home('olga'), 'contributions/x.json'), '{')
  const damaged = await fairweight(['contributions', '--home', home('olga')])
  assert.deepEqual([damaged.code, damaged.text], [1, ''])
  assert.match(damaged.said, /x\.json is damaged: restore it/)
})

test('contributions lists what is kept and what is under way', async () => {
  const listed = await fairweight(['contributions', '--home', home('anna'), '--json'])
  assert.equal(listed.printed.contributions.length, 1)
  assert.deepEqual(listed.printed.contributions[0].files, ['anna.csv'])
  assert.match((await fairweight(['contributions', '--home', home('anna')])).text, /anna\.csv/)
  assert.match((await fairweight(['contributions', '--home', home('nobody')])).text, /No contributions yet/)
})

test('a statement shows shares that lead to a signed root, and nothing else', async () => {
  const path = await file('rosa.csv', csv('rosa'))
  assert.equal((await fairweight(contributeArgs(path, 'rosa'))).code, 0)
  const seed = decodeHex((await readFile(join(home('rosa'), 'contributor-key'), 'utf8')).trim())
  const { publicKey } = await signingKeyFromSeed(seed)
  const { context } = harness
  const hex = (digit: string) => digit.repeat(64)
  const leaf = (contributor: string, share: number, salt: string): ShareLeaf => ({
    format: 'fairweight/share-leaf/v1',
    contributor,
    share,
    canonicalTokens: 10,
    score: null,
    compare: { tokens: share, leaveOneOut: null },
    alike: { items: 0, canonicalTokens: 0 },
    salt: hex(salt),
  })
  const [own, others] = [leaf(publicKey, 250_000_000, '1'), leaf(hex('a'), TOTAL_SHARES - 250_000_000, '2')]
  const node = (one: ShareLeaf) => ({ sum: BigInt(one.share), digest: decodeHex(shareLeafDigest(one)) })
  const tree = new SumTree([node(own), node(others)], new Uint8Array(randomBytes(32)))
  const signed = await context.statements.issue(
    attribution,
    {
      pool: context.policy.pool,
      policy: context.policy.digest,
      manifest: hex('b'),
      training: hex('c'),
      model: hex('d'),
      attributedAt: '2026-11-25T12:00:00Z',
      method: 'tokens' as const,
      tokenWeight: 1_000_000,
      validation: hex('e'),
      contributors: 2,
      tree: encodeSumRoot(tree.root),
      estimate: null,
      basis: { utility: 0, tokens: 40, weight: '40', rest: 1_000_000, cap: 1_000_000 },
      fidelity: 'not-measured' as const,
      notices: [],
    },
    context.machine.key('train'),
  )
  await context.statements.integrate()
  const stored = (await context.statements.find(signed.digest))!
  statements = [
    { kind: 'attribution', leafIndex: stored.leafIndex!, salt: stored.salt, envelope: stored.envelope },
  ] as unknown as PublicStatement[]
  const proof = encodeSumProof(tree.prove(node(own).digest))
  const show = (one: ShareLeaf) =>
    leavesOf.set(publicKey, { shares: [{ statement: signed.digest, leaf: { ...one }, proof }] })
  const ask = () => fairweight(['statement', '--home', home('rosa'), '--json'])

  show(own)
  const stated = await ask()
  assert.equal(stated.code, 0, stated.said)
  const [share] = stated.printed.shares
  assert.equal(share.share, 250_000_000)
  assert.equal(share.of, TOTAL_SHARES)
  assert.equal(share.model, hex('d'))
  assert.deepEqual(share.why, [
    'what the data did was not measured: tokens are paid',
    'by tokens alone it would be 25.00 %',
  ])
  assert.match((await fairweight(['statement', '--home', home('rosa')])).text, /25\.0000 %/)
  const [name] = await readdir(join(home('rosa'), 'records'))
  const record = JSON.parse(await readFile(join(home('rosa'), 'records', name!), 'utf8'))
  assert.equal(record.format, 'fairweight/contribution-record/v1')

  for (const lie of [
    { ...own, share: 500_000_000 },
    { ...own, contributor: hex('a') },
    { ...own, canonicalTokens: 11 },
  ]) {
    show(lie)
    const lied = await ask()
    assert.equal(lied.code, 1, JSON.stringify(lie))
    assert.match(lied.said, /not trusted/)
  }
  show(own)
  const withoutTrain = keysets.map((keyset) => ({
    ...keyset,
    keys: keyset.keys.filter(({ role }) => role !== 'train'),
  }))
  const appraiseNode: AppraiseNode = async (asked) => ({ ...(await appraise(asked)), keysets: withoutTrain })
  const unsigned = await fairweight(['statement', '--home', home('rosa'), '--json'], { appraiseNode })
  assert.equal(unsigned.code, 1)
  assert.match(unsigned.said, /role train/)
})

test('a receipt that the node no longer shows is told', async () => {
  const hiding: typeof fetch = async (input, init) =>
    urlOf(input).endsWith('/record') ? Response.json({ records: [] }) : fetch(input, init)
  const ran = await fairweight(['statement', '--home', home('rosa')], { fetch: hiding })
  assert.equal(ran.code, 1)
  assert.match(ran.said, /does not show 1 of your receipts/)
})
