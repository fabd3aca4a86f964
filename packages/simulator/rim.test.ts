import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyGpu, type GpuCheckId, type Rim, type VerifyGpuInput } from '#attestation'
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, sha256Hex, type Bytes } from '#bytes'
import type { CertificateFaults } from './certificates.ts'
import { firmware, measuredDigest } from './firmware.ts'
import { buildGpuEvidence, buildNvidiaPki, type GpuFaults } from './gpu.ts'
import { deriveKey } from './keys.ts'
import type { Markup } from './markup.ts'
import { buildRimPki, buildRims, type RimFaults, type RimName, type RimsFaults } from './rim.ts'

const seed = new Uint8Array(32).fill(7)
const at = new Date('2026-11-20T12:00:00Z')
const early = new Date('2026-11-20T11:59:59Z')
const late = new Date('2026-11-20T12:00:01Z')
const nonce = new Uint8Array(32).fill(3)

interface Case {
  readonly about: string
  /** The check that must fail first; `accepted` where none may. */
  readonly answer: GpuCheckId | 'accepted'
  readonly certificates?: CertificateFaults<RimName>
  readonly files?: RimsFaults
  readonly report?: GpuFaults
  readonly rims?: (rims: readonly Rim[]) => readonly Rim[]
  readonly input?: (input: VerifyGpuInput) => Partial<VerifyGpuInput>
}

const nvidia = await buildNvidiaPki(seed)
const soundPki = await buildRimPki(seed, at)
const soundRims = await buildRims(soundPki)
const soundReport = await buildGpuEvidence(nvidia, { nonce })

const named = (der: Bytes) => [{ fingerprint: sha256Hex(der), simulated: true }]

async function inputOf({ certificates, files, report, rims, input }: Case): Promise<VerifyGpuInput> {
  const pki = certificates === undefined ? soundPki : await buildRimPki(seed, at, certificates)
  const made = certificates === undefined && files === undefined ? soundRims : await buildRims(pki, files)
  const sound: VerifyGpuInput = {
    evidence: report === undefined ? soundReport : await buildGpuEvidence(nvidia, { nonce, faults: report }),
    roots: { nvidia: [nvidia.certificates.root], nvidiaRim: [pki.certificates.root] },
    rims: rims?.(made) ?? made,
    nonce,
    at,
    policy: { roots: named(nvidia.certificates.root), rim: named(pki.certificates.root) },
  }
  return { ...sound, ...input?.(sound) }
}

async function firstFailure(input: VerifyGpuInput) {
  const result = await verifyGpu(input)
  const failed = result.checks.find(({ verdict }) => verdict === 'fail')
  assert.equal(result.verdict, failed === undefined ? 'accepted' : 'refused')
  return { id: failed?.id ?? 'accepted', compared: failed?.compared ?? '' }
}

// Each fault of a file is shown in the driver's, which is read first.
const driver = (fault: RimFaults) => ({ files: { driver: fault } })
const edit = (from: string | RegExp, to: string) => driver({ edit: (text) => changed(text, from, to) })
const content = (change: (content: Markup) => Markup) => driver({ editContent: change })
const info = (from: string, to: string) =>
  driver({ editSignedInfo: (it) => JSON.parse(changed(JSON.stringify(it), from, to)) as Markup })

/** What the signer itself wrote otherwise, found by its spelling in the description. */
const written = (from: string, to: string) =>
  content((it) => JSON.parse(changed(JSON.stringify(it), from, to)) as Markup)

function changed(text: string, from: string | RegExp, to: string): string {
  const result = text.replace(from, to)
  assert.ok(result !== text, `${String(from)} changes nothing`)
  return result
}

const signature = /<ds:Signature .*<\/ds:Signature>/s
const digest = (fill: string) => fill.repeat(96)

