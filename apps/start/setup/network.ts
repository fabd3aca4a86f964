/** Where pip will connect to first, as far as its settings tell, and whether a connection can be made. */
import { connect } from 'node:net'
import { runCommand } from './command.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Null where nothing has to be reached: an index on disk, or none at all. */
export async function indexAddress(
  env: NodeJS.ProcessEnv,
  python: string | undefined,
): Promise<Address | null> {
  if (/^(1|true|yes|on)$/i.test(env['PIP_NO_INDEX'] ?? '')) return null
  const index = env['PIP_INDEX_URL'] || (await configured(env, python)) || 'https://pypi.org/simple'
  if (!/^https?:/.test(index)) return null
  const scheme = index.startsWith('https:') ? 'HTTPS' : 'HTTP'
  const names = ['PIP_PROXY', `${scheme.toLowerCase()}_proxy`, `${scheme}_PROXY`, 'all_proxy', 'ALL_PROXY']
  const proxy = names.map((name) => env[name]).find((value) => value !== undefined && value !== '')
  return addressOf(proxy ?? index)
}

export async function reachByTcp({ host, port }: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: 10_000 })
    const end = (error?: Error) => {
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end(new Error('no answer within 10 s')))
    socket.once('error', end)
  })
}

/** From pip's configuration files, where this Python has a pip to read them. */
async function configured(env: NodeJS.ProcessEnv, python: string | undefined): Promise<string | undefined> {
  if (python === undefined) return undefined
  const args = ['-I', '-m', 'pip', 'config', 'get', 'global.index-url']
  const { status, stdout } = await runCommand(python, args, { env, timeoutMs: 20_000 })
  return status === 0 ? stdout.trim() : undefined
}

function addressOf(text: string): Address | null {
  try {
    const { hostname, port, protocol } = new URL(/^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`)
    const usual = protocol === 'https:' ? 443 : protocol.startsWith('socks') ? 1080 : 80
    return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) }
  } catch {
    // What pip makes of it, pip says.
    return null
  }
}
