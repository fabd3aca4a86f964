/** What NVIDIA's opaque fields say: texts end in a zero byte, versions and flags have forms of their own. */
import { decodeUtf8, encodeHex, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'
import { opaqueKind } from './parse.ts'
import type { GpuClaims } from './types.ts'

type Fields = Pick<
  GpuClaims,
  | 'driverVersion'
  | 'vbiosVersion'
  | 'boardId'
  | 'chipSku'
  | 'project'
  | 'projectSku'
  | 'fwid'
  | 'featureFlag'
  | 'nvdec0'
>

export function readFields(opaque: ReadonlyMap<number, Bytes>): Fields {
  const required = (kind: number, what: string) => {
    const value = opaque.get(kind)
    if (value === undefined) throw invalid(`the report has no ${what}`)
    return value
  }
  const boardId = opaque.get(opaqueKind.boardId)
  const chipSku = opaque.get(opaqueKind.chipSku)
  const project = opaque.get(opaqueKind.project)
  const projectSku = opaque.get(opaqueKind.projectSku)
  const fwid = opaque.get(opaqueKind.fwid)
  const featureFlag = opaque.get(opaqueKind.featureFlag)
  const nvdec0 = opaque.get(opaqueKind.nvdec0)
  return {
    driverVersion: readText(required(opaqueKind.driverVersion, 'driver version')),
    vbiosVersion: readVbiosVersion(required(opaqueKind.vbiosVersion, 'VBIOS version')),
    ...(boardId && { boardId: encodeHex(boardId) }),
    ...(chipSku && { chipSku: readText(chipSku) }),
    ...(project && { project: readText(project) }),
    ...(projectSku && { projectSku: readText(projectSku) }),
    ...(fwid && { fwid: readFwid(fwid) }),
    ...(featureFlag && { featureFlag: readFeatureFlag(featureFlag) }),
    ...(nvdec0 && { nvdec0: readNvdec0(nvdec0) }),
  }
}

function readText(bytes: Bytes): string {
  const end = bytes.indexOf(0)
  const text = decodeUtf8(end === -1 ? bytes : bytes.subarray(0, end))
  if (!/^[\x20-\x7e]+$/.test(text)) throw invalid('a text of the report is empty or not printable')
  return text
}

/** Eight bytes, last first: as digits, 8 to 15 and then 6 and 7, in pairs. */
function readVbiosVersion(bytes: Bytes): string {
  if (bytes.length !== 8) throw invalid(`a VBIOS version has ${bytes.length} bytes, not 8`)
  const digits = encodeHex(bytes.toReversed())
  const version = digits.slice(8, 16) + digits.slice(6, 8)
  return version.replaceAll(/..(?=.)/g, '$&.')
}

function readFwid(bytes: Bytes): string {
  if (bytes.length !== 48) throw invalid(`an FWID has ${bytes.length} bytes, not 48`)
  return encodeHex(bytes)
}

const featureFlags = ['single-gpu', 'multi-gpu', 'protected-pcie'] as const

function readFeatureFlag(bytes: Bytes): (typeof featureFlags)[number] {
  const [low, high] = bytes
  const flag = high === 0 && low !== undefined && bytes.length === 2 ? featureFlags[low] : undefined
  if (flag === undefined) throw invalid(`feature flag ${encodeHex(bytes)} is not known`)
  return flag
}

function readNvdec0(bytes: Bytes): 'on' | 'off' {
  const [state] = bytes
  if (bytes.length !== 1 || (state !== 0xaa && state !== 0x55)) {
    throw invalid(`decoder state ${encodeHex(bytes)} is neither aa nor 55`)
  }
  return state === 0xaa ? 'on' : 'off'
}

const invalid = (message: string) => new AttestationError('gpu-evidence-invalid', message)
