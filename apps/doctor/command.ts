/** `fairweight doctor`. Exit codes: 0 nothing is missing, 1 something is, 2 wrong use. */
import { availableParallelism, totalmem } from 'node:os'
import { dirname, resolve } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { openHome } from '../start/home.ts'
import { examine, type Machine } from './checks.ts'
import type { Finding } from './finding.ts'

interface DoctorOptions {
  readonly home?: string
  readonly port: number
  readonly python?: string
  readonly json?: true
}

const checkout = dirname(dirname(import.meta.dirname))

export function registerDoctor(
  program: Command,
  print: (text: string) => void = (text) => void process.stdout.write(text),
  given: Partial<Machine> = {},
): void {
  program
    .command('doctor')
    .description(
      'what this machine lacks to run Fairweight, and what to do; changes nothing; 1 where something is missing',
    )
    .option('--home <folder>', 'the data folder (else FAIRWEIGHT_HOME, else .fairweight in the checkout)')
    .option('--port <number>', 'where it would serve', readPort, 8484)
    .option('--python <file>', 'an interpreter that has trainer/requirements.txt installed already')
    .option('--json', 'print the result as JSON')
    .action(async ({ home, port, python, json }: DoctorOptions) => {
      const findings = await examine({
        checkout,
        home: home === undefined ? openHome(checkout, process.env).root : resolve(home),
        port,
        python: python === undefined ? null : resolve(python),
        env: process.env,
        nodeVersion: process.versions.node,
        user: process.getuid?.(),
        memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Infinity),
        cores: availableParallelism(),
        now: () => new Date(),
        fetch: (input, init) => fetch(input, init),
        ...given,
      })
      print(json ? `${JSON.stringify({ format: 'fairweight/doctor/v1', findings })}\n` : doctorText(findings))
      process.exitCode = findings.some(({ state }) => state === 'missing') ? 1 : 0
    })
}

function doctorText(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ id, state, found, todo }) => [
    `${state.padEnd(8)} ${id.padEnd(12)} ${found}`,
    ...(todo === null ? [] : [`${' '.repeat(22)}→ ${todo}`]),
  ])
  const missing = findings.filter(({ state }) => state === 'missing').length
  const last =
    missing === 0 ? 'Nothing is missing: "npm start" can run.' : `${missing} missing: mend that first.`
  return `${[...lines, '', last].join('\n')}\n`
}

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return port
}
