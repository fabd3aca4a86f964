/** The one GPU that is simulated: the firmware it says it runs, and what it measures. */
import { encodeUtf8, type Bytes } from '#bytes'

export const firmware = {
  driver: '0.0.0-simulated',
  vbios: '96.00.00.00.01',
  /** The same as reports carry it: last byte first. */
  vbiosBytes: '0000009601000000',
  chipSku: '882',
  /** No real board is numbered so. */
  project: 'SIM0',
  projectSku: '0000',
  driverRim: 'NV_GPU_DRIVER_GH100_0.0.0-simulated',
  vbiosRim: 'NV_GPU_VBIOS_SIM0_0000_882_9600000001',
} as const

/** The SHA-384 value of a measurement, by its index from 0. */
export function measuredDigest(index: number): Promise<Bytes> {
  return simulatedDigest(`gpu-block/${index + 1}`)
}

/** A digest of something that does not exist. */
export async function simulatedDigest(of: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', encodeUtf8(`fairweight/simulated-${of}/v1`)))
}
