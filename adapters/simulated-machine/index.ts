/**
 * A confidential machine that is imitated: fills the node's Platform port without any hardware.
 *
 * Its folder stands for what real hardware keeps inside (fuses, sealing key): whoever reads it can forge this
 * machine's evidence. Evidence made here passes only where a policy and an auditor name its roots, and says
 * SIMULATED wherever it is shown.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeBase64, encodeHex, type Bytes } from '#bytes'
import { createSimulator, measureTree, type Simulator } from '#simulator'
import type { Platform } from '#node/core'
import { writeDurably } from '#adapters/tlog-files'
import { installedTree } from './tree.ts'

export { installedTree } from './tree.ts'

export interface SimulatedMachine {
  readonly platform: Platform
  readonly simulator: Simulator
  /** What the machine measured when it started. */
  readonly measurement: Awaited<ReturnType<typeof measureTree>>
}

export interface SimulatedMachineOptions {
  readonly directory: string
  /** The checkout that is measured. */
  readonly root: string
  readonly now: () => Date
}

/** The secrets are made at the first start and read ever after. */
export async function openSimulatedMachine(options: SimulatedMachineOptions): Promise<SimulatedMachine> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 })
  const seed = await secretOf(options.directory, 'hardware-seed')
  const rootSecret = await secretOf(options.directory, 'root-secret')
  const measurement = await measureTree(await installedTree(options.root))
  const simulator = await createSimulator({ seed, at: options.now() })
  const { intel, nvidia, nvidiaRim } = simulator.roots
  const platform: Platform = {
    simulated: true,
    rootSecret,
    quote: (reportData) => simulator.quoteTdx({ reportData, ...measurement }),
    collateral: async () => {
      const { root_ca_crl, pck_crl, ...texts } = await simulator.collateralAt(options.now())
      return { ...texts, root_ca_crl: asText(root_ca_crl), pck_crl: asText(pck_crl) }
    },
    attestGpus: async (nonce) => [await simulator.attestGpu({ nonce })],
    rims: async () => [...simulator.rims],
    roots: {
      intel: encodeBase64(intel[0]!),
      nvidia: encodeBase64(nvidia[0]!),
      nvidiaRim: encodeBase64(nvidiaRim[0]!),
    },
  }
  return { platform, simulator, measurement }
}

function asText(crl: string | Bytes): string {
  return typeof crl === 'string' ? crl : encodeHex(crl)
}

async function secretOf(directory: string, name: string): Promise<Bytes> {
  try {
    const bytes = new Uint8Array(await readFile(join(directory, name)))
    if (bytes.length === 32) return bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = new Uint8Array(randomBytes(32))
  await writeDurably(directory, name, secret, 0o600)
  return secret
}
