/**
 * One witness as its own process, for one log:
 *
 *   node apps/witness/main.ts --directory D --listen 127.0.0.1:8090 --log-origin O --log-key K [--name N]
 *
 * Prints one JSON line once it listens: `{"listening":url,"name":…,"key":vkey}`. K is the log's verifier key.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { lockDirectory, makeFolder } from '#adapters/tlog-files'
import { formatVerifierKey, noteSigner, parseVerifierKey, verifierKey } from '#tlog'
import { endWithParent } from '../service/children.ts'
import { loadKey } from './key.ts'
import { listen } from './serve.ts'
import { openWitnessService } from './service.ts'

async function main(): Promise<void> {
  const options = readOptions()
  await makeFolder(options.directory)
  lockDirectory(options.directory)
  const key = await loadKey(options.directory, randomBytes)
  const signer = noteSigner(options.name ?? `witness-${key.publicKey.slice(0, 8)}`, key)
  const logs = [{ origin: options.origin, keys: [parseVerifierKey(options.logKey)] }]
  const handle = await openWitnessService({
    directory: options.directory,
    witness: { signer, logs },
    now: () => new Date(),
  })
  const { url, server } = await listen(options.listen, handle)
  const stop = () => server.close(() => process.exit(0)).closeIdleConnections()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  if (options.withParent) endWithParent(stop)
  const vkey = formatVerifierKey(verifierKey('cosignature', signer.name, signer.publicKey))
  process.stdout.write(`${JSON.stringify({ listening: url, name: signer.name, key: vkey })}\n`)
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:8090' },
      'log-origin': { type: 'string' },
      'log-key': { type: 'string' },
      name: { type: 'string' },
      'with-parent': { type: 'boolean', default: false },
    },
  })
  const { directory, 'log-origin': origin, 'log-key': logKey } = values
  if (!directory || !origin || !logKey) throw new Error('--directory, --log-origin and --log-key are needed')
  return {
    directory,
    origin,
    logKey,
    listen: values.listen,
    name: values.name,
    withParent: values['with-parent'],
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
