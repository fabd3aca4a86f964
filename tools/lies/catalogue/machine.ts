/** A1 and A2: lies about the machine and its program. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Hex } from '#bytes'
import { installedTree } from '#adapters/simulated-machine'
import { measureTree } from '#simulator'
import {
  contributionReceipt,
  evidence,
  formatTime,
  gpuNonce,
  keysInRole,
  termName,
  type Keyset,
} from '#statements'
import { announcePolicy, minutesBefore, nextTerm } from '../craft/additions.ts'
import { plainCalls, trainedOn } from '../craft/people.ts'
import type { Lie, Scene } from '../scene.ts'
import type { Registers } from '../liar.ts'
import { callName, contributionName, linesOf, newest, leafIndexOf } from '../tale.ts'

const DAY_MS = 86_400_000

/** A new term that is quoted with these registers. */
async function startOn(scene: Scene, registers: Registers, startedAt: Date): Promise<string> {
  const { liar, tale } = scene
  const { line } = await nextTerm(scene, startedAt, {
    platform: (honest) => ({ ...honest, quote: (report) => liar.quote(report, registers) }),
  })
  return `evidence at leaf ${leafIndexOf(tale, line)}`
}

export const machineLies: readonly Lie[] = [
  {
    name: 'nonce-replayed',
    who: 'operator',
    to: 'an auditor who asks the live machine',
    what: 'answers with evidence that was made for another nonce',
    begins: 'afterwards',
    check: 'a1.fresh',
    tell: (scene) => {
      const logged = newest(scene.tale, evidence)
      scene.answer = async () => logged.was!.envelope
      return `answers the nonce ${logged.predicate.nonce}`
    },
  },
  {
    name: 'gpu-swapped',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'starts a term with the GPU report of another machine, made for that machine’s keys',
    begins: 'afterwards',
    check: 'a1.gpu-nonce',
    tell: async (scene) => {
      const { tale } = scene
      const other = newest(tale, evidence).predicate
      const { line } = await nextTerm(scene, minutesBefore(tale, 5), {
        platform: (honest) => ({
          ...honest,
          attestGpus: () => honest.attestGpus(gpuNonce(other.keyset, other.gpuTermNonce)),
        }),
      })
      return `evidence at leaf ${leafIndexOf(tale, line)} has GPU 1 refused`
    },
  },
  {
    name: 'keyset-changed',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'puts a train key of his own into the keyset after the machine was quoted',
    begins: 'afterwards',
    check: 'a1.challenge',
    tell: async (scene) => {
      const { tale, liar } = scene
      const { line } = await nextTerm(scene, minutesBefore(tale, 5), {
        edit: async (honest) => {
          const keyset: Keyset = {
            ...honest.keyset,
            keys: honest.keyset.keys.map((key) =>
              key.role === 'train' ? { ...key, publicKey: liar.operator.publicKey } : key,
            ),
          }
          const gpus = await liar.attestGpus(gpuNonce(keyset, honest.gpuTermNonce), new Date(honest.takenAt))
          return { ...honest, keyset, gpus }
        },
      })
      return `evidence at leaf ${leafIndexOf(tale, line)} has report data`
    },
  },
  {
    name: 'train-key-signs-receipt',
    who: 'operator',
    to: 'a contributor',
    what: 'signs a contribution receipt with the train key',
    begins: 'from the start',
    check: 'statement.role',
    tell: ({ tale }) => {
      const [victim] = trainedOn(tale)
      const line = linesOf(tale.lines, contributionReceipt).find(({ id }) => id === victim.receipt)!
      line.signer = keyLike(tale, line.predicate, 'train')
      return `the receipt in ${contributionName(tale, victim)} is signed by ${line.signer}, a key in the role train`
    },
  },
  {
    name: 'train-key-signs-answer',
    who: 'operator',
    to: 'a buyer',
    what: 'signs the receipt of an answer with the train key',
    begins: 'from the start',
    check: 'c5.receipt-signature',
    tell: ({ tale }) => {
      const [call] = plainCalls(tale)
      const usage = call!.record.receipt.event_log.find((one) => one.type === 'usage.metered')!
      call!.signer = keyLike(tale, usage, 'train')
      return `${callName(tale, call!)} is not signed by a serve key of ${usage.node} term ${usage.term}`
    },
  },
  {
    name: 'other-program',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'starts a term on a program that the policy does not name',
    begins: 'afterwards',
    check: 'a2.measurement',
    tell: (scene) => {
      const { mrTd, rtmr } = scene.liar.registers
      const other = `${rtmr[3].startsWith('0') ? '1' : '0'}${rtmr[3].slice(1)}`
      return startOn(scene, { mrTd, rtmr: [rtmr[0], rtmr[1], rtmr[2], other] }, minutesBefore(scene.tale, 5))
    },
  },
  {
    name: 'one-byte-changed',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'starts a term on the allowed program with one byte of one source file changed',
    begins: 'afterwards',
    check: 'a2.measurement',
    tell: async (scene) => startOn(scene, await withOneByteChanged(), minutesBefore(scene.tale, 5)),
  },
  {
    name: 'after-its-dates',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'ends a program’s dates by a new policy and starts it once more the day after',
    begins: 'afterwards',
    check: 'a2.measurement',
    tell: async (scene) => {
      const { tale } = scene
      const now = minutesBefore(tale, 5)
      const until = new Date(now.getTime() + (scene.policy.noticeSeconds + 7200) * 1000)
      announcePolicy(
        scene,
        ({ trust }) => ({
          trust: {
            ...trust,
            measurements: trust.measurements.map((one) => ({ ...one, until: formatTime(until) })),
          },
        }),
        now,
      )
      tale.at = until.getTime() + DAY_MS
      return startOn(scene, scene.liar.registers, minutesBefore(tale, 5))
    },
  },
]

/** The key of a role in the keyset of a place. */
function keyLike({ lines }: Scene['tale'], place: { node: string; term: number }, role: 'train'): string {
  const shown = linesOf(lines, evidence).find(({ predicate }) => termName(predicate) === termName(place))!
  return keysInRole(shown.predicate.keyset, role)[0]!
}

/** What this checkout measures once somebody has changed a byte of it. */
async function withOneByteChanged(): Promise<Registers> {
  const root = join(import.meta.dirname, '../../..')
  const changed = 'apps/node/run/attribute.ts'
  const bytes = new Uint8Array(await readFile(join(root, changed)))
  bytes[bytes.length >> 1]! ^= 1
  const tree = await installedTree(root)
  const { mrTd, rtmr } = await measureTree(
    tree.map((file) => (file.path === changed ? { ...file, sha256: sha256Hex(bytes) } : file)),
  )
  return { mrTd, rtmr: [...rtmr] as unknown as Registers['rtmr'] }
}