const forms: readonly Case[] = [
  { about: 'an XML declaration', answer: 'gpu.rim-files', ...edit(/^/, '<?xml version="1.0"?>\n') },
  {
    about: 'a processing instruction',
    answer: 'gpu.rim-files',
    ...edit('<ns0:Payload', '<?x y?><ns0:Payload'),
  },
  { about: 'a comment', answer: 'gpu.rim-files', ...edit('<ns0:Payload', '<!-- x --><ns0:Payload') },
  { about: 'a comment inside a value', answer: 'gpu.rim-files', ...edit('</ds:DigestValue>', '<!---->$&') },
  { about: 'a DTD', answer: 'gpu.rim-files', ...edit(/^/, '<!DOCTYPE SoftwareIdentity>\n') },
  {
    about: 'entities that multiply',
    answer: 'gpu.rim-files',
    ...edit(/^/, '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n'),
  },
  { about: 'an entity', answer: 'gpu.rim-files', ...edit('name="GH100"', 'name="GH&#49;00"') },
  { about: 'a CDATA section', answer: 'gpu.rim-files', ...edit('</ds:DigestValue>', '<![CDATA[]]>$&') },
  { about: 'text beside elements', answer: 'gpu.rim-files', ...edit('<ns0:Payload', 'x<ns0:Payload') },
  {
    about: 'an attribute that stands twice',
    answer: 'gpu.rim-files',
    ...edit('name="GH100"', '$& name="GH100"'),
  },
  {
    about: 'one attribute under two prefixes',
    answer: 'gpu.rim-files',
    ...edit(
      'ns1:PlatformModel="GH100"',
      '$& xmlns:ns9="https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/" ns9:PlatformModel="GB100"',
    ),
  },
  { about: 'an id', answer: 'gpu.rim-files', ...edit('<ns0:Payload', '<ns0:Payload Id="a"') },
  { about: 'an xml:id', answer: 'gpu.rim-files', ...edit('<ns0:Payload', '<ns0:Payload xml:id="a"') },
  { about: 'one id twice', answer: 'gpu.rim-files', ...edit(/<ns0:Entity|<ns0:Meta/g, '$& ID="a"') },
  { about: 'an xml:base', answer: 'gpu.rim-files', ...edit('<ns0:Payload', '<ns0:Payload xml:base="a"') },
  { about: 'a prefix that nobody declared', answer: 'gpu.rim-files', ...edit('<ns0:Entity', '<ns7:Entity') },
  {
    about: 'a namespace taken back',
    answer: 'gpu.rim-files',
    ...edit('<ns0:Payload', '<ns0:Payload xmlns=""'),
  },
  {
    about: 'an attribute in single quotes',
    answer: 'gpu.rim-files',
    ...edit('name="GH100"', "name='GH100'"),
  },
  { about: 'line ends of another system', answer: 'gpu.rim-files', ...edit('\n', '\r\n') },
  { about: 'a letter beyond ASCII', answer: 'gpu.rim-files', ...edit('role="software', 'role="ſoftware') },
  { about: 'a second root', answer: 'gpu.rim-files', ...edit(/$/, '<a/>') },
  { about: 'an end tag too few', answer: 'gpu.rim-files', ...edit('</SoftwareIdentity>', '') },
  { about: 'elements deep inside each other', answer: 'gpu.rim-files', ...edit(/^/, '<a>'.repeat(9)) },
  { about: 'a file as large as a book', answer: 'gpu.rim-files', ...edit(/$/, '\n'.repeat(131_072)) },
  { about: 'an empty file', answer: 'gpu.rim-files', ...driver({ edit: () => '' }) },
]

