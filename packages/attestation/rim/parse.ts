/** NVIDIA's reference integrity manifests (RIM files), bytes to fields. */
import { decodeBase64, decodeUtf8, type Bytes } from '#bytes'
import { demand } from '../checklist.ts'
import { readCertificate, type Certificate } from '../der/certificate.ts'
import type { GpuClaims } from '../gpu/types.ts'
import { readXml } from '../xml/reader.ts'
import { readEnvelopedSignature, type EnvelopedSignature } from '../xml/signature.ts'
import { readManifest, type Manifest } from './manifest.ts'
import type { Rim, RimRequest, RimRequests } from './types.ts'

export interface ParsedRim {
  readonly manifest: Manifest
  readonly signature: EnvelopedSignature
  readonly chain: readonly Certificate[]
}

export type ReportedFirmware = Pick<
  GpuClaims,
  'driverVersion' | 'vbiosVersion' | 'project' | 'projectSku' | 'chipSku'
>

/** The two files that a report asks for, by the names that NVIDIA's service has for them. */
export function requestsOf(reported: ReportedFirmware): RimRequests {
  const { driverVersion, vbiosVersion, project, projectSku, chipSku } = reported
  demand(
    project !== undefined && projectSku !== undefined && chipSku !== undefined,
    'the report does not say which board this is, so no VBIOS file can be named',
  )
  const board = [project, projectSku, chipSku, vbiosVersion.replaceAll('.', '')].join('_').toUpperCase()
  return {
    driver: { id: `NV_GPU_DRIVER_GH100_${driverVersion}`, version: driverVersion },
    vbios: { id: `NV_GPU_VBIOS_${board}`, version: vbiosVersion },
  }
}

/** The file asked for among those given. They arrive as JSON from untrusted places: types are only promised. */
export function parseRim(rims: readonly Rim[], { id }: RimRequest): ParsedRim {
  demand(Array.isArray(rims), 'there is no list of reference values')
  const [found, ...others] = rims.filter((rim) => rim?.id === id)
  demand(found !== undefined, `no reference values ${id} were given`)
  demand(others.length === 0, `reference values ${id} were given twice`)
  demand(typeof found.rim === 'string', `reference values ${id} are no text`)
  return readRim(decodeBase64(found.rim))
}

function readRim(bytes: Bytes): ParsedRim {
  const signature = readEnvelopedSignature(readXml(decodeUtf8(bytes)))
  return {
    manifest: readManifest(signature.content),
    signature,
    chain: signature.certificates.map(readCertificate),
  }
}
