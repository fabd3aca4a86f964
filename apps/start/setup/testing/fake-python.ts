/**
 * A Python that is a shell script: answers the probes, makes "environments" that are copies of itself, and does
 * for pip what the test wrote for it. Every pip command is noted.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakePython {
  /** Everything of this test; removed by {@link FakePython.remove}. */
  readonly folder: string
  readonly home: string
  readonly source: string
  /** An environment in which no other Python is found. */
  readonly env: NodeJS.ProcessEnv
  /** Adds an executable of that name to PATH; `version` decides what the probes are told. */
  add(name: string, version: string, venv?: boolean): Promise<string>
  /** What `pip <command>` does from now on: shell, with the arguments of the command in `$@`. */
  on(command: 'index' | 'install' | 'download', shell: string): Promise<void>
  /** One line a pip command so far: its arguments. */
  pipCommands(): Promise<string[]>
  remove(): Promise<void>
}

export async function fakePython(): Promise<FakePython> {
  const folder = await mkdtemp(join(tmpdir(), 'fairweight-setup-'))
  const [bin, source, log] = [join(folder, 'bin'), join(folder, 'trainer'), join(folder, 'pip.log')]
  await mkdir(bin)
  await mkdir(source)
  await writeFile(join(source, 'requirements.txt'), 'torch==2.13.0 \\\n    --hash=sha256:00\n')
  await writeFile(
    join(source, 'requirements-test.txt'),
    'torch==2.13.0 \\\n    --hash=sha256:00\npytest==9\n',
  )
  const fake: FakePython = {
    folder,
    home: join(folder, 'home'),
    source,
    env: { PATH: bin, PIP_NO_INDEX: '1' },
    add: async (name, version, venv = true) => {
      await writeFile(join(bin, name), script(folder, log, version, venv))
      await chmod(join(bin, name), 0o755)
      return join(bin, name)
    },
    on: (command, shell) => writeFile(join(folder, `on-${command}`), `${shell}\n`),
    pipCommands: async () => {
      const text = await readFile(log, 'utf8').catch(() => '')
      return text.split('\n').slice(0, -1)
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
  await fake.on('index', 'echo "Available versions: 2.15.0, 2.13.0+cpu, 2.13.0"')
  await fake.on('install', 'echo "Installing collected packages: torch"')
  return fake
}

function script(folder: string, log: string, version: string, venv: boolean): string {
  return `#!/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
FAKE='${folder}'
case "$*" in
  *'%d.%d.%d'*) echo ${version}; ${venv ? 'echo venv' : ':'} ;;
  *'%d.%d'*) echo ${version.split('.').slice(0, 2).join('.')} ;;
  *'-m venv'*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
  *'-m pip config'*) exit 1 ;;
  *zipfile*) cp "$4" "$6" ;;
  *'runpy.run_module("pip"'*)
    shift 4
    echo "$*" >> '${log}'
    command=$1
    shift
    . "$FAKE/on-$command" ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
`
}