const signatures: readonly Case[] = [
  { about: 'no signature', answer: 'gpu.rim-files', ...edit(signature, '') },
  { about: 'two signatures', answer: 'gpu.rim-files', ...edit(signature, '$&$&') },
  {
    about: 'a signature that is not the last',
    answer: 'gpu.rim-files',
    ...edit(signature, '$&<ns0:Entity name="a" role="b"/>'),
  },
  {
    about: 'a signature moved into the payload',
    answer: 'gpu.rim-files',
    ...driver({
      edit: (text) => {
        const [found = ''] = signature.exec(text) ?? []
        return text.replace(found, '').replace('</ns0:Payload>', `${found}</ns0:Payload>`)
      },
    }),
  },
  {
    about: 'the signed manifest wrapped into one that is not',
    answer: 'gpu.rim-files',
    ...driver({
      edit: (text) => {
        const [found = ''] = signature.exec(text) ?? []
        const inner = text.trim().replace(found, '')
        return inner
          .replace(/0{96}/, digest('1'))
          .replace('</SoftwareIdentity>', `${inner}${found}</SoftwareIdentity>`)
      },
    }),
  },
  {
    about: 'the signed manifest hidden as the signature’s object',
    answer: 'gpu.rim-files',
    ...driver({
      edit: (text) => {
        const [found = ''] = signature.exec(text) ?? []
        const inner = text.trim().replace(found, '')
        const hidden = found.replace(
          '</ds:Signature>',
          `<ds:Object Id="a">${inner}</ds:Object></ds:Signature>`,
        )
        return inner.replace(
          '</SoftwareIdentity>',
          `${hidden.replace('URI=""', 'URI="#a"')}</SoftwareIdentity>`,
        )
      },
    }),
  },
  {
    about: 'a second payload before the signed one',
    answer: 'gpu.rim-files',
    ...edit('<ns0:Payload', '<ns0:Payload/>$&'),
  },
  { about: 'a reference to another place', answer: 'gpu.rim-files', ...info('["URI",""]', '["URI","#a"]') },
  { about: 'a reference without a place', answer: 'gpu.rim-files', ...info('[["URI",""]]', '[]') },
  {
    about: 'a weaker digest',
    answer: 'gpu.rim-files',
    ...info('2001/04/xmldsig-more#sha384', '2000/09/xmldsig#sha1'),
  },
  { about: 'another kind of signature', answer: 'gpu.rim-files', ...info('#ecdsa-sha384', '#hmac-sha384') },
  {
    about: 'another canonical form',
    answer: 'gpu.rim-files',
    ...info('2006/12/xml-c14n11', '2001/10/xml-exc-c14n#'),
  },
  {
    about: 'a transform that leaves out more',
    answer: 'gpu.rim-files',
    ...info(
      'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
      'http://www.w3.org/TR/1999/REC-xpath-19991116',
    ),
  },
  {
    about: 'a third transform',
    answer: 'gpu.rim-files',
    ...edit('<ds:Transform ', '<ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>$&'),
  },
  {
    about: 'a transform with parameters',
    answer: 'gpu.rim-files',
    ...edit(/(<ds:Transform Algorithm="[^"]*enveloped-signature")\/>/, '$1>x</ds:Transform>'),
  },
  {
    about: 'a second reference',
    answer: 'gpu.rim-files',
    ...edit(/<ds:Reference.*<\/ds:Reference>/s, '$&$&'),
  },
  {
    about: 'a key beside the certificates',
    answer: 'gpu.rim-files',
    ...edit('<ds:X509Data>', '<ds:KeyName>a</ds:KeyName>$&'),
  },
  {
    about: 'nine certificates',
    answer: 'gpu.rim-files',
    ...driver({ chain: Array<RimName>(9).fill('root') }),
  },
  {
    about: 'another digest, unsigned',
    answer: 'gpu.rim-signature',
    ...edit(/<ds:DigestValue>..../, '<ds:DigestValue>AAAA'),
  },
  {
    about: 'another signature',
    answer: 'gpu.rim-signature',
    ...edit(/<ds:SignatureValue>..../, '<ds:SignatureValue>AAAA'),
  },
  {
    about: 'a short signature',
    answer: 'gpu.rim-signature',
    ...edit(/<ds:SignatureValue>..../, '<ds:SignatureValue>'),
  },
  {
    about: 'a value changed after signing',
    answer: 'gpu.rim-signature',
    ...edit(/Hash0="[1-9a-f]/, 'Hash0="0'),
  },
  {
    about: 'a measurement switched off after signing',
    answer: 'gpu.rim-signature',
    ...edit('"True"', '"False"'),
  },
  {
    about: 'a version changed after signing',
    answer: 'gpu.rim-signature',
    ...edit(/colloquialVersion="0/, 'colloquialVersion="1'),
  },
  {
    about: 'white space added after signing',
    answer: 'gpu.rim-signature',
    ...edit('<ns0:Payload', '\n<ns0:Payload'),
  },
  {
    about: 'a namespace declared after signing',
    answer: 'gpu.rim-signature',
    ...edit('<ns0:Payload', '<ns0:Payload xmlns:a="b"'),
  },
  {
    about: 'a namespace declared around SignedInfo',
    answer: 'gpu.rim-signature',
    ...edit('<ds:Signature', '<ds:Signature xmlns:a="b"'),
  },
  {
    about: 'attributes in another order',
    answer: 'accepted',
    ...edit('corpus="false" name="GH100"', 'name="GH100" corpus="false"'),
  },
  {
    about: 'empty elements written long',
    answer: 'accepted',
    ...edit(/(<ns0:Entity [^>]*)\/>/, '$1></ns0:Entity>'),
  },
  { about: 'a file signed by its issuer', answer: 'gpu.rim-signature', ...driver({ signedBy: 'issuer' }) },
  { about: 'a file signed by a stranger', answer: 'gpu.rim-signature', ...driver({ signedBy: 'stranger' }) },
  {
    about: 'a VBIOS file signed by a stranger',
    answer: 'gpu.rim-signature',
    files: { vbios: { signedBy: 'stranger' } },
  },
]

const manifests: readonly Case[] = [
  {
    about: 'a manifest of another product',
    answer: 'gpu.rim-files',
    ...written('["product","GH100"]', '["product","GB100"]'),
  },
  {
    about: 'a manifest of a switch',
    answer: 'gpu.rim-files',
    ...written('["edition","GPU"]', '["edition","SWITCH"]'),
  },
  { about: 'a patch', answer: 'gpu.rim-files', ...written('["patch","false"]', '["patch","true"]') },
  {
    about: 'a supplement',
    answer: 'gpu.rim-files',
    ...written('["supplemental","false"]', '["supplemental","true"]'),
  },
  {
    about: 'an attribute that nobody knows',
    answer: 'gpu.rim-files',
    ...written('["size","48"]', '["size","48"],["more","1"]'),
  },
  { about: 'an attribute that is missing', answer: 'gpu.rim-files', ...written(',["size","48"]', '') },
  { about: 'values of another size', answer: 'gpu.rim-files', ...written('["size","48"]', '["size","32"]') },
  {
    about: 'a resource that is no measurement',
    answer: 'gpu.rim-files',
    ...written('["type","Measurement"]', '["type","File"]'),
  },
  {
    about: 'an index that stands twice',
    answer: 'gpu.rim-files',
    ...written('["index","1"]', '["index","0"]'),
  },
  {
    about: 'an index beyond the last',
    answer: 'gpu.rim-files',
    ...written('["index","63"]', '["index","64"]'),
  },
  {
    about: 'an index with a zero before it',
    answer: 'gpu.rim-files',
    ...written('["index","7"]', '["index","07"]'),
  },
  { about: 'a flag that is neither', answer: 'gpu.rim-files', ...written('"True"', '"true"') },
  {
    about: 'a count that lies',
    answer: 'gpu.rim-files',
    ...written('["alternatives","1"]', '["alternatives","2"]'),
  },
  { about: 'values that skip a number', answer: 'gpu.rim-files', ...written('ns2:Hash1', 'ns2:Hash2') },
  {
    about: 'a value in capitals',
    answer: 'gpu.rim-files',
    ...driver({ values: new Map([[7, [digest('A')]]]) }),
  },
  {
    about: 'a value too short',
    answer: 'gpu.rim-files',
    ...driver({ values: new Map([[7, ['0'.repeat(64)]]]) }),
  },
  {
    about: 'a measurement without values',
    answer: 'gpu.rim-files',
    ...driver({ values: new Map([[7, []]]) }),
  },
  {
    about: 'seventeen values',
    answer: 'gpu.rim-files',
    ...driver({ values: new Map([[7, Array<string>(17).fill(digest('0'))]]) }),
  },
  { about: 'a measurement too few', answer: 'gpu.rim-files', ...driver({ editContent: withoutResource }) },
  { about: 'a manifest in which nothing counts', answer: 'gpu.rim-files', ...driver({ active: [] }) },
]

function withoutResource(whole: Markup): Markup {
  const payload = whole.children?.find(
    (child) => typeof child === 'object' && child.name === 'ns0:Payload',
  ) as Markup
  const shorter = { ...payload, children: (payload.children ?? []).slice(0, -2) }
  return { ...whole, children: (whole.children ?? []).map((child) => (child === payload ? shorter : child)) }
}

const certificates: readonly Case[] = [
  { about: 'an expired signer', answer: 'gpu.rim-chain', certificates: { signer: { notAfter: early } } },
  { about: 'a signer of the future', answer: 'gpu.rim-chain', certificates: { signer: { notBefore: late } } },
  { about: 'an expired issuer', answer: 'gpu.rim-chain', certificates: { issuer: { notAfter: early } } },
  {
    about: 'an expired authority',
    answer: 'gpu.rim-chain',
    certificates: { authority: { notAfter: early } },
  },
  { about: 'an expired root', answer: 'gpu.rim-chain', certificates: { root: { notAfter: early } } },
  {
    about: 'an issuer that is no authority',
    answer: 'gpu.rim-chain',
    certificates: { issuer: { ca: false } },
  },
  {
    about: 'an issuer that may not issue',
    answer: 'gpu.rim-chain',
    certificates: { issuer: { usage: ['signatures'] } },
  },
  { about: 'a signer that is an authority', answer: 'gpu.rim-chain', certificates: { signer: { ca: true } } },
  {
    about: 'a signer that may not sign',
    answer: 'gpu.rim-chain',
    certificates: { signer: { usage: ['crls'] } },
  },
  {
    about: 'an issuer signed by a stranger',
    answer: 'gpu.rim-chain',
    certificates: { issuer: { signer: 'stranger' } },
  },
  {
    about: 'a signer on a weaker curve',
    answer: 'gpu.rim-chain',
    certificates: { signer: { key: deriveKey(seed, 'weak', 'P-256') } },
  },
  {
    about: 'a chain that ends in a stranger of the same name',
    answer: 'gpu.rim-chain',
    ...driver({ chain: ['signer', 'issuer', 'authority', 'stranger'] }),
  },
  {
    about: 'a chain in another order',
    answer: 'gpu.rim-chain',
    ...driver({ chain: ['signer', 'authority', 'issuer', 'root'] }),
  },
  {
    about: 'a chain that lacks the issuer',
    answer: 'gpu.rim-chain',
    ...driver({ chain: ['signer', 'authority', 'root'] }),
  },
  { about: 'a chain without certificates', answer: 'gpu.rim-chain', ...driver({ chain: [] }) },
  {
    about: 'the root as its own signer',
    answer: 'gpu.rim-chain',
    ...driver({ signedBy: 'root', chain: ['root'] }),
  },
  {
    about: 'roots that nobody passed in',
    answer: 'gpu.rim-chain',
    input: ({ roots }) => ({ roots: { ...roots, nvidiaRim: [] } }),
  },
  {
    about: 'the root of devices in place of the root of files',
    answer: 'gpu.rim-chain',
    input: ({ roots }) => ({ roots: { nvidia: roots.nvidia, nvidiaRim: roots.nvidia } }),
  },
  {
    about: 'a root that the policy does not name',
    answer: 'gpu.rim-root',
    input: ({ policy }) => ({
      policy: { ...(policy as object), rim: [] } as unknown as VerifyGpuInput['policy'],
    }),
  },
  {
    about: 'a simulated root that the policy calls genuine',
    answer: 'gpu.rim-root',
    input: ({ roots }) => ({
      policy: {
        roots: named(nvidia.certificates.root),
        rim: roots.nvidiaRim.map((der) => ({ fingerprint: sha256Hex(der), simulated: false })),
      },
    }),
  },
]

const other = (id: string) => (rims: readonly Rim[]) => rims.filter((rim) => rim.id !== id)
const measured = (index: number, value: Bytes) => ({ measured: new Map([[index, value]]) })
const decoderOn = new Map([[11, Uint8Array.of(0xaa)]])

const values: readonly Case[] = [
  { about: 'no files', answer: 'gpu.rim-files', rims: () => [] },
  { about: 'no driver file', answer: 'gpu.rim-files', rims: other(firmware.driverRim) },
  { about: 'no VBIOS file', answer: 'gpu.rim-files', rims: other(firmware.vbiosRim) },
  {
    about: 'a driver file twice',
    answer: 'gpu.rim-files',
    rims: ([first, second]) => [first!, first!, second!],
  },
  {
    about: 'a file of another GPU beside them',
    answer: 'accepted',
    rims: (rims) => [{ id: 'NV_GPU_DRIVER_GH100_1', rim: '!' }, ...rims],
  },
  {
    about: 'files under each other’s names',
    answer: 'gpu.rim-version',
    rims: ([first, second]) => [
      { ...first!, rim: second!.rim },
      { ...second!, rim: first!.rim },
    ],
  },
  {
    about: 'the driver’s file in both places',
    answer: 'gpu.rim-version',
    rims: ([first, second]) => [first!, { ...second!, rim: first!.rim }],
  },
  { about: 'a file of another driver', answer: 'gpu.rim-version', ...driver({ version: '0.0.1-simulated' }) },
  {
    about: 'a file of another VBIOS',
    answer: 'gpu.rim-version',
    files: { vbios: { version: '96.00.00.00.02' } },
  },
  {
    about: 'a driver that its file does not name',
    answer: 'gpu.rim-files',
    report: { opaque: new Map([[3, encodeUtf8('0.0.1-simulated\0')]]) },
  },
  {
    about: 'a report that does not name its board',
    answer: 'gpu.rim-files',
    report: { opaque: new Map([[17, null]]) },
  },
  {
    about: 'a board that its file does not name',
    answer: 'gpu.rim-files',
    report: { opaque: new Map([[18, encodeUtf8('0001\0')]]) },
  },
  { about: 'a driver that measures otherwise', answer: 'gpu.rim', report: measured(21, new Uint8Array(48)) },
  { about: 'a VBIOS that measures otherwise', answer: 'gpu.rim', report: measured(0, new Uint8Array(48)) },
  {
    about: 'a measurement that no file speaks for',
    answer: 'accepted',
    report: measured(63, new Uint8Array(48)),
  },
  {
    about: 'a value between two allowed ones',
    answer: 'accepted',
    ...driver({ values: new Map([[7, [digest('0'), await allowed(7), digest('1')]]]) }),
  },
  {
    about: 'a value that is allowed elsewhere',
    answer: 'gpu.rim',
    ...driver({ values: new Map([[7, [await allowed(21)]]]) }),
  },
  {
    about: 'two files that speak for one measurement',
    answer: 'gpu.rim',
    files: { vbios: { active: [0, 7] } },
  },
  {
    about: 'other values for a decoder that is off',
    answer: 'accepted',
    ...driver({ values: new Map([[35, [digest('0')]]]) }),
  },
  {
    about: 'other values for a decoder that is on',
    answer: 'gpu.rim',
    ...driver({ values: new Map([[35, [digest('0')]]]) }),
    report: { opaque: decoderOn },
  },
  {
    about: 'other values for a decoder that says nothing',
    answer: 'gpu.rim',
    ...driver({ values: new Map([[35, [digest('0')]]]) }),
    report: { opaque: new Map([[11, null]]) },
  },
  { about: 'a decoder that is on and measures right', answer: 'accepted', report: { opaque: decoderOn } },
]

async function allowed(index: number): Promise<string> {
  return Buffer.from(await measuredDigest(index)).toString('hex')
}

for (const simulated of [...forms, ...signatures, ...manifests, ...certificates, ...values]) {
  test(`RIM: ${simulated.about}: ${simulated.answer}`, async () => {
    const { id, compared } = await firstFailure(await inputOf(simulated))
    assert.equal(id, simulated.answer, compared)
  })
}

const sound: Case = { about: '', answer: 'accepted' }

test('accepted reference values say what was compared, and under which root', async () => {
  const result = await verifyGpu(await inputOf(sound))
  assert.ok(result.verdict === 'accepted')
  assert.deepEqual(result.claims.reference, {
    simulated: true,
    rootFingerprint: sha256Hex(soundPki.certificates.root),
    driverRim: firmware.driverRim,
    vbiosRim: firmware.vbiosRim,
    compared: 32,
  })
  assert.equal(result.checks.find(({ id }) => id === 'gpu.rim')?.verdict, 'pass')
})

test('a refusal names the file and the measurements', async () => {
  const wrong = await firstFailure(await inputOf({ ...sound, report: measured(3, new Uint8Array(48)) }))
  assert.equal(wrong.compared, 'measurements that the files do not allow: 3 (vbios)')
  const missing = await firstFailure(await inputOf({ ...sound, rims: other(firmware.vbiosRim) }))
  assert.match(missing.compared, /^vbios file: no reference values NV_GPU_VBIOS_SIM0_0000_882_9600000001/)
})

test('without a policy that asks for them, reference values are not looked at', async () => {
  const input = await inputOf({ ...sound, rims: () => [{ id: firmware.driverRim, rim: '!' }] })
  const policies = ['authentic-only', { roots: named(nvidia.certificates.root), rim: 'not-checked' }] as const
  for (const policy of policies) {
    const result = await verifyGpu({ ...input, policy })
    assert.ok(result.verdict === 'accepted')
    assert.equal(result.claims.reference, undefined)
    assert.equal(result.checks.find(({ id }) => id === 'gpu.rim')?.verdict, 'not-checked')
  }
})

test('files of another shape are refused by their form and raise nothing', async () => {
  const input = await inputOf(sound)
  const [first, second] = soundRims
  for (const rims of [
    null,
    'text',
    [null],
    [{ ...first, rim: null }, second],
    [{ ...first, rim: '!' }, second],
    [{ ...first, rim: encodeBase64(Uint8Array.of(0xff)) }, second],
  ]) {
    const { id } = await firstFailure({ ...input, rims: rims as unknown as readonly Rim[] })
    assert.equal(id, 'gpu.rim-files', JSON.stringify(rims))
  }
})

test('no change of any byte of a file is accepted', async () => {
  const input = await inputOf(sound)
  for (const [place, rim] of soundRims.entries()) {
    const bytes = decodeBase64(rim.rim)
    for (let at = place * 7; at < bytes.length; at += 389) {
      const flipped: Bytes = bytes.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (at % 2 === 0 ? 0x01 : 0x20)
      const rims = soundRims.with(place, { ...rim, rim: encodeBase64(flipped) })
      const { id } = await firstFailure({ ...input, rims })
      assert.match(id, /^gpu\.rim/, `byte ${at} of ${rim.id}: ${decodeUtf8(bytes.slice(at, at + 20))}`)
    }
  }
})
