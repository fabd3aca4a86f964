/**
 * The one test command: `check` (types, lint, format, unused code, borders, unit tests), `all`, `long`, `interop`.
 *
 * Each step counts as many tests as it ran; a step that is one command counts as one. The last line is
 * `N passed, N failed`, and the exit code is 0 only where nothing failed.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureDevTools, ensurePeers, ensureTestMachine, pythonOfPeers } from './install.ts'
import { type Count, nodeTests, oneCommand, pythonTests } from './steps.ts'

const root = dirname(dirname(import.meta.dirname))

const MANY_RUNS = [`--import=${join(import.meta.dirname, 'many-runs.ts')}`]

let python = 'python3'
const mode = process.argv[2]
const steps = {
  check: () => [...checks(), () => tests('unit tests', 'packages/**/*.test.ts', 'tools/**/*.test.ts')],
  all: () => [
    ...checks(),
    () => tests('unit tests', 'packages/**/*.test.ts', 'tools/**/*.test.ts'),
    () => testMachine(),
    () => tests('adapters and roles', 'adapters/**/*.test.ts', 'apps/**/*.test.ts'),
    () => peers(),
    () => pythonTests(root, python),
    () => tests('the whole chain', 'examples/**/*.test.ts'),
  ],
  // Every byte of evidence changed, where `npm test` changes one in many; and properties tried ten times as often.
  long: () => [
    () =>
      nodeTests(
        'properties, 1000 runs each',
        root,
        filesOf('packages/!(attestation)/**/*.test.ts'),
        MANY_RUNS,
      ),
    () => {
      process.env['FAIRWEIGHT_SWEEP'] = 'all'
      return tests('every byte of real evidence', 'packages/attestation/*.test.ts')
    },
  ],
  interop: () => [() => tests('peers that a machine may lack', 'interop/**/*.test.ts')],
}

if (mode === undefined || !(mode in steps)) {
  console.error(`usage: main.ts ${Object.keys(steps).join('|')}`)
  process.exit(2)
}

const total: Count = { passed: 0, failed: 0, skipped: 0 }
for (const step of steps[mode as keyof typeof steps]()) {
  const { passed, failed, skipped } = step()
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}
const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)

function checks(): (() => Count)[] {
  const bin = (name: string) => join(root, 'tools/dev/node_modules/.bin', name)
  return [
    () => oneCommand('development tools', () => ensureDevTools(root)),
    () => oneCommand('types', () => run(bin('tsc'), '--project', root)),
    () => oneCommand('lint', () => run(bin('oxlint'), '--type-aware', '--deny-warnings')),
    () => oneCommand('format', () => run(bin('oxfmt'), '--check')),
    () => oneCommand('unused code', () => run(bin('knip'), '--directory', root)),
  ]
}

function tests(title: string, ...patterns: string[]): Count {
  return nodeTests(title, root, filesOf(...patterns))
}

function filesOf(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: (name) => name === 'node_modules' }).sort()
}

// Later steps find the interpreter and the weights by the same names that a person would set.
function testMachine(): Count {
  return oneCommand('training environment and base model', () => {
    const machine = ensureTestMachine(root)
    if (machine === undefined) return false
    python = machine.python
    process.env['FAIRWEIGHT_TEST_PYTHON'] = machine.python
    process.env['FAIRWEIGHT_TEST_WEIGHTS'] = machine.weights
    return true
  })
}

function peers(): Count {
  const installed = oneCommand('client libraries to test against', () => ensurePeers(root, python))
  if (installed.failed > 0) return installed
  process.env['FAIRWEIGHT_PEERS_PYTHON'] = pythonOfPeers(root)
  const ran = tests('client libraries', 'peers/*.test.ts')
  return { passed: ran.passed + installed.passed, failed: ran.failed, skipped: ran.skipped }
}

function run(command: string, ...args: string[]): boolean {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${join(root, 'tools/dev/node_modules/.bin')}:${process.env['PATH']}` },
  })
  return status === 0
}
