/** A node's routes for who has a token: JSON in and out, refusals as sentences. */
import { AccountError } from './errors.ts'
import type { AccountPorts } from './ports.ts'

const MAXIMUM_CHARACTERS = 16_000_000

export interface AccountClient {
  readonly url: string
  readonly get: (path: string) => Promise<unknown>
  readonly post: (path: string, body: object) => Promise<unknown>
}

/** Throws {@link AccountError} where a token would cross the network in the open. */
export function accountClient(url: string, token: string, ports: Pick<AccountPorts, 'fetch'>): AccountClient {
  const base = baseOf(url)
  const ask = async (path: string, init: RequestInit): Promise<unknown> => {
    const response = await ports
      .fetch(`${base}${path}`, {
        ...init,
        // A token goes where it was meant to go, and nowhere that an answer names.
        redirect: 'error',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      })
      .catch(() => {
        throw new AccountError(1, `${base} cannot be reached: check the address and run this again.`)
      })
    const body = await bodyOf(response, `${base}${path}`)
    if (!response.ok) throw refusalOf(body, response.status)
    return body
  }
  return {
    url: base,
    get: (path) => ask(path, {}),
    post: (path, body) => ask(path, { method: 'POST', body: JSON.stringify(body) }),
  }
}

function baseOf(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new AccountError(2, `${url} is not the address of a node: give one like https://node.example`)
  }
  const { protocol, hostname } = new URL(url)
  if (protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) {
    throw new AccountError(2, `A key does not go to ${hostname} over plain http: use its https address.`)
  }
  return url.replace(/\/+$/, '')
}

async function bodyOf(response: Response, address: string): Promise<unknown> {
  const text = await response.text()
  try {
    if (text.length > MAXIMUM_CHARACTERS) throw new Error('too long')
    return JSON.parse(text) as unknown
  } catch {
    throw new AccountError(1, `${address} answers, but not like a node: check the address.`)
  }
}

function refusalOf(body: unknown, status: number): AccountError {
  const { error } = (body ?? {}) as { error?: { code?: unknown; message?: unknown } }
  const code = typeof error?.code === 'string' ? error.code : 'unknown'
  const words = typeof error?.message === 'string' ? error.message : `status ${status}`
  return new AccountError(1, `The node refuses: ${shown(words).slice(0, 300)}`, code)
}

/** Words from elsewhere go to a terminal: nothing in them may move or repaint it. */
function shown(words: string): string {
  return words.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
}
