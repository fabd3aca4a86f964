import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireTrainerPackages } from './named-python.ts'

test('a Python that is named must have what the trainer imports', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fairweight-python-'))
  t.after(() => rm(folder, { recursive: true }))
  const python = async (script: string) => {
    const path = join(folder, 'python')
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o700)
    return requireTrainerPackages(path)
  }
  await python('echo missing')
  const refused = (reason: RegExp) => ({ code: 'python-missing', message: reason })
  await assert.rejects(python('echo missing torch peft'), refused(/has no torch, peft: install/))
  await assert.rejects(python('echo hello'), refused(/is no Python that runs/))
  await assert.rejects(python('exit 3'), refused(/is no Python that runs/))
  await assert.rejects(requireTrainerPackages(join(folder, 'nowhere')), refused(/is no Python that runs/))
})
