/**
 * The borders between rooms, held against every import: a room sees lower rooms only, packages never meet the
 * world, and trust never leans on something that is not listed.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { test } from 'node:test'

const root = dirname(import.meta.dirname)

/** Imports go to lower numbers only; rooms with one number do not see each other. */
const RANK: Readonly<Record<string, number>> = {
  bytes: 1,
  seal: 2,
  merkle: 2,
  attestation: 3,
  tlog: 3,
  ledger: 3,
  statements: 3,
  chat: 3,
  simulator: 4,
  verifier: 4,
  mixing: 4,
  training: 4,
  attribution: 4,
  contributing: 4,
}

/** Libraries a room may use. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  bytes: ['@noble/hashes/'],
  seal: ['age-encryption', '@scure/base'],
  statements: ['zod'],
  training: ['zod'],
  contributing: ['zod', 'csv-parse'],
}

/** What would let the world in: a verdict must be replayable tomorrow. */
const WORLD =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|(?<![.\w])fetch\(|\bprocess\.|\brequire\(|getRandomValues|randomUUID/

const files = globSync('packages/**/*.ts', { cwd: root }).filter(
  (file) => !file.endsWith('.test.ts') && !file.includes(`${sep}testing${sep}`),
)

const importsOf = (text: string) =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')

test('there is something to check', () => assert.ok(files.length > 30))

for (const room of Object.keys(RANK)) {
  test(`packages/${room} keeps to its borders`, () => {
    for (const file of files.filter((name) => name.startsWith(join('packages', room) + sep))) {
      const text = readFileSync(join(root, file), 'utf8')
      for (const target of importsOf(text)) {
        if (target.startsWith('#')) {
          const other = target.slice(1)
          assert.ok(other in RANK, `${file} imports ${target}, which is no room`)
          assert.ok(RANK[other]! < RANK[room]!, `${file} imports ${target}, which is not a lower room`)
        } else if (target.startsWith('.')) {
          const inside = relative(join(root, 'packages', room), join(root, dirname(file), target))
          assert.ok(!inside.startsWith('..'), `${file} reaches out of its room: ${target}`)
        } else {
          const allowed = LIBRARIES[room] ?? []
          assert.ok(
            allowed.some(
              (name) =>
                target === name ||
                target.startsWith(`${name}/`) ||
                (name.endsWith('/') && target.startsWith(name)),
            ),
            `${file} uses ${target}`,
          )
        }
      }
    }
  })
}

test('packages never touch clock, chance, network or process', () => {
  for (const file of files) {
    const code = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    const found = WORLD.exec(code)
    assert.equal(found, null, `${file} holds ${found?.[0]}`)
  }
})

test('every room is known', () => {
  const rooms = new Set(files.map((file) => file.split(sep)[1]!))
  assert.deepEqual(
    [...rooms].filter((room) => !(room in RANK)),
    [],
  )
})
