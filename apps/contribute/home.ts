/**
 * A contributor's own folder: key, contributions, and what is under way. Files are whole or absent.
 *
 * `contributor-key` is the one secret that lasts: who has it can speak as this contributor.
 */
import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readIfPresent, writeDurably } from '#adapters/tlog-files'
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { signingKeyFromSeed, type SigningKey } from '#seal'
import { ContributeError } from './errors.ts'

const PRIVATE = 0o600

export class Home {
  readonly folder: string

  constructor(folder?: string) {
    this.folder = folder ?? process.env['FAIRWEIGHT_HOME'] ?? join(homedir(), '.fairweight')
  }

  /** The contributor's key, made at the first use. */
  async key(random: (length: number) => Bytes): Promise<SigningKey> {
    const path = join(this.folder, 'contributor-key')
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    if ((await this.readBytes('contributor-key')) === undefined) {
      const draft = `contributor-key.${encodeHex(random(8))}`
      await this.writeBytes(draft, encodeUtf8(`${encodeHex(random(32))}\n`))
      // Of two commands at once, one gives the name; a name is never given to half a file.
      await link(join(this.folder, draft), path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      await this.remove(draft)
    }
    const text = (await readFile(path, 'utf8')).trim()
    if (!/^[0-9a-f]{64}$/.test(text)) {
      throw new ContributeError(
        1,
        `${path} holds no key: restore it from your backup, or remove it to begin anew.`,
      )
    }
    return signingKeyFromSeed(decodeHex(text))
  }

  async readJson<Value>(name: string): Promise<Value | undefined> {
    const bytes = await this.readBytes(name)
    if (bytes === undefined) return undefined
    try {
      return JSON.parse(decodeUtf8(bytes)) as Value
    } catch {
      const path = join(this.folder, name)
      throw new ContributeError(1, `${path} is damaged: restore it from your backup, or move it away.`)
    }
  }

  async readBytes(name: string): Promise<Bytes | undefined> {
    return (await readIfPresent(this.folder, name)) ?? undefined
  }

  writeJson(name: string, value: unknown): Promise<void> {
    return this.writeBytes(name, encodeUtf8(`${JSON.stringify(value, null, 2)}\n`))
  }

  writeBytes(name: string, bytes: Bytes): Promise<void> {
    return writeDurably(this.folder, name, bytes, PRIVATE)
  }

  async remove(...names: readonly string[]): Promise<void> {
    for (const name of names) await rm(join(this.folder, name), { force: true })
  }

  /** Every JSON file of a subfolder. */
  async list<Value>(subfolder: string): Promise<Value[]> {
    const names = await readdir(join(this.folder, subfolder)).catch(() => [])
    const values: Value[] = []
    for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
      values.push((await this.readJson<Value>(join(subfolder, name)))!)
    }
    return values
  }
}
