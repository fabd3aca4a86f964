/** What the person gave on the command line, read and checked. */
import { readFile as readBytes, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import {
  ContributingError,
  fileTooLarge,
  MAXIMUM_FILE_BYTES,
  payeeOf,
  readFile,
  type Columns,
  type ReadFile,
} from '#contributing'
import { readAnchors, StatementError, type Anchors, type Payee } from '#statements'
import { decompress } from './decompress.ts'
import { ContributeError } from './errors.ts'

const SHOWN_PROBLEMS = 20

/** Throws {@link ContributeError} 2 with each bad row, by file and line. */
export async function readFiles(paths: readonly string[], columns: Columns | undefined): Promise<ReadFile[]> {
  const files: ReadFile[] = []
  for (const path of paths) {
    const name = basename(path)
    let bytes: Buffer | undefined
    try {
      // Before a byte is read: memory is not what says no.
      if ((await stat(path)).size <= MAXIMUM_FILE_BYTES) bytes = await readBytes(path)
    } catch {
      throw new ContributeError(2, `${path} cannot be read: check the name.`)
    }
    try {
      if (bytes === undefined) throw fileTooLarge(name)
      files.push(readFile(name, new Uint8Array(bytes), columns, decompress))
    } catch (error) {
      if (!(error instanceof ContributingError)) throw error
      throw new ContributeError(2, describe(error))
    }
  }
  return files
}

/** `Q,A` → the two names. Throws {@link ContributeError} 2. */
export function readColumns(text: string | undefined): Columns | undefined {
  if (text === undefined) return undefined
  const [question, answer, ...more] = text.split(',')
  if (!question || !answer || more.length > 0 || question === answer) {
    throw new ContributeError(2, 'Give --columns as two names, for instance --columns Frage,Antwort.')
  }
  return [question, answer]
}

export function readPayee(text: string | undefined): Payee {
  try {
    return payeeOf(text)
  } catch (error) {
    if (!(error instanceof ContributingError)) throw error
    throw new ContributeError(2, `--payee: ${error.message}.`)
  }
}

export async function readAnchorsFile(path: string | undefined): Promise<Anchors | undefined> {
  if (path === undefined) return undefined
  try {
    return readAnchors(JSON.parse(await readBytes(path, 'utf8')))
  } catch (error) {
    const reason = error instanceof StatementError ? error.message : 'it is not a JSON file that can be read'
    throw new ContributeError(2, `--anchors ${path}: ${reason}.`)
  }
}

export function readPolicyDigest(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new ContributeError(
      2,
      'Give --policy as the policy’s digest: 64 hexadecimal digits, got from where you read it.',
    )
  }
  return text
}

function describe(error: ContributingError): string {
  if (error.problems.length === 0) return `Nothing was sent. ${error.message.replace(/\.$/, '')}.`
  const rows = error.problems
    .slice(0, SHOWN_PROBLEMS)
    .map((one) => `  ${one.file}:${one.line}: ${one.message}`)
  const more = error.problems.length - rows.length
  return [
    `Nothing was sent. Rows that cannot be contributed: ${error.problems.length}. Mend or remove them:`,
    ...rows,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join('\n')
}
