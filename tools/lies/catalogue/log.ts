/** C8: lies about the log, to those who read it and to those whom it was shown before. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeHex } from '#bytes'
import { HashTree } from '#merkle'
import { formatSignatureLine, parseNote } from '#tlog'
import { formatTime, payout, type KindName } from '#statements'
import { announcePolicy, minutesBefore } from '../craft/additions.ts'
import { trainedOn } from '../craft/people.ts'
import { honestAnswer, type Lie, type Scene } from '../scene.ts'
import { contributionName, newest, type Tale, leafIndexOf } from '../tale.ts'

/** A stranger who was sent by nobody: parties hold what was signed in the other log. */
function withoutParties({ contributions, calls, silent }: Tale): void {
  silent.push(...[...contributions, ...calls].map(({ file }) => file))
}

export const logLies: readonly Lie[] = [
  {
    name: 'not-logged',
    who: 'operator',
    to: 'all contributors',
    what: 'publishes a payout that stands in no log',
    begins: 'from the start',
    check: 'c8.statement-logged',
    tell: ({ tale }) => {
      const line = newest(tale, payout)
      const at = tale.lines.indexOf(line)
      tale.lines.push(...tale.lines.splice(at, 1))
      line.logged = false
      return `payout at leaf ${leafIndexOf(tale, line)} is beyond the log`
    },
  },
  {
    name: 'second-checkpoint',
    who: 'operator',
    to: 'a second auditor',
    what: 'shows another log of the same size, under the cosignature of the first one',
    begins: 'from the start',
    witness: 'remembers',
    check: 'c8.cosignatures',
    tell: (scene) => {
      withoutParties(scene.tale)
      scene.edits.push((_told, folder) => pasteCosignature(scene, folder))
      return scene.policy.log.witnesses[0]!.name
    },
  },
  {
    name: 'second-checkpoint-cosigned',
    who: 'operator and witness together',
    to: 'an auditor who has seen the first log',
    what: 'show another log of the same size, which the witness cosigns as well',
    begins: 'from the start',
    witness: 'colludes',
    check: 'c8.consistent-with-anchor',
    tell: ({ tale, pool }) => {
      withoutParties(tale)
      const size = pool.entries.length
      const root = encodeHex(HashTree.of(pool.entries).root())
      tale.anchors = { ...tale.anchors, checkpoint: { size, root } }
      return `the anchors saw ${root}`
    },
  },
  {
    name: 'old-log-shown',
    who: 'operator',
    to: 'an auditor who asks the live pool',
    what: 'shows a log that no witness has seen for longer than the policy allows',
    begins: 'from the start',
    check: 'c8.checkpoint-age',
    tell: (scene) => {
      const { tale, policy } = scene
      const seconds = policy.log.maxCheckpointAgeSeconds + 3600
      tale.at += seconds * 1000
      scene.answer = honestAnswer(scene)
      return 'the checkpoint was cosigned'
    },
  },
  {
    name: 'leaf-type-changed',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'logs a payout under the tag of an offer',
    begins: 'from the start',
    check: 'c8.leaf-type',
    tell: ({ tale }) => {
      const line = newest(tale, payout)
      line.leafKind = 'offer' satisfies KindName
      return `leaf ${leafIndexOf(tale, line)} has the type offer, and a payout is published`
    },
  },
  {
    name: 'tombstone-on-policy',
    who: 'operator',
    to: 'everyone who asks for the policies',
    what: 'hides a policy that was announced behind a tombstone',
    begins: 'afterwards',
    check: 'c8.tombstones',
    tell: (scene) => {
      const { tale } = scene
      const line = announcePolicy(scene, ({ split }) => ({ split }), minutesBefore(tale, 5))
      const leafIndex = leafIndexOf(tale, line)
      hide(scene, leafIndex, 'policy')
      scene.edits.push(({ record }) => {
        record.statements = record.statements.filter((one) => one.leafIndex !== leafIndex)
      })
      return `the tombstone at leaf ${leafIndex} erases a policy`
    },
  },
  {
    name: 'tombstone-on-receipt',
    who: 'operator',
    to: 'a contributor',
    what: 'calls a contribution receipt erased that its contributor holds and has not withdrawn',
    begins: 'afterwards',
    check: 'c8.tombstones',
    tell: (scene) => {
      const { tale } = scene
      const [victim] = trainedOn(tale)
      const { leafIndex } = victim.record.receipt
      hide(scene, leafIndex, 'contribution-receipt')
      return `the tombstone at leaf ${leafIndex} hides the contribution-receipt in ${contributionName(tale, victim)}`
    },
  },
  {
    name: 'leaf-withheld',
    who: 'operator',
    to: 'everyone who reads the log',
    what: 'logs a policy and publishes none',
    begins: 'afterwards',
    check: 'c8.leaf-published',
    tell: (scene) => {
      const { tale } = scene
      const line = announcePolicy(scene, ({ split }) => ({ split }), minutesBefore(tale, 5))
      const leafIndex = leafIndexOf(tale, line)
      scene.edits.push(({ record }) => {
        record.statements = record.statements.filter((one) => one.leafIndex !== leafIndex)
      })
      return `leaf ${leafIndex} is of a policy`
    },
  },
]

function hide({ tale }: Scene, leafIndex: number, kind: KindName): void {
  tale.tombstones = [...tale.tombstones, { leafIndex, kind, erasedAt: formatTime(minutesBefore(tale, 1)) }]
}

async function pasteCosignature({ pool }: Scene, folder: string): Promise<void> {
  const path = join(folder, 'log/checkpoint')
  const { signatures } = parseNote(pool.checkpoint)
  await writeFile(path, `${await readFile(path, 'utf8')}${formatSignatureLine(signatures.at(-1)!)}`)
}
