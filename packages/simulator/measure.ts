/**
 * What the simulated machine measures: the files that are installed on it.
 *
 * Real firmware measures itself into MRTD and what it starts into the RTMRs. Here MRTD and RTMR 0 to 2 are
 * fixed, and RTMR 3 is extended once with the digest of the tree. Anyone with the same checkout gets the
 * same registers.
 */
import type { TdxMeasurement } from '#attestation'
import { canonicalBytes, concatBytes, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { SimulatorError } from './errors.ts'

export interface TreeEntry {
  /** Relative, with `/` between its names. */
  readonly path: string
  /** Of the file's bytes, as lower-case hexadecimal. */
  readonly sha256: string
}

/** Throws {@link SimulatorError} `entries-invalid` on paths that are no paths, or that stand twice. */
export async function measureTree(entries: readonly TreeEntry[]): Promise<TdxMeasurement> {
  const fixed = async (name: string) => extend(await sha384(encodeUtf8(`fairweight/simulated-${name}/v1`)))
  return {
    mrTd: encodeHex(await sha384(encodeUtf8('fairweight/simulated-firmware/v1'))),
    rtmr: [
      await fixed('configuration'),
      await fixed('boot-loader'),
      await fixed('kernel'),
      await extend(await sha384(concatBytes(encodeUtf8('fairweight/simulated-tree/v1\0'), listing(entries)))),
    ],
  }
}

/** One byte string a tree: canonical JSON of the entries in the order of their paths. */
function listing(entries: readonly TreeEntry[]): Bytes {
  const sorted = entries
    .map(({ path, sha256 }) => ({ path, sha256 }))
    .sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0))
  for (const [place, { path, sha256 }] of sorted.entries()) {
    const names = path.split('/')
    if (names.some((name) => name === '' || name === '.' || name === '..' || /[\\\0]/.test(name))) {
      throw new SimulatorError('entries-invalid', `${JSON.stringify(path)} is no relative path`)
    }
    if (path === sorted[place - 1]?.path) throw new SimulatorError('entries-invalid', `${path} stands twice`)
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new SimulatorError('entries-invalid', `${path} has no SHA-256`)
  }
  return canonicalBytes(sorted)
}

/** A register after one event: SHA-384(zeros ‖ digest). */
async function extend(digest: Bytes): Promise<string> {
  return encodeHex(await sha384(concatBytes(new Uint8Array(48), digest)))
}

async function sha384(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', bytes))
}
