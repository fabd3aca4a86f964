/** Writes spec/schemas from the code, or with `--check` says which files are out of date and exits 1. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { schemaFiles } from '../../packages/statements/schemas.ts'

const folder = join(import.meta.dirname, '../../spec/schemas')
const wanted = schemaFiles()

const stale = [...wanted].filter(([name, text]) => textOf(name) !== text).map(([name]) => name)
const left = namesIn(folder).filter((name) => !wanted.has(name))

if (process.argv.includes('--check')) {
  for (const name of stale) console.error(`out of date: spec/schemas/${name}.json`)
  for (const name of left) console.error(`no longer a format: spec/schemas/${name}.json`)
  process.exitCode = stale.length + left.length === 0 ? 0 : 1
} else {
  mkdirSync(folder, { recursive: true })
  for (const name of stale) writeFileSync(pathOf(name), wanted.get(name) ?? '')
  for (const name of left) rmSync(pathOf(name))
  console.log(`${wanted.size} schemas, ${stale.length} written, ${left.length} removed`)
}

function textOf(name: string): string | undefined {
  return existsSync(pathOf(name)) ? readFileSync(pathOf(name), 'utf8') : undefined
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path).map((file) => basename(file, '.json')) : []
}

function pathOf(name: string): string {
  return join(folder, `${name}.json`)
}
