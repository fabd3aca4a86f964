/** How a step of the test command runs and counts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Count {
  passed: number
  failed: number
  skipped: number
}

export function oneCommand(title: string, command: () => boolean): Count {
  const started = Date.now()
  console.log(`\n── ${title}`)
  const ok = command()
  console.log(`   ${ok ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** Runs files under node:test, one process a file, as many at once as there are cores; `options` are Node's own. */
export function nodeTests(
  title: string,
  root: string,
  files: readonly string[],
  options: readonly string[] = [],
): Count {
  console.log(`\n── ${title}`)
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 }
  const folder = mkdtempSync(join(tmpdir(), 'fairweight-tests-'))
  const summary = join(folder, 'summary.json')
  const args = [
    ...options,
    '--test',
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'counter.ts')}`,
    `--test-reporter-destination=${summary}`,
    ...files,
  ]
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const count = readCount(summary)
  rmSync(folder, { recursive: true })
  // A file that dies before its first test fails the run without failing a test.
  if (status !== 0 && count.failed === 0) count.failed = 1
  console.log(`   ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  return count
}

function readCount(path: string): Count {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Count
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/** The trainer's own tests, in an environment made from its pinned requirements. */
export function pythonTests(root: string, python: string): Count {
  console.log('\n── trainer')
  const folder = mkdtempSync(join(tmpdir(), 'fairweight-pytest-'))
  const report = join(folder, 'report.xml')
  const args = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=${report}`, 'tests']
  const { status } = spawnSync(python, args, {
    cwd: join(root, 'trainer'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const count = readJunit(report)
  rmSync(folder, { recursive: true })
  if (status !== 0 && count.failed === 0) count.failed = 1
  return count
}

function readJunit(path: string): Count {
  try {
    const text = readFileSync(path, 'utf8')
    const number = (name: string) =>
      Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(text)?.[1] ?? 0)
    const failed = number('failures') + number('errors')
    return { passed: number('tests') - failed - number('skipped'), failed, skipped: number('skipped') }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
