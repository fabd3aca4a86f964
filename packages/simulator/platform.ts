/** The one machine that is simulated: its identity and its security versions. */
import { encodeHex, encodeUtf8, sha256Hex } from '#bytes'

export interface QuotingEnclave {
  readonly attributes: string
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
}

export interface Platform {
  readonly ppid: string
  readonly fmspc: string
  readonly pceId: string
  readonly components: readonly number[]
  readonly pceSvn: number
  /** Byte 0 is the version of the TDX module, byte 1 its generation. */
  readonly teeTcbSvn: readonly [number, number, ...number[]]
  readonly qe: QuotingEnclave
}

export const platform: Platform = {
  ppid: encodeHex(encodeUtf8('SIMULATED-PPID-0')),
  /** The letters FWSIM0: no real family is numbered so. */
  fmspc: encodeHex(encodeUtf8('FWSIM0')),
  pceId: '0000',
  components: [2, 2, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 11,
  teeTcbSvn: [5, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  qe: {
    attributes: '11000000000000000000000000000000',
    mrSigner: sha256Hex(encodeUtf8('fairweight/simulated-quoting-enclave/v1')),
    isvProdId: 2,
    isvSvn: 4,
  },
}
