/** A node over HTTP: JSON in and out, refusals as sentences. Nothing that it says is trusted here. */
import { PARTY_HEADER, signPartyRequest } from '#contributing'
import type { SigningKey } from '#seal'
import { ContributeError } from './errors.ts'
import type { ContributePorts } from './ports.ts'

const MAXIMUM_BYTES = 64 * 1024 * 1024

export class NodeClient {
  readonly url: string
  readonly #ports: Pick<ContributePorts, 'fetch' | 'now'>

  /** Throws {@link ContributeError} where `url` is none. */
  constructor(url: string, ports: Pick<ContributePorts, 'fetch' | 'now'>) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new ContributeError(2, `${url} is not the address of a node: give one like https://node.example`)
    }
    this.url = url.replace(/\/+$/, '')
    this.#ports = ports
  }

  get<Body>(path: string): Promise<Body> {
    return this.#json(path, {})
  }

  post<Body>(path: string, body?: unknown): Promise<Body> {
    if (body === undefined) return this.#json(path, { method: 'POST' })
    const headers = { 'content-type': 'application/json' }
    return this.#json(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  /** What only the holder of `key` is shown. */
  async getAsParty<Body>(path: string, key: SigningKey): Promise<Body> {
    const header = await signPartyRequest(key, path, this.#ports.now())
    return this.#json(path, { headers: { [PARTY_HEADER]: header } })
  }

  async getBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#fetch(path, {})
    if (!response.ok) throw new ContributeError(1, `The node has no ${path} (status ${response.status}).`)
    return readBounded(response)
  }

  async #json<Body>(path: string, init: RequestInit): Promise<Body> {
    const response = await this.#fetch(path, init)
    let body: unknown
    try {
      body = JSON.parse(new TextDecoder().decode(await readBounded(response)))
    } catch (error) {
      if (error instanceof ContributeError) throw error
      throw new ContributeError(1, `${this.url}${path} answers, but not like a node: check the address.`)
    }
    if (!response.ok) throw refusalOf(body, response.status)
    return body as Body
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#ports.fetch(`${this.url}${path}`, init)
    } catch {
      throw new ContributeError(1, `${this.url} cannot be reached: check the address and run this again.`)
    }
  }
}

async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > MAXIMUM_BYTES) throw new ContributeError(1, 'The node’s answer does not end.')
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function refusalOf(body: unknown, status: number): ContributeError {
  const { error } = (body ?? {}) as { error?: { code?: unknown; message?: unknown } }
  const code = typeof error?.code === 'string' ? error.code : 'unknown'
  const words = typeof error?.message === 'string' ? error.message : `status ${status}`
  // The node's words go to a terminal: nothing in them may move or repaint it.
  const shown = words.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 300)
  return new ContributeError(1, `The node refuses: ${shown}`, code)
}
