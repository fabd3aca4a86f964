/** The operator's routes of a node, as a client calls them. */
import type { RunView } from '../node/run/pipeline.ts'

export interface OperatorClient {
  readonly post: (path: string, body?: unknown) => Promise<Readonly<Record<string, unknown>>>
  readonly get: <T>(path: string) => Promise<T>
  readonly text: (path: string) => Promise<string>
  /** Undefined where there is no such thing. */
  readonly find: <T>(path: string) => Promise<T | undefined>
}

/** Throws with the node's own words where a call is refused with another status than listed in `accept`. */
export function operatorClient(url: string, token: string): OperatorClient {
  const headers = { authorization: `Bearer ${token}` }
  const read = async <T>(response: Response): Promise<T> => {
    const body = (await response.json()) as T & { error?: { message?: string } }
    if (response.status >= 400 && response.status !== 409)
      throw new Error(body.error?.message ?? `the node answered ${response.status}`)
    return body
  }
  return {
    async post(path, body = {}) {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return read(response)
    },
    get: async (path) => read(await fetch(`${url}${path}`, { headers })),
    async text(path) {
      const response = await fetch(`${url}${path}`, { headers })
      if (!response.ok) throw new Error(`the node answered ${response.status}`)
      return response.text()
    },
    async find(path) {
      const response = await fetch(`${url}${path}`, { headers })
      return response.status === 404 ? undefined : read(response)
    },
  }
}

export type { RunView }
