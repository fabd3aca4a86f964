/**
 * Finds a Python that the trainer can be installed with.
 *
 * FAIRWEIGHT_PYTHON decides where it is set. A name that exists may still not run (version managers leave
 * such names behind), so each candidate must answer.
 */
import { runCommand } from './command.ts'
import { SetupError } from './errors.ts'

export interface Python {
  /** A path, or a name to be found in PATH. */
  readonly command: string
  /** As `3.11.7`. */
  readonly version: string
}

const NAMES = ['python3.13', 'python3.12', 'python3.11', 'python3'] as const
// Of Python 3. The requirements hold the hashes of builds for these and for no others.
const [OLDEST, NEWEST] = [11, 14] as const

const PROBE = `
import sys
print("%d.%d.%d" % sys.version_info[:3])
try:
    import ensurepip, venv
    print("venv")
except ImportError:
    pass
`

/** Throws {@link SetupError} `python-missing` or `python-venv-missing`. */
export async function findPython(env: NodeJS.ProcessEnv): Promise<Python> {
  const chosen = env['FAIRWEIGHT_PYTHON']
  const names = chosen === undefined || chosen === '' ? NAMES : [chosen]
  const seen: string[] = []
  let withoutVenv: Python | undefined
  for (const command of names) {
    const answer = await probe(command, env)
    if (answer === undefined) continue
    const python = { command, version: answer.version }
    if (!fits(answer.version)) seen.push(`${command} is ${answer.version}`)
    else if (answer.venv) return python
    else withoutVenv ??= python
  }
  if (withoutVenv !== undefined) throw venvMissing(withoutVenv)
  throw pythonMissing(chosen, seen)
}

async function probe(command: string, env: NodeJS.ProcessEnv) {
  const { status, stdout } = await runCommand(command, ['-I', '-c', PROBE], { env, timeoutMs: 20_000 })
  const [version = '', venv] = stdout.trim().split('\n')
  if (status !== 0 || !/^\d+\.\d+\.\d+$/.test(version)) return undefined
  return { version, venv: venv === 'venv' }
}

function fits(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major === 3 && minor >= OLDEST && minor <= NEWEST
}

function pythonMissing(chosen: string | undefined, seen: readonly string[]): SetupError {
  const found = seen.length === 0 ? 'none was found' : seen.join(', ')
  const advice =
    chosen === undefined || chosen === ''
      ? 'install one ("apt install python3 python3-venv" on Debian and Ubuntu) or name one in FAIRWEIGHT_PYTHON'
      : `FAIRWEIGHT_PYTHON names ${chosen}; let it name another one, or unset it`
  return new SetupError(
    'python-missing',
    `Training needs Python 3.${OLDEST} to 3.${NEWEST}, and ${found}: ${advice}.`,
  )
}

function venvMissing({ command, version }: Python): SetupError {
  const [major, minor] = version.split('.')
  return new SetupError(
    'python-venv-missing',
    `${command} (${version}) cannot make environments, because its venv module is not installed: ` +
      `run "apt install python${major}.${minor}-venv" on Debian and Ubuntu, or name another Python in FAIRWEIGHT_PYTHON.`,
  )
}
