/**
 * Reads members of signed JSON documents, each of one type and inside its bounds.
 *
 * The signature covers the text, so it is checked before the text is parsed; these readers make sure
 * that what the vendor signed has the shape that the rules assume.
 */
import { decodeHex, parseJson, type Bytes, type Json } from '#bytes'
import { AttestationError } from './errors.ts'

export class JsonObject {
  readonly #members: { readonly [key: string]: Json }

  /** Throws {@link AttestationError} unless `value` is an object. */
  constructor(value: Json | undefined, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(`${what} is no object`)
    this.#members = value as { readonly [key: string]: Json }
  }

  static parse(text: string, what: string): JsonObject {
    return new JsonObject(parseJson(text), what)
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#members, key)
  }

  text(key: string): string {
    const value = this.#get(key)
    if (typeof value !== 'string') throw invalid(`${key} is no text`)
    return value
  }

  integer(key: string, maximum: number): number {
    const value = this.#get(key)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maximum) {
      throw invalid(`${key} is no integer from 0 to ${maximum}`)
    }
    return value
  }

  /** Hexadecimal of `length` bytes; vendors write both cases. */
  bytes(key: string, length: number): Bytes {
    const bytes = decodeHex(this.text(key).toLowerCase())
    if (bytes.length !== length) throw invalid(`${key} has ${bytes.length} bytes, not ${length}`)
    return bytes
  }

  object(key: string): JsonObject {
    return new JsonObject(this.#get(key), key)
  }

  objects(key: string): readonly JsonObject[] {
    return this.#list(key).map((value) => new JsonObject(value, key))
  }

  texts(key: string): readonly string[] {
    return this.#list(key).map((value) => {
      if (typeof value !== 'string') throw invalid(`${key} holds what is no text`)
      return value
    })
  }

  #list(key: string): readonly Json[] {
    const value = this.#get(key)
    if (!Array.isArray(value)) throw invalid(`${key} is no list`)
    return value as readonly Json[]
  }

  #get(key: string): Json | undefined {
    return this.has(key) ? this.#members[key] : undefined
  }
}

const invalid = (message: string) => new AttestationError('collateral-invalid', message)
