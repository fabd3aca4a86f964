import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Command } from 'commander'
import { decodeHex } from '#bytes'
import { bundlePath, encodeBundle } from '#tlog'
import type { AuditResult } from '#verifier'
import { AT, buildPool, NONCE } from '../../packages/verifier/testing/pool.ts'
import { registerAudit, runAudit, runExport, type AuditPorts } from './index.ts'

const folder = await mkdtemp(join(tmpdir(), 'fairweight-audit-'))
after(() => rm(folder, { recursive: true }))

const files = await buildPool()
const anchors = await put('anchors.json', JSON.stringify(files.anchors))
for (const [at, one] of files.contributions.entries()) await put(`mine/c/${at}.json`, JSON.stringify(one))
for (const [at, one] of files.calls.entries()) await put(`mine/calls/${at}.json`, JSON.stringify(one))
await put('mine/settings.json', '{"format":"something else"}')

async function put(path: string, text: string): Promise<string> {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  return file
}

const size = files.entries.length
const honest: Readonly<Record<string, string | Uint8Array>> = {
  '/v1/record': JSON.stringify(files.record),
  '/log/checkpoint': files.checkpoint,
  [`/log/${bundlePath({ index: 0, width: size })}`]: encodeBundle(files.entries),
  [`/v1/attestation?nonce=${NONCE}`]: JSON.stringify({ envelope: files.fresh?.evidence }),
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves the honest pool but for what `lies` replaces, while `work` runs. */
async function served<T>(
  lies: Record<string, string | Uint8Array | Handler>,
  work: (url: string) => Promise<T>,
) {
  const answers: Record<string, string | Uint8Array | Handler> = { ...honest, ...lies }
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    if (typeof answer === 'function') answer(request, response)
    else if (answer === undefined) response.writeHead(404).end()
    else response.end(answer)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function world(change: Partial<AuditPorts> = {}) {
  const told = { out: '', err: '' }
  const ports: AuditPorts = {
    fetch: (...request) => globalThis.fetch(...request),
    now: () => AT,
    randomBytes: () => decodeHex(NONCE),
    write: (text) => void (told.out += text),
    warn: (text) => void (told.err += text),
    look: () => ({ colour: false, columns: 120 }),
    limits: { requestMs: 500, totalMs: 5000, totalBytes: 10_000_000 },
    ...change,
  }
  return { ports, told }
}

const plain = { anchors, receipts: [join(folder, 'mine')], json: false }

test('an honest pool passes, with everything that parties hold found in it', async () => {
  const { ports, told } = world()
  const code = await served({}, (url) => runAudit({ url, ...plain }, ports))
  assert.equal(code, 0, told.out + told.err)
  assert.match(told.out, /SIMULATED: no hardware vouches/)
  assert.match(told.out, /4 given bundles found in place/)
  assert.match(told.out, /What no audit can show/)
  assert.match(told.err, /JSON files that are no receipts were left out: 1/)
  assert.doesNotMatch(told.out, /UNPINNED/)
  assert.ok(!told.out.includes('\u001b'), 'no colour unless asked for')
})

test('a lie ends with code 1, and the report begins with it', async () => {
  const { ports, told } = world({ look: () => ({ colour: true, columns: 80 }) })
  const record = {
    ...files.record,
    tombstones: [],
    openPeriod: { period: 9, closesBy: '2026-11-20T14:00:00Z' },
  }
  const code = await served({ '/v1/record': JSON.stringify(record) }, (url) =>
    runAudit({ url, ...plain }, ports),
  )
  assert.equal(code, 1)
  const failure = told.out.indexOf('c5.open-period: the record calls period 9 open')
  assert.ok(failure > 0 && failure < told.out.indexOf('the machine is genuine'), told.out)
  assert.ok(told.out.includes('\u001b[31m'), 'failures are red where colour is asked for')
})

test('a failing record of a party is named with its file', async () => {
  const changed = { ...files.calls[0]!, response: Buffer.from('other').toString('base64') }
  const file = await put('theirs/call.json', JSON.stringify(changed))
  const { ports, told } = world()
  const code = await served({}, (url) =>
    runAudit({ url, anchors, receipts: [dirname(file)], json: false }, ports),
  )
  assert.equal(code, 1)
  assert.ok(told.out.includes(`call record 1 is ${file}`), told.out)
})

test('--json prints the result and nothing else', async () => {
  const { ports, told } = world()
  const code = await served({}, (url) => runAudit({ url, anchors, receipts: [], json: true }, ports))
  const result = JSON.parse(told.out) as AuditResult
  assert.equal(code, 0)
  assert.equal(result.claims.length, 10)
})

test('without anchors the code is 2 and the banner says why', async () => {
  const { ports, told } = world()
  const code = await served({}, (url) => runAudit({ url, receipts: [], json: false }, ports))
  assert.equal(code, 2)
  assert.match(told.out, /UNPINNED: everything here comes from the pool itself/)
})

test('an exported folder audits alike without the network', async () => {
  const target = join(folder, 'exported')
  const { ports, told } = world()
  assert.equal(await served({}, (url) => runExport(url, target, ports)), 0, told.err)
  assert.deepEqual((await readdir(target)).sort(), ['log', 'record.json'])
  const offline = world({ fetch: () => assert.fail('an offline audit fetches nothing') })
  const code = await runAudit({ offline: target, ...plain }, offline.ports)
  assert.equal(code, 0, offline.told.out)
  assert.match(offline.told.out, /no live evidence was/)
  const again = world()
  assert.equal(await served({}, (url) => runExport(url, target, again.ports)), 2)
  assert.match(again.told.err, /is not empty/)
})

test('a folder that cannot be made ends the export and does not keep it waiting', async () => {
  const { ports, told } = world()
  const target = process.platform === 'linux' ? '/proc/fairweight-export' : join(folder, 'file/below')
  await writeFile(join(folder, 'file'), '')
  assert.equal(await served({}, (url) => runExport(url, target, ports)), 2)
  assert.match(told.err, /cannot be written/)
})

const gone: Handler = (_request, response) => response.writeHead(404).end()

test('a bundle that has been filled since is read in full, as far as the checkpoint goes', async () => {
  const later = Array.from({ length: 256 - size }, () => new Uint8Array([1]))
  const full = encodeBundle([...files.entries, ...later])
  const { [`/log/${bundlePath({ index: 0, width: size })}`]: _, ...rest } = honest
  const partialGone = Object.fromEntries(
    Object.keys(honest)
      .filter((path) => !(path in rest))
      .map((path) => [path, gone]),
  )
  const { ports, told } = world()
  const code = await served(
    { ...partialGone, [`/log/${bundlePath({ index: 0, width: 256 })}`]: full },
    (url) => runAudit({ url, ...plain }, ports),
  )
  assert.equal(code, 0, told.out + told.err)
})

test('a machine that gives no evidence leaves the audit without an answer', async () => {
  const { ports, told } = world()
  const path = `/v1/attestation?nonce=${NONCE}`
  const refuse: Handler = (_request, response) => response.writeHead(503).end()
  assert.equal(await served({ [path]: refuse }, (url) => runAudit({ url, ...plain }, ports)), 2)
  assert.match(told.err, /no live evidence: .*503/)
})

const endless: Handler = (_request, response) => {
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    response.once('drain', more)
  }
  more()
}
const dripping: Handler = (_request, response) => {
  const timer = setInterval(() => response.write(' '), 50)
  response.once('close', () => clearInterval(timer))
}
const huge = files.checkpoint.replace(`\n${size}\n`, '\n900000000\n')
let grown = size
const growing: Handler = (_request, response) => {
  grown += 1
  response.end(files.checkpoint.replace(`\n${size}\n`, `\n${grown}\n`))
}

const hostile: readonly { about: string; lies: Record<string, string | Handler>; says: RegExp }[] = [
  { about: 'never answers', lies: { '/v1/record': () => undefined }, says: /takes too long/ },
  { about: 'answers a byte at a time', lies: { '/v1/record': dripping }, says: /takes too long/ },
  { about: 'never stops', lies: { '/v1/record': endless }, says: /larger than/ },
  { about: 'claims a log without end', lies: { '/log/checkpoint': huge }, says: /claims 900000000 entries/ },
  { about: 'grows while it is read', lies: { '/log/checkpoint': growing }, says: /grew each of 5 times/ },
  { about: 'has no checkpoint', lies: { '/log/checkpoint': 'none' }, says: /checkpoint cannot be read/ },
  { about: 'sends no JSON', lies: { '/v1/record': '<html>' }, says: /record cannot be read/ },
  {
    about: 'sends entries that end too early',
    lies: { [`/log/${bundlePath({ index: 0, width: size })}`]: 'ab' },
    says: /ends within an entry/,
  },
  {
    about: 'leads elsewhere',
    lies: {
      '/v1/record': (_request, response) => response.writeHead(302, { location: '/log/checkpoint' }).end(),
    },
    says: /cannot be reached/,
  },
]

for (const { about, lies, says } of hostile) {
  test(`a server that ${about} cannot hold the auditor: code 2`, async () => {
    const { ports, told } = world()
    const code = await served(lies, (url) => runAudit({ url, ...plain }, ports))
    assert.equal(code, 2)
    assert.match(told.err, says)
    assert.equal(told.out, '')
  })
}

test('what cannot be read is code 2 with a sentence', async () => {
  const broken = await put('broken.json', '{')
  const cases = [
    [{ receipts: [], json: false }, /name the address of a pool/],
    [{ url: 'ftp://x', receipts: [], json: false }, /no http or https address/],
    [{ url: 'http://127.0.0.1:1', receipts: [], json: false }, /cannot be reached/],
    [{ url: 'http://127.0.0.1:1', offline: folder, receipts: [], json: false }, /not both/],
    [{ offline: join(folder, 'nowhere'), receipts: [], json: false }, /is not there/],
    [{ offline: folder, anchors: broken, receipts: [], json: false }, /is not JSON/],
    [{ offline: folder, receipts: [join(folder, 'nowhere')], json: false }, /cannot be read/],
  ] as const
  for (const [args, says] of cases) {
    const { ports, told } = world()
    assert.equal(await runAudit(args, ports), 2)
    assert.match(told.err, says)
  }
})

test('the command line reaches the audit with all its options', async () => {
  const { ports, told } = world()
  const program = new Command().exitOverride()
  registerAudit(program, ports)
  const before = process.exitCode
  await served({}, (url) =>
    program.parseAsync(['audit', url, '--anchors', anchors, '--receipts', join(folder, 'mine'), '--json'], {
      from: 'user',
    }),
  )
  assert.equal(process.exitCode, 0)
  process.exitCode = before
  assert.equal((JSON.parse(told.out) as AuditResult).verdict, 'pass')
})
