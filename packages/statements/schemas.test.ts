import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { STATEMENT_KINDS } from './kinds.ts'
import { schemaFiles } from './schemas.ts'

const folder = new URL('../../spec/schemas/', import.meta.url)

test('every schema on paper is the one the code reads by', () => {
  for (const [name, text] of schemaFiles()) {
    const written = readFileSync(new URL(`${name}.json`, folder), 'utf8')
    assert.ok(written === text, `spec/schemas/${name}.json is out of date: run tools/spec/main.ts`)
  }
})

test('no schema stays behind when its format goes', () => {
  const expected = [...schemaFiles().keys()].map((name) => `${name}.json`).sort()
  // The trainer's formats are spelled in a higher room, which tests its own.
  const here = readdirSync(folder).filter((name) => !name.startsWith('trainer-'))
  assert.deepEqual(here.sort(), expected)
})

test('every kind of statement has a schema that refuses unknown members', () => {
  for (const kind of STATEMENT_KINDS) {
    const schema = JSON.parse(schemaFiles().get(kind) ?? 'null')
    assert.equal(schema.title, `https://fairweight.org/${kind}/v1`)
    assert.equal(schema.additionalProperties, false, kind)
  }
})
