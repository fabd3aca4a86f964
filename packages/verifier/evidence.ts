/**
 * Is one evidence statement what it says: genuine hardware, running a program the policy allows, with this
 * keyset and these GPUs bound into it (spec/node-evidence.md, spec/keyset.md)?
 *
 * Judged at the time it was taken and under the policy in force then, so that it can be judged again years
 * later. The vendors' own roots are known by fingerprint; any other root is a simulator's.
 */
import { concatBytes, decodeBase64, encodeHex, type Bytes } from '#bytes'
import {
  verifyGpu,
  verifyTdx,
  type CheckId as AttestationCheckId,
  type EvidenceResult,
  type GpuClaims,
  type GpuPolicy,
  type TdxClaims,
  type TdxPolicy,
  type TrustedRoot,
  type VerifyGpuInput,
  type VerifyTdxInput,
} from '#attestation'
import {
  challenge,
  gpuNonce,
  keysInRole,
  type AciKeyset,
  type Anchors,
  type Keyset,
  type NodeEvidence,
  type Policy,
  type Statement,
  type Vendor,
} from '#statements'
import { messageOf, type CheckRun, type Findings } from './findings.ts'
import type { PolicyLine } from './policies.ts'
import { secondsOf } from './times.ts'

/** The functions of the attestation room, replaceable in tests. */
export interface VerifyEvidence {
  readonly tdx: (input: VerifyTdxInput) => Promise<EvidenceResult<TdxClaims>>
  readonly gpu: (input: VerifyGpuInput) => Promise<EvidenceResult<GpuClaims>>
}

export const verifyEvidence: VerifyEvidence = { tdx: verifyTdx, gpu: verifyGpu }

export type EvidenceStatement = Statement<NodeEvidence> & {
  readonly name: string
  readonly leafIndex?: number
}

/** A keyset and whether the evidence it came with holds. */
export interface Appraisal {
  readonly name: string
  readonly digest: string
  readonly keyset: Keyset
  readonly aciKeyset: AciKeyset
  /** Infinite for evidence that is not logged. */
  readonly leafIndex: number
  readonly takenAt: number
  /** False where any check of this evidence failed: then its keys speak for nobody. */
  readonly trusted: boolean
  readonly simulated: boolean
  readonly gpusWithoutReference: number
}

export interface EvidenceRuns {
  readonly cpu: CheckRun
  readonly root: CheckRun
  readonly tcb: CheckRun
  readonly challenge: CheckRun
  readonly binding: CheckRun
  readonly gpu: CheckRun
  readonly gpuNonce: CheckRun
  readonly gpuCount: CheckRun
  readonly rim: CheckRun
  readonly measurement: CheckRun
}

export function evidenceRuns(a1: Findings, a2: Findings): EvidenceRuns {
  return {
    cpu: a1.check('a1.cpu-evidence', 'each TDX quote and its endorsements, down to the root'),
    root: a1.check('a1.trusted-root', 'each root with those the policy names and the anchors accept'),
    tcb: a1.check('a1.tcb-status', 'each platform’s TCB status with those the policy accepts'),
    challenge: a1.check('a1.challenge', 'each quote’s report data with keyset, nonce and GPU evidence'),
    binding: a1.check('a1.keyset-binding', 'each keyset with its pool and the key that signed its evidence'),
    gpu: a1.check('a1.gpu-evidence', 'each GPU’s report and certificates, up to the root'),
    gpuNonce: a1.check('a1.gpu-nonce', 'each GPU report’s nonce with keyset and term nonce'),
    gpuCount: a1.check('a1.gpu-count', 'each machine’s distinct GPUs with the number the policy asks for'),
    rim: a1.check('a1.rim', 'each GPU’s measurements with NVIDIA’s reference values'),
    measurement: a2.check('a2.measurement', 'each MRTD and RTMR 0 to 3 with those the policy allowed then'),
  }
}

export interface EvidenceContext {
  readonly pool: string
  readonly line: PolicyLine
  readonly anchors: Anchors | undefined
  readonly runs: EvidenceRuns
  readonly verify: VerifyEvidence
}

