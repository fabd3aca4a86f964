/**
 * What a lying operator has: every key of the pool but the contributors' own, and the simulated hardware's secrets.
 *
 * Real hardware keeps the keys of a term from its operator, and most lies end there. Here the liar has them all, because
 * the audit must not rest on his not having them.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeHex, type Bytes } from '#bytes'
import { openSimulatedMachine } from '#adapters/simulated-machine'
import { startMachine, type Machine, type Platform } from '#node/core'
import { signingKeyFromSeed, type SigningKey } from '#seal'
import { termName, type NodeEvidence, type Policy } from '#statements'
import { noteSigner, type NoteSigner } from '#tlog'
import { loadKey } from '../../apps/witness/key.ts'
import type { FinishedPool } from './pool.ts'

/** Registers of a machine, as a policy allows them and a quote shows them. */
export interface Registers {
  readonly mrTd: string
  readonly rtmr: readonly [string, string, string, string]
}

export interface TermOptions {
  readonly node: string
  readonly term: number
  readonly startedAt: Date
  readonly keysetSeconds?: number
  /** What the machine shows of itself, where it is not the truth. */
  readonly platform?: (honest: Platform) => Platform
}

export interface Liar {
  readonly operator: SigningKey
  /** The key of the pool's one witness: for its honest service, and for collusion. */
  readonly witness: NoteSigner
  /** The honest machine's. */
  readonly registers: Registers
  /** Throws where he has no such key: a contributor's, or one of a term that is over. */
  readonly key: (publicKey: string) => SigningKey
  /** A term of a node, by the very code that the node runs: its keys are the liar's from now on. */
  readonly startTerm: (options: TermOptions) => Promise<Machine>
  /** The newest machine of a term that he has started. Throws where he has started none. */
  readonly started: (of: { readonly node: string; readonly term: number }) => Machine
  /** Evidence as it would have been taken at that time. */
  readonly evidence: (machine: Machine, nonce: string, takenAt: Date) => Promise<NodeEvidence>
  readonly attestGpus: (nonce: Bytes, takenAt: Date) => Promise<NodeEvidence['gpus']>
  /** A quote of a machine with these registers. */
  readonly quote: (reportData: Bytes, registers: Registers) => Promise<Bytes>
}

/** Throws where the pool has witnesses who would have to look at a copy of its log. */
export async function liarOf(pool: FinishedPool, policy: Policy, checkout: string): Promise<Liar> {
  let clock = new Date()
  const at = async <T>(now: Date, work: () => Promise<T>): Promise<T> => {
    clock = now
    return work()
  }
  const directory = join(pool.folder, 'machine')
  const { platform, simulator } = await openSimulatedMachine({ directory, root: checkout, now: () => clock })
  const [allowed] = policy.trust.measurements
  const registers: Registers = { mrTd: allowed!.mrTd, rtmr: allowed!.rtmr }
  const quote = (reportData: Bytes, of: Registers) => simulator.quoteTdx({ reportData, ...of })
  // The pool may be of an older checkout than the one that tells lies about it.
  const honest: Platform = { ...platform, quote: (reportData) => quote(reportData, registers) }

  const machines = new Map<string, Machine>()
  const operator = await operatorKey(pool.folder)
  const keys = new Map([[operator.publicKey, operator]])
  return {
    operator,
    witness: await witnessOf(pool.folder, policy),
    registers,
    key(publicKey) {
      const key = keys.get(publicKey)
      if (key === undefined) throw new Error(`the liar has no key ${publicKey}`)
      return key
    },
    async startTerm({ node, term, startedAt, keysetSeconds = 30 * 86_400, platform: shown }) {
      const machine = await at(startedAt, () =>
        startMachine({
          platform: shown === undefined ? honest : shown(honest),
          pool: pool.record.pool,
          node,
          term,
          startedAt,
          keysetSeconds,
          gpuEvidenceSeconds: policy.trust.maxEvidenceAgeSeconds / 2,
          now: () => clock,
        }),
      )
      for (const { role, publicKey } of machine.keyset.keys)
        if (role !== 'pool') keys.set(publicKey, machine.key(role))
      machines.set(termName(machine), machine)
      return machine
    },
    started(of) {
      const machine = machines.get(termName(of))
      if (machine === undefined) throw new Error(`the liar has not started ${termName(of)}`)
      return machine
    },
    evidence: (machine, nonce, takenAt) => at(takenAt, () => machine.evidence(nonce)),
    attestGpus: (nonce, takenAt) => at(takenAt, () => platform.attestGpus(nonce)),
    quote,
  }
}

async function operatorKey(folder: string): Promise<SigningKey> {
  const kept = JSON.parse(await readFile(join(folder, 'operator/secret.json'), 'utf8')) as { seed: string }
  return signingKeyFromSeed(decodeHex(kept.seed))
}

async function witnessOf(folder: string, { log }: Policy): Promise<NoteSigner> {
  const key = await loadKey(join(folder, 'witness'), randomBytes)
  const named = log.witnesses.find(({ publicKey }) => publicKey === key.publicKey)
  if (named === undefined || log.quorum !== 1)
    throw new Error('This pool has witnesses elsewhere, who will not look at a copy of its log.')
  return noteSigner(named.name, key)
}
