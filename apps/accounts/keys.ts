/** A buyer's keys (spec/buyer-account.md §keys): list, rotate, revoke; and for operators, issue. */
import { z } from 'zod'
import type { AccountClient } from './client.ts'
import { AccountError } from './errors.ts'
import { keyHashOf, keyIdOf, newKey, type KeyFile } from './secrets.ts'
import type { AccountPorts } from './ports.ts'

const keyId = z.string().regex(/^[0-9a-f]{16}$/)
const time = z.iso.datetime()
const by = z.enum(['operator', 'buyer'])
const keyList = z.object({
  buyer: z.string().regex(/^buyer-[0-9a-f]{16}$/),
  keys: z.array(
    z.object({
      id: keyId,
      state: z.enum(['valid', 'ending', 'ended', 'refused']),
      createdAt: time,
      madeBy: by,
      validUntil: time.nullable(),
      ends: z.array(
        z.object({
          kind: z.enum(['rotation', 'revocation', 'unproven']),
          by,
          at: time,
          validUntil: time,
          replacedBy: keyId.nullable(),
        }),
      ),
    }),
  ),
})
export type KeyList = z.infer<typeof keyList>

export async function listKeys(client: AccountClient, buyer: string | undefined): Promise<KeyList> {
  const path = buyer === undefined ? '/v1/keys' : `/v1/operator/buyers/${encodeURIComponent(buyer)}/keys`
  return readAnswer(keyList, await client.get(path))
}

/** For a terminal. */
export function keyTable({ buyer, keys }: KeyList): string {
  const lines = keys.map(({ id, state, createdAt, madeBy, ends }) => {
    const ended = ends.map(({ kind, by: who, validUntil, replacedBy }) => {
      const what = replacedBy === null ? kind : `${kind} to ${replacedBy}`
      return `${what} by the ${who}, good until ${validUntil}`
    })
    return [`${id}  ${state.padEnd(7)}  made ${createdAt} by the ${madeBy}`, ...ended].join('; ')
  })
  return [`Keys of ${buyer}`, ...lines.map((line) => `  ${line}`), ''].join('\n')
}

const rotated = z.object({ key: keyId, replaces: keyId, validUntil: time, created: z.boolean() })
export interface Rotated {
  readonly key: string
  readonly replaces: string
  /** Until when the old key is good; null where it ended before this command could ask. */
  readonly validUntil: string | null
}

/**
 * Makes a key, has it take the place of the one in `file`, and puts it there. Only its digest leaves this machine.
 * Run again after a crash it goes on with the key that it made.
 */
export async function rotate(
  file: KeyFile,
  overlapSeconds: number,
  clientOf: (apiKey: string) => AccountClient,
  random: AccountPorts['random'],
): Promise<Rotated> {
  const next = file.next ?? newKey(random)
  if (file.next === undefined) await file.propose(next)
  const validUntil = await askForNext(file, next, overlapSeconds, clientOf)
  await file.accept(next)
  return { key: keyIdOf(next), replaces: keyIdOf(file.apiKey), validUntil }
}

async function askForNext(
  file: KeyFile,
  next: string,
  overlapSeconds: number,
  clientOf: (apiKey: string) => AccountClient,
): Promise<string | null> {
  const made = { id: keyIdOf(next), hash: keyHashOf(next), overlapSeconds }
  try {
    const answer = await clientOf(file.apiKey).post('/v1/keys/rotations', made)
    const { key, validUntil } = readAnswer(rotated, answer)
    if (key !== made.id) throw notANode()
    return validUntil
  } catch (error) {
    if (!(error instanceof AccountError)) throw error
    // The old key may be over because an earlier try succeeded: then the new one opens.
    if (error.code === 'invalid_api_key') {
      const opened = await clientOf(next)
        .get('/v1/keys')
        .catch(() => undefined)
      if (opened !== undefined) return null
    }
    // The node has said that this key will never be in the old one's place.
    if (error.code === 'key_replaced' || error.code === 'key_exists') await file.forget()
    throw error
  }
}

const changed = z.object({ key: keyId, created: z.boolean() })

/** False where it was revoked before. */
export async function revoke(
  client: AccountClient,
  key: string,
  buyer: string | undefined,
): Promise<z.infer<typeof changed>> {
  const path =
    buyer === undefined
      ? '/v1/keys/revocations'
      : `/v1/operator/buyers/${encodeURIComponent(buyer)}/keys/revocations`
  return readAnswer(changed, await client.post(path, { key }))
}

/** A further key for a buyer; the node is told its digest. */
export async function issue(client: AccountClient, buyer: string, apiKey: string): Promise<void> {
  const path = `/v1/operator/buyers/${encodeURIComponent(buyer)}/keys`
  readAnswer(changed, await client.post(path, { id: keyIdOf(apiKey), hash: keyHashOf(apiKey) }))
}

/** Shape before use: what a node answers is not trusted to be what it should be. */
export function readAnswer<T>(schema: z.ZodType<T>, answer: unknown): T {
  const result = schema.safeParse(answer)
  if (result.success) return result.data
  throw notANode()
}

const notANode = () =>
  new AccountError(1, 'The node answers in another way than it should: check the address.')
