/**
 * Writes what follows from the code: spec/schemas, vectors/statements.json, and what spec pages quote of them.
 *
 * With `--check` it writes nothing, says which files are out of date, and then exits 1.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { schemaFiles } from '../../packages/statements/schemas.ts'
import { trainerSchemaFiles } from '../../packages/training/schemas.ts'
import { changedTexts, refreshed } from './pages.ts'
import { vectorsText } from './vectors.ts'

const root = join(import.meta.dirname, '../..')

const wanted = new Map<string, string>([
  ...[...schemaFiles(), ...trainerSchemaFiles()].map(
    ([name, text]) => [`spec/schemas/${name}.json`, text] as const,
  ),
  ['vectors/statements.json', await vectorsText()] as const,
])
const stale = [...wanted].filter(([path, text]) => textOf(path) !== text)
const left = globSync('spec/schemas/*.json', { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !wanted.has(path))

if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`out of date: ${path}`)
  for (const path of left) console.error(`no longer a format: ${path}`)
  process.exitCode = stale.length + left.length === 0 ? 0 : 1
} else {
  const before = textOf('vectors/statements.json')
  const pairs = changedTexts(
    before === undefined ? {} : JSON.parse(before),
    JSON.parse(wanted.get('vectors/statements.json')!),
  )
  for (const page of globSync('spec/**/*.md', { cwd: root }))
    writeFileSync(join(root, page), refreshed(readFileSync(join(root, page), 'utf8'), pairs))
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const path of left) rmSync(join(root, path))
  console.log(`${wanted.size} files, ${stale.length} written, ${left.length} removed`)
}

function textOf(path: string): string | undefined {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
}
