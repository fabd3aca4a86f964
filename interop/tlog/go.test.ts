/**
 * Our log against the code of the Go checksum database (golang.org/x/mod/sumdb), from which the C2SP formats
 * come: it opens our checkpoint, authenticates our tiles, checks our proofs and makes the same ones, at chosen sizes
 * and at random ones; it makes the same tiles from the same entries, refuses what we refuse, and we open a note of its.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { openLog } from '#adapters/tlog-files'
import { encodeBase64, encodeUtf8, type Bytes } from '#bytes'
import { HashTree, MerkleError, verifyConsistency, verifyInclusion } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  encodeTile,
  formatVerifierKey,
  newTiles,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  tilePath,
  verifierKey,
  verifyNote,
  witnessStep,
} from '#tlog'

interface Answer {
  readonly Opened: string
  readonly Root: string
  readonly Inclusion: readonly (readonly string[] | null)[]
  readonly Consistency: readonly (readonly string[] | null)[]
  readonly Accepted: readonly string[] | null
  readonly NewTiles: readonly (readonly string[])[]
  readonly Tiles: readonly string[]
  readonly Note: string
  readonly NoteKey: string
}

// Without modules, Go finds the package where Debian's golang-golang-x-mod-dev puts it.
const environment = {
  ...process.env,
  GO111MODULE: 'off',
  GOPATH: process.env['GOPATH'] ?? '/usr/share/gocode',
}
const go = (...options: string[]) => spawnSync('go', options, { env: environment, encoding: 'utf8' })

function absent(): string | false {
  if (go('version').status !== 0) return 'absent: go (Debian package golang-go)'
  if (go('list', 'golang.org/x/mod/sumdb/tlog').status !== 0) {
    return 'absent: golang.org/x/mod (Debian package golang-golang-x-mod-dev)'
  }
  return false
}

test('the Go checksum database reads our log, and we read its notes', { skip: absent() }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'interop-tlog-'))
  after(() => rm(directory, { recursive: true, force: true }))
  const size = 66_000
  const entries = Array.from({ length: size }, (_, at) => encodeUtf8(`entry ${at}`))
  const origin = 'log.example/interop'
  const signer = noteSigner(origin, await signingKeyFromSeed(new Uint8Array(32).fill(5)))
  const logKey = verifierKey('ed25519', origin, signer.publicKey)
  const log = await openLog({ directory, origin, signer, now: () => new Date() })
  for (const end of [3, 300, size]) await log.append(entries.slice(0, end))

  const witness = {
    signer: noteSigner('witness.example', await signingKeyFromSeed(new Uint8Array(32).fill(6))),
    logs: [{ origin, keys: [logKey] }],
  }
  const cosign = async (_: string, { body }: { body: string }) => {
    const { answer } = await witnessStep(witness, new Map(), body, Math.floor(Date.now() / 1000))
    return new Response(answer.body, { status: answer.status })
  }
  const witnessKey = verifierKey('cosignature', 'witness.example', witness.signer.publicKey)
  const witnesses = [{ url: 'https://witness.example', key: witnessKey }]
  await log.publish({ witnesses, fetch: cosign as unknown as typeof fetch })

  const tree = HashTree.of(entries)
  const root = (of: number) => encodeBase64(tree.root(of))
  const texts = (path: readonly Bytes[]) => path.map(encodeBase64)
  const inclusion = [0, 1, 255, 256, 65_535, 65_536, size - 1].map((index) => ({
    Size: size,
    Index: index,
    Root: root(size),
    Leaf: encodeBase64(tree.leafHash(index)),
    Path: texts(log.inclusionProof(index)),
  }))
  const consistency = [1, 2, 3, 255, 256, 300, 65_536, 65_537, size - 1, size].map((first) => ({
    First: first,
    Second: size,
    FirstRoot: root(first),
    SecondRoot: root(size),
    Path: texts(log.consistencyProof(first)),
  }))
  await log.close()

  // A failure names the seed, and the seed gives the same sizes again.
  const seed = Date.now() % 2 ** 31
  const random = randomCases(tree, seed)
  const texts64 = <T extends { Path: readonly Bytes[] }>(proofs: readonly T[]) =>
    proofs.map((proof) => ({ ...proof, Path: texts(proof.Path) }))
  const grown = [[0, size] as const, ...random.grown]
  const tiles = random.grown.flatMap(([from, to]) => newTiles(from, to).slice(-3))
  const input = {
    Directory: directory,
    LogKey: formatVerifierKey(logKey),
    Inclusion: [...inclusion, ...texts64(random.inclusion)],
    Consistency: [...consistency, ...texts64(random.consistency)],
    WrongInclusion: texts64(random.wrongInclusion),
    WrongConsistency: texts64(random.wrongConsistency),
    Grown: grown,
    Tiles: tiles.map(({ level, index, width }) => ({ L: level, N: index, W: width })),
  }
  const program = join(import.meta.dirname, 'peer.go')
  const { status, stdout, stderr } = spawnSync('go', ['run', program], {
    env: environment,
    encoding: 'utf8',
    input: JSON.stringify(input),
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.equal(status, 0, `seed ${seed}: ${stderr}`)
  const answer = JSON.parse(stdout) as Answer
  assert.equal(parseCheckpoint(answer.Opened).size, size)
  assert.equal(answer.Root, root(size))
  assert.deepEqual(
    answer.Inclusion.map((path) => path ?? []),
    input.Inclusion.map(({ Path }) => Path),
    `seed ${seed}`,
  )
  assert.deepEqual(
    answer.Consistency.map((path) => path ?? []),
    input.Consistency.map(({ Path }) => Path),
    `seed ${seed}`,
  )
  assert.ok(input.WrongInclusion.length > 100 && input.WrongConsistency.length > 100)
  assert.deepEqual(answer.Accepted ?? [], [], `seed ${seed}`)
  assert.deepEqual(
    answer.Tiles,
    tiles.map((tile) => encodeBase64(encodeTile(tile, tree))),
    `seed ${seed}`,
  )
  // It lists every width that a partial tile may have had on the way, and what was there before; we list the last
  // width of what is new.
  const place = (path: string) => path.replace(/\.p\/.*/, '')
  for (const [at, [from, to]] of grown.entries()) {
    const ours = new Set(newTiles(from, to).map(tilePath))
    const there = new Set(newTiles(0, from).map(tilePath))
    const theirs = answer.NewTiles[at] ?? []
    assert.ok(ours.isSubsetOf(new Set(theirs)), `seed ${seed}: ${from} to ${to}`)
    const places = new Set([...ours].map(place))
    const missed = theirs.filter((path) => !places.has(place(path)) && !there.has(path))
    assert.deepEqual(missed, [], `seed ${seed}: ${from} to ${to}`)
  }
  const [verified] = await verifyNote(parseNote(answer.Note), [parseVerifierKey(answer.NoteKey)])
  assert.equal(verified?.key.name, 'peer.example/go')
})

