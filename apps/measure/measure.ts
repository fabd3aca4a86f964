/**
 * `fairweight measure [DIR]`: the registers that a simulated machine installed from this checkout reports.
 *
 * What a policy allows is a measurement; with this, anyone gets the same one from the same files.
 */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { installedTree } from '#adapters/simulated-machine'
import { measureTree } from '#simulator'

interface Options {
  readonly json?: true
  readonly files?: true
}

export interface MeasurePorts {
  readonly write: (text: string) => void
  /** The checkout that is measured where none is named. */
  readonly root: string
}

const PORTS: MeasurePorts = {
  write: (text) => void process.stdout.write(text),
  root: resolve(import.meta.dirname, '../..'),
}

export function registerMeasure(program: Command, ports: MeasurePorts = PORTS): void {
  program
    .command('measure')
    .description('print the measurement that a simulated machine takes of a checkout')
    .argument('[dir]', 'the checkout', ports.root)
    .option('--json', 'as one JSON object')
    .option('--files', 'list the measured files with their SHA-256')
    .action(async (dir: string, options: Options, command: Command) => {
      const directory = resolve(dir)
      const measured = await measureCheckout(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
        return command.error(
          `${directory} is no checkout of Fairweight: ${error.path ?? 'a part'} is missing`,
        )
      })
      ports.write(options.json ? asJson(measured, options) : asText(measured, options))
    })
}

export async function measureCheckout(directory: string) {
  const files = await installedTree(directory)
  const { mrTd, rtmr } = await measureTree(files)
  return { directory, files, mrTd, rtmr }
}

type Measured = Awaited<ReturnType<typeof measureCheckout>>

function asText({ directory, files, mrTd, rtmr }: Measured, options: Options): string {
  const registers = [['MRTD', mrTd], ...rtmr.map((value, place) => [`RTMR${place}`, value])]
  return [
    ...(options.files ? files.map(({ path, sha256 }) => `${sha256}  ${path}`) : []),
    ...registers.map(([name, value]) => `${name!.padEnd(5)}  ${value}`),
    `SIMULATED: RTMR3 measures the ${files.length} files installed in ${directory}; no hardware took part.`,
    '',
  ].join('\n')
}

function asJson({ files, mrTd, rtmr }: Measured, options: Options): string {
  const facts = { simulated: true, mrTd, rtmr, fileCount: files.length }
  return `${JSON.stringify(options.files ? { ...facts, files } : facts, null, 2)}\n`
}
