/**
 * The confidential machine under a node, as a port: real hardware, or the simulator, filled by an adapter.
 *
 * `rootSecret` is the RootSecret of spec/root-secret.md: what survives a restart and nobody outside can derive.
 */
import type { Bytes } from '#bytes'
import type { GpuEvidence, NodeEvidence } from '#statements'

export interface Platform {
  /** True for hardware that is imitated: everything shown from it says SIMULATED. */
  readonly simulated: boolean
  /** 32 bytes, the same for every start of the same program on machines of the same pool. */
  readonly rootSecret: Bytes
  /** CPU evidence that carries 64 bytes of report data. */
  readonly quote: (reportData: Bytes) => Promise<Bytes>
  /** Endorsements for the quote, current now. */
  readonly collateral: () => Promise<NodeEvidence['cpu']['collateral']>
  /** Evidence of every GPU over a nonce of 32 bytes. */
  readonly attestGpus: (nonce: Bytes) => Promise<GpuEvidence[]>
  /** NVIDIA's reference values for driver and VBIOS of every GPU, current now. */
  readonly rims: () => Promise<NodeEvidence['rims']>
  /** Root certificates that the chains end in, as base64 DER. */
  readonly roots: NodeEvidence['roots']
}
