import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { LogFilesError, openLog } from '#adapters/tlog-files'
import { encodeUtf8 } from '#bytes'
import { signingKeyFromSeed } from '#seal'
import { formatVerifierKey, noteSigner, parseVerifierKey, verifierKey, verifyProof } from '#tlog'

const root = await mkdtemp(join(tmpdir(), 'witness-process-'))
const running = new Set<ChildProcess>()
after(async () => {
  for (const child of running) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
})

const origin = 'log.example'
const signer = noteSigner(origin, await signingKeyFromSeed(new Uint8Array(32).fill(3)))
const logKey = verifierKey('ed25519', origin, signer.publicKey)
const open = (directory: string) => openLog({ directory, origin, signer, now: () => new Date() })

function start(directory: string): ChildProcess {
  const options = ['--directory', directory, '--listen', '127.0.0.1:0', '--log-origin', origin]
  const main = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, [main, ...options, '--log-key', formatVerifierKey(logKey)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  return child
}

async function ready(child: ChildProcess): Promise<{ url: string; vkey: string }> {
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const { listening, key } = JSON.parse(line) as { listening: string; key: string }
  return { url: listening, vkey: key }
}

test('a witness killed and started again refuses the fork of a log and goes on with the log', async () => {
  const directory = join(root, 'witness')
  const child = start(directory)
  const { url, vkey } = await ready(child)
  assert.equal(await (await fetch(url)).text(), `${vkey}\n`)
  if (process.platform !== 'win32') {
    assert.equal((await stat(join(directory, 'witness.key'))).mode & 0o777, 0o600)
  }

  const log = await open(join(root, 'log'))
  await log.append([1, 2, 3].map((at) => Uint8Array.of(at)))
  const key = parseVerifierKey(vkey)
  await log.publish({ witnesses: [{ url, key }], fetch })
  await log.close()
  await cp(join(root, 'log'), join(root, 'fork'), { recursive: true })

  const grown = await open(join(root, 'log'))
  await grown.append([encodeUtf8('what everyone sees')])
  await grown.publish({ witnesses: [{ url, key }], fetch })

  const second = start(directory)
  const [code] = (await once(second, 'exit')) as [number]
  assert.equal(code, 1, 'two witnesses must not share a directory')

  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await ready(start(directory))
  assert.equal(again.vkey, vkey)
  const witnesses = [{ url: again.url, key }]

  const fork = await open(join(root, 'fork'))
  await fork.append([encodeUtf8('what one of them sees'), encodeUtf8('and more')])
  await assert.rejects(
    fork.publish({ witnesses, fetch }),
    (error) =>
      error instanceof LogFilesError && error.code === 'quorum-missed' && error.message.includes('422'),
  )
  await grown.append([encodeUtf8('and so on')])
  assert.equal((await grown.publish({ witnesses, fetch })).size, 5)
  const policy = { origin, logKey, witnesses: [key], quorum: 1 }
  assert.equal((await verifyProof(grown.proveEntry(4), encodeUtf8('and so on'), policy)).index, 4)
  await fork.close()
  await grown.close()
})
