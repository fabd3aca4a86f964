/** Fields that several statements share (spec/conventions.md). */
import { z } from 'zod'

/** SHA-256, keys and salts: 32 bytes in lower-case hexadecimal. */
export const hex32 = z.string().regex(/^[0-9a-f]{64}$/)

/** Seconds precision, UTC, one spelling: 2026-11-25T12:00:00Z. */
export const timestamp = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
  .refine(isTime, 'no such time')

/** A count that every JSON reader keeps exactly. */
export const count = z.int().min(0)

/** Money in the smallest unit, as decimal text: 0 … 2⁶³ − 1. */
export const amount = z
  .string()
  .regex(/^(0|[1-9]\d{0,18})$/, { abort: true })
  .refine((text) => BigInt(text) <= 0x7fff_ffff_ffff_ffffn, 'amount exceeds 2^63 - 1')

/** `scale` decimal places: {asset: 'USD', scale: 6} counts millionths of a dollar. */
export const currency = z.strictObject({
  asset: z.string().regex(/^[A-Z0-9]{2,12}$/),
  scale: z.int().min(0).max(18),
})

/** A short machine name: a pool, a node, an account. */
export const slug = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/)

/** Something a person wrote; never trusted, only shown. No character that could move or repaint what is shown. */
export const label = shownText(200)

/** One line of text without control or formatting characters. */
export function shownText(maximum: number) {
  return z
    .string()
    .min(1)
    .max(maximum)
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u)
}

/** Parts of ten thousand. */
export const basisPoints = z.int().min(0).max(10_000)

/** Parts of a million. */
export const partsPerMillion = z.int().min(0).max(1_000_000)

export const fileEntry = z.strictObject({
  /** A relative path with `/`; no step leads out of the folder. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/)
    .refine(
      (name) => name.split('/').every((step) => !['', '.', '..'].includes(step)),
      'a step of the path is not a name',
    ),
  sha256: hex32,
  size: count,
})

/** Files of one thing: no name twice. */
export const fileList = z
  .array(fileEntry)
  .min(1)
  .refine((files) => isDistinct(files.map(({ name }) => name)), 'a file name stands twice')
export type FileEntry = z.infer<typeof fileEntry>

/** Root of a sorted tree (spec/merkle.md): `size` leaves. */
export const treeRoot = z.strictObject({ root: hex32, size: count })

/** Root of a Merkle-sum tree (spec/merkle.md): `size` is a power of two, padding included. */
export const sumRoot = z.strictObject({ root: hex32, sum: amount, size: z.int().min(1) })

/** The pool policy a statement was made under: the line it belongs to, and the version in force. */
export const underPolicy = { pool: hex32, policy: hex32 }

/** Where in a node's life something happened. */
export const nodeTerm = { node: slug, term: z.int().min(1) }

/** A timestamp as statements write it. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

/** True for a time that is on the calendar: 31 February has the right shape and is none. */
function isTime(text: string): boolean {
  const time = new Date(text)
  return !Number.isNaN(time.getTime()) && formatTime(time) === text
}

export function isDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}

/** One text for a node's term, to find repeats by. */
export function termName({ node, term }: { readonly node: string; readonly term: number }): string {
  return `${node}/${term}`
}
