/** The pool's processes: a witness of its own, and the node. */
import { join } from 'node:path'
import { decodeHex } from '#bytes'
import { hashToken } from '#node/core'
import { formatVerifierKey, parseVerifierKey, verifierKey } from '#tlog'
import { encodeHex } from '#bytes'
import type { Policy, Statement } from '#statements'
import type { NodeSettings } from '../node/settings.ts'
import { startService, type Service } from '../service/children.ts'
import { writeJson, type Home } from './home.ts'
import type { MachineFacts, Operator, WitnessFacts } from './operator.ts'

const LOG_ORIGIN = 'meadow.example/log'

export interface RunningWitness extends Service {
  readonly url: string
  readonly vkey: string
  readonly facts: WitnessFacts
}

/** The witness must know the log's key before it cosigns anything. */
export async function startWitness(home: Home, machine: MachineFacts): Promise<RunningWitness> {
  const logKey = formatVerifierKey(verifierKey('ed25519', LOG_ORIGIN, decodeHex(machine.logKey)))
  const service = await startService(
    join(home.checkout, 'apps/witness/main.ts'),
    [
      '--directory',
      home.path('witness'),
      '--listen',
      '127.0.0.1:0',
      '--log-origin',
      LOG_ORIGIN,
      '--log-key',
      logKey,
      '--name',
      'meadow.example/witness',
      '--with-parent',
    ],
    home.path('diagnostics', 'witness.log'),
  )
  const { listening, name, key } = service.ready as { listening: string; name: string; key: string }
  const { publicKey } = parseVerifierKey(key)
  return { ...service, url: listening, vkey: key, facts: { name, publicKey: encodeHex(publicKey) } }
}

export interface NodePlaces {
  readonly python: string
  readonly weights: string
  readonly port: number
}

export interface RunningNodeService extends Service {
  readonly url: string
}

/** Throws with the node's own sentence where it refuses to start. */
export async function startNodeService(
  home: Home,
  operator: Operator,
  policy: Statement<Policy>,
  witness: RunningWitness,
  machine: MachineFacts,
  { python, weights, port }: NodePlaces,
): Promise<RunningNodeService> {
  const settings: NodeSettings = {
    node: 'meadow-1',
    data: home.path('node'),
    root: home.checkout,
    listen: { host: '127.0.0.1', port },
    machine: { kind: 'simulated', directory: home.path('machine') },
    enforceMeasurement: isAllowed(policy.predicate, machine),
    database: home.database,
    policies: [home.path('operator', 'policy-1.json')],
    weights,
    trainer: { python },
    witnesses: [{ url: witness.url, key: witness.vkey }],
    operatorTokenHash: hashToken(operator.token),
    threads: null,
  }
  await writeJson(home.path('node', 'settings.json'), settings, 0o600)
  const service = await startService(
    join(home.checkout, 'apps/node/main.ts'),
    ['--settings', home.path('node', 'settings.json'), '--with-parent'],
    home.path('diagnostics', 'node.log'),
  )
  return { ...service, url: (service.ready as { listening: string }).listening }
}

/** Whether the policy allows the tree that is installed now; where not, A2 will be red and everyone is told. */
export function isAllowed(policy: Policy, { measurement }: MachineFacts): boolean {
  return policy.trust.measurements.some(
    (one) =>
      one.mrTd === measurement.mrTd && one.rtmr.every((register, at) => register === measurement.rtmr[at]),
  )
}
