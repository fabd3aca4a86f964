/** The test pool's log: statements signed and appended one after the other, then cosigned. */
import { decodeHex, encodeHex, type Bytes } from '#bytes'
import { HashTree } from '#merkle'
import type { Envelope, SigningKey } from '#seal'
import {
  encodeLogLeaf,
  logLeafOf,
  signStatement,
  type KindName,
  type Statement,
  type StatementKind,
} from '#statements'
import { cosign, formatCheckpoint, formatNote, noteSigner, signNote } from '#tlog'
import { hexOf, keyOf } from './keys.ts'

export const ORIGIN = 'pool.test/log'
export const WITNESSES = ['witness.one', 'witness.two', 'witness.three'] as const

/** A statement as everyone but its author sees it. */
export interface Entered<Predicate> extends Statement<Predicate> {
  readonly leafIndex: number
  readonly salt: string
  readonly envelope: Envelope
}

export class TestLog {
  readonly entries: Bytes[] = []
  readonly statements: { leafIndex: number; kind: KindName; salt: string; envelope: Envelope }[] = []

  async add<Predicate>(
    kind: StatementKind<Predicate>,
    predicate: Predicate,
    key: SigningKey,
  ): Promise<Entered<Predicate>> {
    const statement = await signStatement(kind, predicate, key)
    const leafIndex = this.entries.length
    const salt = hexOf(`salt of leaf ${leafIndex}`)
    const name = kind.kind as KindName
    this.entries.push(encodeLogLeaf(logLeafOf(name, statement.digest, salt)))
    if (kind.visibility === 'public') {
      this.statements.push({ leafIndex, kind: name, salt, envelope: statement.envelope })
    }
    return { ...statement, leafIndex, salt }
  }

  root(size = this.entries.length): string {
    return encodeHex(HashTree.of(this.entries).root(size))
  }
}

export interface CheckpointOptions {
  readonly size?: number
  readonly origin?: string
  readonly signer?: string
  readonly root?: string
  readonly witnesses?: readonly string[]
}

/** A checkpoint of the first `size` entries, signed by the log and cosigned at one time. */
export async function checkpointOf(
  entries: readonly Bytes[],
  cosignedAt: string,
  {
    size = entries.length,
    origin = ORIGIN,
    signer = 'log',
    root,
    witnesses = WITNESSES,
  }: CheckpointOptions = {},
): Promise<string> {
  const hash = root === undefined ? HashTree.of(entries).root(size) : decodeHex(root)
  const text = formatCheckpoint({ origin, size, root: hash, extensions: [] })
  const note = await signNote(text, noteSigner(origin, await keyOf(signer)))
  const cosignatures = await Promise.all(
    witnesses.map(async (name) =>
      cosign(text, noteSigner(name, await keyOf(name)), Date.parse(cosignedAt) / 1000),
    ),
  )
  return formatNote({ text, signatures: [...note.signatures, ...cosignatures] })
}
