/**
 * Where keys and tokens come from: files and the environment, never the command line, which other users can see.
 *
 * A key file is any text file that holds one key of ours: `openai.env`, `key.json`, or the key alone. A key that
 * replaces it is on disk before the node hears of it, so that no crash leaves a key that nobody has.
 */
import { open, readFile, realpath, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { readIfPresent, writeDurably } from '#adapters/tlog-files'
import { decodeUtf8, encodeHex, encodeUtf8, sha256Hex } from '#bytes'
import { AccountError } from './errors.ts'
import type { AccountPorts } from './ports.ts'

export const keyIdOf = (apiKey: string): string => apiKey.slice(3, 19)
export const keyHashOf = (apiKey: string): string => sha256Hex(encodeUtf8(apiKey))

export function newKey(random: AccountPorts['random']): string {
  return `fw-${encodeHex(random(8))}-${encodeHex(random(32))}`
}

export interface KeyFile {
  readonly path: string
  readonly apiKey: string
  /** The key that was made to replace it and is not in its place yet; undefined where there is none. */
  readonly next: string | undefined
  readonly propose: (apiKey: string) => Promise<void>
  /** Puts the proposed key in the place of the old one. */
  readonly accept: (apiKey: string) => Promise<void>
  readonly forget: () => Promise<void>
}

/** Throws {@link AccountError}. */
export async function openKeyFile(path: string): Promise<KeyFile> {
  const real = await realpath(path).catch(() => {
    throw new AccountError(2, `${path}: there is no such file.`)
  })
  const text = await readFile(real, 'utf8')
  const apiKey = onlyKeyIn(text, path)
  const [folder, name] = [dirname(real), basename(real)]
  const beside = `${name}.next`
  const proposed = await readIfPresent(folder, beside)
  const forget = () => rm(`${real}.next`, { force: true })
  return {
    path,
    apiKey,
    next: proposed === null ? undefined : onlyKeyIn(decodeUtf8(proposed), `${path}.next`),
    propose: (key) => writeDurably(folder, beside, encodeUtf8(`${key}\n`), 0o600),
    async accept(key) {
      await writeDurably(folder, name, encodeUtf8(text.replaceAll(apiKey, key)), 0o600)
      await forget()
    },
    forget,
  }
}

/** Throws {@link AccountError} where there is such a file: a key that is in use must not be written over. */
export async function writeKeyFile(path: string, apiKey: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'exists already' : `cannot be written (${error.code})`
    throw new AccountError(2, `${path} ${why}: name another file.`)
  })
  try {
    await file.writeFile(`${apiKey}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The buyer's key: of the file that is named, else of the environment. Throws {@link AccountError}. */
export async function buyerKey(
  file: string | undefined,
  env: AccountPorts['env'],
): Promise<string | undefined> {
  if (file !== undefined) return (await openKeyFile(file)).apiKey
  const given = env['FAIRWEIGHT_API_KEY'] || env['OPENAI_API_KEY']
  return given !== undefined && KEY.test(given) ? given : undefined
}

/** The operator's token: of the environment, else of the data folder of `fairweight start`. */
export async function operatorToken(home: string | undefined, env: AccountPorts['env']): Promise<string> {
  const given = env['FAIRWEIGHT_OPERATOR_TOKEN']
  if (given) return given
  const folder = home ?? env['FAIRWEIGHT_HOME'] ?? '.fairweight'
  const kept = await readIfPresent(folder, 'operator/secret.json')
  const token = kept === null ? undefined : tokenIn(kept)
  if (token !== undefined) return token
  throw new AccountError(
    2,
    'This needs the operator’s token: set FAIRWEIGHT_OPERATOR_TOKEN, or name the data folder of the pool with --home.',
  )
}

const KEY = /^fw-[0-9a-f]{16}-[0-9a-f]{64}$/

function onlyKeyIn(text: string, path: string): string {
  const keys = new Set(text.match(/\bfw-[0-9a-f]{16}-[0-9a-f]{64}\b/g))
  const [key] = keys
  if (keys.size === 1 && key !== undefined) return key
  throw new AccountError(2, `${path} holds ${keys.size === 0 ? 'no key' : 'more than one key'} of a pool.`)
}

function tokenIn(secret: Uint8Array): string | undefined {
  try {
    const { token } = JSON.parse(decodeUtf8(secret)) as { token?: unknown }
    return typeof token === 'string' ? token : undefined
  } catch {
    return undefined
  }
}
