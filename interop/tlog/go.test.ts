/**
 * Our log against the code of the Go checksum database (golang.org/x/mod/sumdb), from which the C2SP formats
 * come: it opens our checkpoint, authenticates our tiles, checks our proofs and makes the same ones, and we open
 * a note of its.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openLog } from '#adapters/tlog-files'
import { encodeBase64, encodeUtf8, type Bytes } from '#bytes'
import { HashTree } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
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
  readonly NewTiles: readonly string[]
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

  const input = {
    Directory: directory,
    LogKey: formatVerifierKey(logKey),
    Inclusion: inclusion,
    Consistency: consistency,
  }
  const program = join(import.meta.dirname, 'peer.go')
  const { status, stdout, stderr } = spawnSync('go', ['run', program], {
    env: environment,
    encoding: 'utf8',
    input: JSON.stringify(input),
  })
  assert.equal(status, 0, stderr)
  const answer = JSON.parse(stdout) as Answer
  assert.equal(parseCheckpoint(answer.Opened).size, size)
  assert.equal(answer.Root, root(size))
  assert.deepEqual(
    answer.Inclusion.map((path) => path ?? []),
    inclusion.map(({ Path }) => Path),
  )
  assert.deepEqual(
    answer.Consistency.map((path) => path ?? []),
    consistency.map(({ Path }) => Path),
  )
  // It lists every width that a partial tile may have had on the way; we list the last one.
  const ours = newTiles(0, size).map(tilePath)
  const places = (paths: readonly string[]) => new Set(paths.map((path) => path.replace(/\.p\/.*/, '')))
  assert.ok(new Set(ours).isSubsetOf(new Set(answer.NewTiles)))
  assert.deepEqual(places(ours), places(answer.NewTiles))
  const [verified] = await verifyNote(parseNote(answer.Note), [parseVerifierKey(answer.NoteKey)])
  assert.equal(verified?.key.name, 'peer.example/go')
})
