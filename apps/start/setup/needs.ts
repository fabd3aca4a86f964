/** What is still missing in the data folder, and how much it weighs: told before it is fetched. */
import { environmentOf, isCurrent } from './environment.ts'
import { hasWeights, weightsNeeds } from './weights.ts'

export interface Weight {
  /** Estimates on the high side, in bytes: builds differ by machine. */
  readonly downloadBytes: number
  /** At the worst moment, downloads included. */
  readonly diskBytes: number
}

export interface Needs extends Weight {
  readonly python: boolean
  readonly weights: boolean
}

export interface Wanted {
  readonly home: string
  /** The trainer's folder, with its requirement files. */
  readonly source: string
  readonly python: boolean
  readonly tests: boolean
  readonly weights: boolean
}

const NOTHING: Weight = { downloadBytes: 0, diskBytes: 0 }

export interface PackagesWeight extends Weight {
  /** Of what is unpacked in the end. */
  readonly installedBytes: number
}

// Measured on Linux x86_64 with Python 3.11: about 255 MB of packages, 192 MB of them the CPU build of torch
// 2.13.0, become 1.1 GB.
const RUN = packages(260e6, 1.2e9)
const TESTS = packages(265e6, 1.25e9)

/** In place of the CPU build: torch with CUDA 527 MB, its libraries 2.2 GB, 1.6 times that once unpacked. */
export const DEFAULT_BUILD = packages(2.8e9, 5e9)

export function pythonNeeds(tests: boolean): PackagesWeight {
  return tests ? TESTS : RUN
}

// Pip's cache and its working folder both hold what arrived until all is unpacked.
function packages(downloadBytes: number, installedBytes: number): PackagesWeight {
  return { downloadBytes, installedBytes, diskBytes: 2 * downloadBytes + installedBytes }
}

export async function needsOf(wanted: Wanted): Promise<Needs> {
  const python = wanted.python && !(await isCurrent(environmentOf(wanted.home, wanted.source, wanted.tests)))
  const weights = wanted.weights && !(await hasWeights(wanted.home))
  const parts = [python ? pythonNeeds(wanted.tests) : NOTHING, weights ? weightsNeeds : NOTHING]
  return {
    python,
    weights,
    downloadBytes: parts.reduce((sum, part) => sum + part.downloadBytes, 0),
    diskBytes: parts.reduce((sum, part) => sum + part.diskBytes, 0),
  }
}
