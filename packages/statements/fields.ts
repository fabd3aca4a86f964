/** Fields that several statements share (spec/conventions.md). */
import { z } from 'zod'

/** SHA-256, keys and salts: 32 bytes in lower-case hexadecimal. */
export const hex32 = z.string().regex(/^[0-9a-f]{64}$/)

/** Seconds precision, UTC, one spelling: 2026-11-25T12:00:00Z. */
export const timestamp = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/)

/** A count that every JSON reader keeps exactly. */
export const count = z.int().min(0)

/** Money in the smallest unit, as decimal text: 0 … 2⁶³ − 1. */
export const amount = z
  .string()
  .regex(/^(0|[1-9]\d{0,18})$/)
  .refine((text) => BigInt(text) <= 0x7fff_ffff_ffff_ffffn, 'amount exceeds 2^63 - 1')

/** `scale` decimal places: {asset: 'USD', scale: 6} counts millionths of a dollar. */
export const currency = z.strictObject({
  asset: z.string().regex(/^[A-Z0-9]{2,12}$/),
  scale: z.int().min(0).max(18),
})

/** A short machine name: a pool, a node, an account. */
export const slug = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/)

/** Something a person wrote; never trusted, only shown. */
export const label = z.string().min(1).max(200)

/** Parts of ten thousand. */
export const basisPoints = z.int().min(0).max(10_000)

/** Parts of a million. */
export const partsPerMillion = z.int().min(0).max(1_000_000)

export const fileEntry = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/),
  sha256: hex32,
  size: count,
})
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
