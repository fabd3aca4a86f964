/**
 * The trainer's Python environment: a venv in the data folder with exactly the packages that are pinned by hash.
 *
 * Made anew from nothing whenever it is not whole, since half an environment cannot be told from a whole one;
 * downloads that arrived are kept by pip for the next try.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../screen/index.ts'
import { formatBytes } from '../screen/index.ts'
import { runCommand } from './command.ts'
import { requireDisk, type FreeBytes, freeBytesOf } from './disk.ts'
import { environmentOf, isCurrent, writeStamp, type Environment } from './environment.ts'
import { SetupError } from './errors.ts'
import { findPython } from './find-python.ts'
import { alone } from './lock.ts'
import { DEFAULT_BUILD, pythonNeeds, type PackagesWeight } from './needs.ts'
import { pipEnvironment, requireSuccess, runPip, tidy, type Pip } from './pip.ts'
import { chooseTorch, type TorchBuild } from './torch-build.ts'

export interface EnsurePythonOptions {
  readonly home: string
  /** The trainer's folder, with `requirements.txt` and `requirements-test.txt`. */
  readonly source: string
  /** The environment of the trainer's tests instead, beside the other one. */
  readonly tests: boolean
  readonly report: Report
  /** Told how much will be fetched, before it is. */
  readonly say?: (line: string) => void
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  readonly freeBytes?: FreeBytes
}

/** Resolves to the interpreter's path. Throws {@link SetupError}; the next call then starts afresh. */
export async function ensurePython(options: EnsurePythonOptions): Promise<{ readonly python: string }> {
  const environment = environmentOf(options.home, options.source, options.tests)
  if (await isCurrent(environment)) return { python: environment.interpreter }
  const name = options.tests ? 'python-tests' : 'python'
  await alone(options.home, name, async (folder) => {
    // Another process may have made it while we waited for nothing but the lock.
    if (await isCurrent(environment)) return
    await makeEnvironment(environment, join(folder, 'pip'), options)
  })
  return { python: environment.interpreter }
}

async function makeEnvironment(environment: Environment, folder: string, options: EnsurePythonOptions) {
  const { report, env = process.env, signal } = options
  const base = await findPython(env)
  const pip: Pip = { python: environment.interpreter, folder, env, signal }
  report({ detail: 'making the environment' })
  await rm(environment.folder, { recursive: true, force: true })
  await makeVenv(base.command, environment.folder, pip)
  report({ detail: 'looking for the build of PyTorch for this machine' })
  const torch = await chooseTorch(pip, environment.requirements)
  const weight = torch.build === 'default' ? DEFAULT_BUILD : pythonNeeds(options.tests)
  await announce(torch.build, weight, options)
  const args = ['--requirement', environment.requirements, ...torch.args]
  const outcome = await runPip(pip, [...INSTALL, ...args], installProgress(weight, options))
  requireSuccess(outcome, 'The Python packages for training')
  await writeStamp(environment)
  await tidy(pip)
}

const INSTALL = ['install', '--require-hashes', '--only-binary', ':all:', '--progress-bar', 'off']

async function makeVenv(base: string, folder: string, pip: Pip): Promise<void> {
  await mkdir(pip.folder, { recursive: true })
  const { status, stdout, stderr } = await runCommand(base, ['-I', '-m', 'venv', folder], {
    env: pipEnvironment(pip.env, pip.folder, pip.folder),
    signal: pip.signal,
  })
  if (status === 0) return
  const said = `${stdout}\n${stderr}`.trim().split('\n').at(-1) ?? ''
  throw new SetupError(
    'install-failed',
    `${base} could not make an environment in ${folder}; start again. (${said})`,
  )
}

async function announce(
  build: TorchBuild,
  weight: PackagesWeight,
  options: EnsurePythonOptions,
): Promise<void> {
  const { home, say, freeBytes = freeBytesOf } = options
  const what =
    build === 'cpu'
      ? 'PyTorch for the CPU and what goes with it'
      : 'No package index in reach offers PyTorch for the CPU, so the build with CUDA is taken, which works too'
  const { downloadBytes, installedBytes, diskBytes } = weight
  say?.(
    `${what}: about ${formatBytes(downloadBytes)} to download, ${formatBytes(installedBytes)} on disk, ` +
      `${formatBytes(diskBytes)} while it installs.`,
  )
  await requireDisk(home, diskBytes, freeBytes)
}

/**
 * Two phases, told apart by what pip prints: packages arrive, then they are unpacked.
 *
 * Pip says nothing while it unpacks, so that phase is read from the free room on the disk.
 */
function installProgress(
  weight: PackagesWeight,
  { home, report, freeBytes = freeBytesOf }: EnsurePythonOptions,
) {
  let current = ''
  // Packages from a folder are read where they lie and never arrive.
  let readInPlace = 0
  let freeBefore: Promise<number> | undefined
  let unpacked = 0
  const onLine = (line: string) => {
    const file = /^\s*(?:Downloading|Using cached|Processing) (\S+)/.exec(line)?.[1]
    if (file !== undefined) current = file.split('/').at(-1)!.split('-')[0]!
    if (file !== undefined && line.startsWith('Processing ')) {
      void sizeOf(file).then((size) => (readInPlace += size))
    }
    if (line.startsWith('Installing collected packages: ')) freeBefore = freeBytes(home)
  }
  const onBytes = async (arrived: number) => {
    if (freeBefore === undefined) {
      const done = arrived + readInPlace
      report({
        done,
        total: weight.downloadBytes,
        unit: 'bytes',
        detail: current === '' ? 'asking the package index' : `fetching ${current}`,
      })
      return
    }
    // Others write to the disk too: the figure never goes back and never passes the end.
    const used = (await freeBefore) - (await freeBytes(home))
    unpacked = Math.min(Math.max(unpacked, used), weight.installedBytes)
    report({ done: unpacked, total: weight.installedBytes, unit: 'bytes', detail: 'unpacking' })
  }
  return { onLine, onBytes: (bytes: number) => void onBytes(bytes).catch(() => {}) }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}
