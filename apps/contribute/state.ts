/** What is written down before each step, so that running the same command again goes on and never repeats. */
import { digestOf, sha256Hex } from '#bytes'
import type { Envelope } from '#seal'
import { itemBytes, type Item, type Keyset } from '#statements'
import type { Home } from './home.ts'

/** Under way: the offer is made and signed, nothing else is certain. */
export interface Pending {
  readonly format: 'fairweight/pending-contribution/v1'
  readonly content: string
  readonly url: string
  readonly policy: string
  readonly offer: Envelope
  /** 32 bytes that open every commitment. */
  readonly secret: string
  /** Keysets verified so far: a receipt may be signed in one term and fetched in the next. */
  readonly keysets: readonly Keyset[]
}

/** Done: the proof that this was contributed, and where. */
export interface Kept {
  readonly format: 'fairweight/kept-contribution/v1'
  readonly content: string
  readonly url: string
  readonly pool: string
  readonly policy: string
  readonly files: readonly string[]
  readonly receiptDigest: string
  readonly offer: LoggedStatement
  readonly receipt: LoggedStatement
  readonly secret: string
  readonly keyset: Keyset
}

export interface LoggedStatement {
  readonly envelope: Envelope
  readonly salt: string
  readonly leafIndex: number
  /** C2SP tlog-proof. */
  readonly logProof: string
}

/** Names the same items by the same contributor for the same pool, whatever their files are called. */
export function contentOf(pool: string, contributor: string, items: readonly Item[]): string {
  return digestOf({ pool, contributor, items: items.map((item) => sha256Hex(itemBytes(item))) })
}

export const pendingName = (content: string) => `pending/${content}.json`
export const sealedName = (content: string) => `pending/${content}.age`
export const keptName = (receipt: string) => `contributions/${receipt}.json`

export async function findKept(home: Home, content: string): Promise<Kept | undefined> {
  return (await home.list<Kept>('contributions')).find((one) => one.content === content)
}
