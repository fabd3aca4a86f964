/**
 * Under whose account the server runs. PostgreSQL refuses to run as root, so root lends it another one.
 *
 * Nothing is changed on the system: `postgres` where there is such a user, else `nobody`. Where that user could not
 * enter the folders (a checkout below /root, as in many containers), `setpriv` lets the server pass them.
 */
import { access, constants, readFile, stat } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'

export type Account =
  | { readonly kind: 'own' }
  | { readonly kind: 'other'; readonly uid: number; readonly gid: number; readonly passes: string | null }

/** Throws with a sentence where root has nobody to run the server as. `folders` are absolute. */
export async function account(folders: readonly string[]): Promise<Account> {
  // The number alone: a container may run this as one that no list of users has.
  if (process.getuid?.() !== 0) return { kind: 'own' }
  const ids = (await idsOf('postgres')) ?? (await idsOf('nobody'))
  if (ids === undefined)
    throw new Error(
      'You are root, and there is no user "postgres" or "nobody" to run PostgreSQL as: run this as an ordinary user.',
    )
  if (await areOpen(folders)) return { kind: 'other', ...ids, passes: null }
  const setpriv = await findSetpriv()
  if (setpriv === undefined) {
    throw new Error(
      'You are root, so PostgreSQL runs as another user, who cannot enter the folder of this checkout or of FAIRWEIGHT_HOME. ' +
        'Install util-linux (for setpriv), run this as an ordinary user, or move both where others may enter.',
    )
  }
  return { kind: 'other', ...ids, passes: setpriv }
}

type Wrapped = readonly [
  command: string,
  args: string[],
  options: { readonly uid?: number; readonly gid?: number },
]

/** The command as that account runs it. */
export function wrap(as: Account, command: string, args: readonly string[]): Wrapped {
  if (as.kind === 'own') return [command, [...args], {}]
  const { uid, gid, passes } = as
  if (passes === null) return [command, [...args], { uid, gid }]
  const capability = '+dac_override'
  const flags = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=${capability}`,
    `--ambient-caps=${capability}`,
  ]
  return [passes, [...flags, command, ...args], {}]
}

async function idsOf(name: string): Promise<{ uid: number; gid: number } | undefined> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** True where everyone may pass every folder on the way. */
async function areOpen(folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    for (let path = folder; path !== dirname(path); path = dirname(path)) {
      if (((await stat(path)).mode & 0o001) === 0) return false
    }
  }
  return true
}

async function findSetpriv(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'setpriv')
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}