/** Proofs at random sizes, the same with one thing changed, and sizes that a log grew between. */
function randomCases(tree: HashTree, seed: number) {
  const root = (of: number) => encodeBase64(tree.root(of))
  const size = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: tree.size }))
  const sample = fc.sample(fc.tuple(size, size, fc.nat(), fc.nat()), { seed, numRuns: 150 })
  const inclusion = sample.map(([of, , place]) => {
    const index = place % of
    const leaf = encodeBase64(tree.leafHash(index))
    return { Size: of, Index: index, Root: root(of), Leaf: leaf, Path: tree.proveInclusion(index, of) }
  })
  const consistency = sample.map(([one, other]) => {
    const [first, second] = [Math.min(one, other), Math.max(one, other)]
    const heads = { FirstRoot: root(first), SecondRoot: root(second) }
    return { First: first, Second: second, ...heads, Path: tree.proveConsistency(first, second) }
  })
  const changes = sample.map(([, , , change]) => change)
  const wrongInclusion = inclusion
    .map((proof, at) => ({ ...proof, Path: changedPath(proof.Path, changes[at]!) }))
    .filter(({ Size, Index, Path }) => {
      const head = { size: Size, root: tree.root(Size) }
      return refuses(() => verifyInclusion(head, Index, tree.leafHash(Index), Path))
    })
  const wrongConsistency = consistency
    .map((proof, at) => ({ ...proof, Path: changedPath(proof.Path, changes[at]!) }))
    .filter(({ First, Second, Path }) => {
      const [first, second] = [First, Second].map((of) => ({ size: of, root: tree.root(of) }))
      return refuses(() => verifyConsistency(first!, second!, Path))
    })
  // From nothing, too: the first sizes of a log.
  const grown = sample
    .slice(0, 40)
    .map(([one, other], at) => [at < 5 ? 0 : Math.min(one, other), Math.max(one, other)] as const)
  return { inclusion, consistency, wrongInclusion, wrongConsistency, grown }
}

function changedPath(path: readonly Bytes[], change: number): readonly Bytes[] {
  const at = path.length === 0 ? 0 : change % path.length
  if (path.length === 0 || change % 5 === 0)
    return path.toSpliced(at, 0, new Uint8Array(32).fill(change & 255))
  if (change % 5 === 1) return path.toSpliced(at, 1)
  const hash = path[at]!.slice()
  hash[change % 32]! ^= 1 << (change % 8)
  return path.with(at, hash)
}

function refuses(body: () => void): boolean {
  try {
    body()
    return false
  } catch (error) {
    if (error instanceof MerkleError) return true
    throw error
  }
}