export async function appraiseEvidence(one: EvidenceStatement, context: EvidenceContext): Promise<Appraisal> {
  const { predicate, name, digest } = one
  const subject = new Subject(name)
  checkBinding(subject, one, context.pool, context.runs)
  const policy = context.line.inForceAt(secondsOf(predicate.takenAt))?.predicate
  subject.demand(
    context.runs.measurement,
    policy !== undefined,
    () => `was taken at ${predicate.takenAt}, when no policy was in force`,
    'quiet',
  )
  const cpu = await checkCpu(subject, predicate, policy, context)
  const gpus = await checkGpus(subject, predicate, policy, context)
  return {
    name,
    digest,
    keyset: predicate.keyset,
    aciKeyset: predicate.aciKeyset,
    leafIndex: one.leafIndex ?? Number.POSITIVE_INFINITY,
    takenAt: secondsOf(predicate.takenAt),
    trusted: subject.holds,
    simulated: cpu || gpus.simulated,
    gpusWithoutReference: gpus.withoutReference,
  }
}

/** Remembers whether anything about one evidence statement failed, and names it in every message. */
class Subject {
  holds = true
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  demand(run: CheckRun, holds: boolean, message: () => string, onPass: 'count' | 'quiet' = 'count'): boolean {
    if (!holds) this.fail(run, message())
    else if (onPass === 'count') run.pass()
    return holds
  }

  fail(run: CheckRun, message: string): void {
    this.holds = false
    run.fail(`${this.#name} ${message}`)
  }
}

/** Node, term and ACI keyset are tied to the keyset by the statement's schema. */
function checkBinding(subject: Subject, one: EvidenceStatement, pool: string, runs: EvidenceRuns): void {
  const { keyset } = one.predicate
  const signs = keysInRole(keyset, 'log').includes(one.signer)
  if (!signs) {
    subject.fail(runs.binding, `is signed by ${one.signer}, which its keyset does not list in the role log`)
  } else {
    subject.demand(runs.binding, keyset.pool === pool, () => `shows a keyset of the pool ${keyset.pool}`)
  }
}

/** Returns whether the CPU evidence is a simulator's. */
async function checkCpu(
  subject: Subject,
  { cpu, roots, keyset, nonce, gpus, takenAt }: NodeEvidence,
  policy: Policy | undefined,
  { runs, verify, anchors }: EvidenceContext,
): Promise<boolean> {
  const quote = decode(subject, runs.cpu, cpu.quote, 'quote')
  const root = decode(subject, runs.cpu, roots.intel, 'Intel root')
  if (quote === undefined || root === undefined) return false
  const input = { quote, collateral: cpu.collateral, roots: { intel: [root] }, at: new Date(takenAt) }
  const authentic = await verify.tdx({ ...input, policy: 'authentic-only' })
  if (authentic.verdict === 'refused') {
    subject.fail(runs.cpu, `holds a quote that is not genuine: ${failureOf(authentic).text}`)
    return false
  }
  runs.cpu.pass()
  const { claims } = authentic
  const expected = encodeHex(concatBytes(challenge(keyset, nonce, gpus), new Uint8Array(32)))
  subject.demand(
    runs.challenge,
    claims.reportData === expected,
    () => `has report data ${claims.reportData}; keyset, nonce and GPU evidence make ${expected}`,
  )
  if (policy === undefined) return claims.simulated
  const appraised = await verify.tdx({ ...input, policy: tdxPolicyOf(policy) })
  const failure = appraised.verdict === 'refused' ? failureOf(appraised) : undefined
  const places: Partial<Record<AttestationCheckId, CheckRun>> = {
    'tdx.trusted-root': runs.root,
    'tdx.tcb-status': runs.tcb,
    'tdx.measurement': runs.measurement,
  }
  const failed = failure === undefined ? undefined : (places[failure.id] ?? runs.cpu)
  if (failed !== undefined) subject.fail(failed, `is refused by the policy: ${failure?.text}`)
  // The room stops at the first failure: what it did not come to is not counted.
  for (const run of [runs.tcb, runs.measurement]) {
    if (failed === undefined || (failed === runs.measurement && run === runs.tcb)) run.pass()
  }
  if (failed !== runs.root) checkRoot(subject, runs.root, 'CPU', claims, anchors)
  return claims.simulated
}

/** The policy has named the root; a simulator's counts only where the auditor accepts it too. */
function checkRoot(
  subject: Subject,
  run: CheckRun,
  what: string,
  { simulated, rootFingerprint }: { readonly simulated: boolean; readonly rootFingerprint: string },
  anchors: Anchors | undefined,
): void {
  if (simulated && anchors === undefined) {
    run.unknown(
      `SIMULATED: the ${what} evidence ends in ${rootFingerprint}; only anchors can accept that root`,
    )
    return
  }
  subject.demand(
    run,
    !simulated || anchors?.simulatedRoots.includes(rootFingerprint) === true,
    () => `is SIMULATED: its ${what} evidence ends in ${rootFingerprint}, which the anchors do not accept`,
  )
}

