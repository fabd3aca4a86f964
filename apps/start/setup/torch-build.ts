/**
 * Chooses where torch comes from: the CPU build wherever one is offered.
 *
 * On Linux the package of this name in the Python Package Index brings gigabytes of CUDA libraries that this
 * machine has no use for. The CPU build has the local version `+cpu` and lives in PyTorch's own index and in
 * mirrors of it. Either way what arrives must have one of the hashes in the requirements.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runPip, type Pip } from './pip.ts'

export type TorchBuild = 'cpu' | 'default'

export interface TorchChoice {
  readonly build: TorchBuild
  /** More arguments for `pip install`. */
  readonly args: readonly string[]
}

const PYTORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
const CUDA_LIBRARIES = join(import.meta.dirname, 'cuda-libraries.txt')

export async function chooseTorch(
  pip: Pip,
  requirements: string,
  platform = process.platform,
): Promise<TorchChoice> {
  const version = /^torch==([\w.]+)/m.exec(await readFile(requirements, 'utf8'))?.[1]
  // Elsewhere than on Linux the package index's own build is for the CPU.
  if (version === undefined || platform !== 'linux') return { build: 'cpu', args: [] }
  const cpu = `${version}+cpu`
  const pinned = async () => ['--constraint', await writeConstraint(pip, `torch==${cpu}`)]
  if (await offers(pip, cpu, [])) return { build: 'cpu', args: await pinned() }
  if (await offers(pip, cpu, ['--index-url', PYTORCH_CPU_INDEX])) {
    return { build: 'cpu', args: [...(await pinned()), '--extra-index-url', PYTORCH_CPU_INDEX] }
  }
  return { build: 'default', args: ['--requirement', CUDA_LIBRARIES] }
}

/** Whether there is a build of this version for this interpreter and machine, by the list and without a download. */
async function offers(pip: Pip, version: string, index: readonly string[]): Promise<boolean> {
  const { status, stdout } = await runPip(pip, [
    'index',
    'versions',
    'torch',
    '--retries',
    '1',
    '--timeout',
    '15',
    ...index,
  ])
  const listed = /^Available versions: (.*)$/m.exec(stdout)?.[1] ?? ''
  return status === 0 && listed.split(', ').includes(version)
}

// Needed because pip prefers a file whose hash the index tells over a later version whose hash it does not, and so
// would take the default build from the package index over a CPU build from a plain folder.
async function writeConstraint({ folder }: Pip, line: string): Promise<string> {
  const path = join(folder, 'constraint.txt')
  await writeFile(path, `${line}\n`)
  return path
}