async function checkGpus(
  subject: Subject,
  { gpus, rims, roots, keyset, gpuTermNonce, takenAt }: NodeEvidence,
  policy: Policy | undefined,
  { runs, verify, anchors }: EvidenceContext,
): Promise<{ simulated: boolean; withoutReference: number }> {
  const pinned = gpus.length === 0 ? undefined : decodeGpuRoots(subject, roots, runs)
  const accepted: GpuClaims[] = []
  let withoutReference = 0
  for (const [index, evidence] of pinned === undefined ? [] : gpus.entries()) {
    const result = await verify.gpu({
      evidence,
      roots: pinned ?? { nvidia: [], nvidiaRim: [] },
      rims,
      nonce: gpuNonce(keyset, gpuTermNonce),
      at: new Date(takenAt),
      policy: policy === undefined ? 'authentic-only' : gpuPolicyOf(policy),
    })
    const name = `GPU ${index + 1}`
    if (result.verdict === 'refused') {
      const failure = failureOf(result)
      subject.fail(gpuRunOf(failure.id, runs), `has ${name} refused: ${failure.text}`)
      continue
    }
    runs.gpu.pass()
    runs.gpuNonce.pass()
    const { claims } = result
    checkRoot(subject, runs.root, name, claims, anchors)
    accepted.push(claims)
    if (claims.reference === undefined) withoutReference += 1
    else {
      runs.rim.pass()
      checkRoot(subject, runs.root, `reference of ${name}`, claims.reference, anchors)
    }
  }
  const simulated = accepted.some((one) => one.simulated || one.reference?.simulated === true)
  const distinct = new Set(accepted.map((one) => one.leafFingerprint)).size
  // A GPU that was refused is told as such; it is not missing besides.
  if (policy !== undefined && accepted.length === gpus.length) {
    subject.demand(
      runs.gpuCount,
      distinct === policy.trust.gpu.devices && gpus.length === distinct,
      () =>
        `shows ${distinct} distinct GPUs in ${gpus.length} reports; the policy asks for ${policy.trust.gpu.devices}`,
    )
  }
  return { simulated, withoutReference }
}

function decodeGpuRoots(subject: Subject, roots: NodeEvidence['roots'], runs: EvidenceRuns) {
  const nvidia = decode(subject, runs.gpu, roots.nvidia, 'NVIDIA root')
  const nvidiaRim = decode(subject, runs.rim, roots.nvidiaRim, 'NVIDIA root for reference values')
  if (nvidia === undefined || nvidiaRim === undefined) return undefined
  return { nvidia: [nvidia], nvidiaRim: [nvidiaRim] }
}

function gpuRunOf(id: AttestationCheckId, runs: EvidenceRuns): CheckRun {
  if (id === 'gpu.nonce') return runs.gpuNonce
  if (id === 'gpu.trusted-root' || id === 'gpu.rim-root') return runs.root
  return id.startsWith('gpu.rim') ? runs.rim : runs.gpu
}

function gpuPolicyOf(policy: Policy): GpuPolicy {
  const required = policy.trust.gpu.rim === 'required'
  return { roots: rootsOf(policy, 'nvidia'), rim: required ? rootsOf(policy, 'nvidia-rim') : 'not-checked' }
}

function tdxPolicyOf(policy: Policy): TdxPolicy {
  return {
    roots: rootsOf(policy, 'intel'),
    tcbStatuses: policy.trust.tcbStatuses,
    measurements: policy.trust.measurements,
  }
}

function rootsOf(policy: Policy, vendor: Vendor): readonly TrustedRoot[] {
  return policy.trust.roots
    .filter((root) => root.vendor === vendor)
    .map(({ sha256, simulated }) => ({ fingerprint: sha256, simulated }))
}

function failureOf(result: EvidenceResult<unknown>): { id: AttestationCheckId; text: string } {
  const failed = result.checks.find((one) => one.verdict === 'fail')
  // Every refusal carries its failed check; a verifier without one is refused in words of its own.
  return {
    id: failed?.id ?? 'tdx.quote-format',
    text: `${failed?.id ?? 'refused'}: ${failed?.compared ?? ''}`,
  }
}

function decode(subject: Subject, run: CheckRun, text: string, what: string): Bytes | undefined {
  try {
    return decodeBase64(text)
  } catch (error) {
    subject.fail(run, `holds a malformed ${what}: ${messageOf(error)}`)
    return undefined
  }
}
