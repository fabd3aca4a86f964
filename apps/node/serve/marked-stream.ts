/**
 * A stream of server-sent events that proves itself as it goes (spec/stream-mark.md).
 *
 * Three hashes run over what is handed to the connection: the whole body for the receipt, the segment since the
 * last mark, and the chain of segments. Marks belong to the body and to no segment.
 */
import { createHash, type Hash } from 'node:crypto'
import { concatBytes, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import type { SigningKey } from '#seal'
import { encodeMark, extendChainByHash, signMark, startChain, type Ending } from '#statements'

export interface MarkedStreamOptions {
  /** Hands bytes to the connection and waits while it is full; false where the other side is gone. */
  readonly write: (bytes: Bytes) => Promise<boolean>
  readonly receiptId: string
  readonly requestHash: string
  readonly keysetDigest: string
  /** A key of the keyset's role `mark`. */
  readonly key: SigningKey
  readonly everyEvents: number
}

/** What a receipt says of a stream. */
export interface StreamSummary {
  readonly bodyHash: string
  readonly marks: number
  /** Null where no mark was sent. */
  readonly chain: string | null
}

/** The sentinel of OpenAI's streams; it follows the last mark and belongs to no segment. */
const DONE = encodeUtf8('data: [DONE]\n\n')

export class MarkedStream {
  readonly #options: MarkedStreamOptions
  readonly #body: Hash = createHash('sha256')
  #segment: Hash = createHash('sha256')
  #chain: Bytes
  #events = 0
  #unmarked = 0
  #marks = 0
  #closed = false
  // Events and marks leave one after the other, in the order in which they were asked for.
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: MarkedStreamOptions) {
    this.#options = options
    this.#chain = startChain(options.receiptId, options.requestHash, options.keysetDigest)
  }

  get events(): number {
    return this.#events
  }

  /** Sends one event with its blank line, and the mark that is due after it. */
  event(text: string): Promise<void> {
    return this.#inOrder(async () => {
      const bytes = encodeUtf8(text)
      if (!(await this.#options.write(bytes))) return
      this.#body.update(bytes)
      this.#extend(bytes)
      if (this.#unmarked >= this.#options.everyEvents) await this.#mark()
    })
  }

  /** Marks what is not marked yet; called when the time between marks is over. */
  tick(): Promise<void> {
    return this.#inOrder(() => this.#mark())
  }

  /**
   * The last bytes (the events given, the terminal mark, the sentinel of a good end) and the summary that covers
   * them. Nothing is written: the receipt must be durable before these bytes leave.
   */
  async finish(how: Ending, events: readonly string[]): Promise<StreamSummary & { readonly bytes: Bytes }> {
    let bytes: Bytes = encodeUtf8('')
    await this.#inOrder(async () => {
      const last = events.map(encodeUtf8)
      for (const event of last) this.#extend(event)
      const good = how === 'complete' || how === 'length'
      bytes = concatBytes(...last, await this.#signMark(how), ...(good ? [DONE] : []))
      this.#body.update(bytes)
    })
    return { ...(await this.cut()), bytes }
  }

  /** Ends without another byte, and says what was handed over. */
  async cut(): Promise<StreamSummary> {
    await this.#last
    this.#closed = true
    return {
      bodyHash: `sha256:${this.#body.copy().digest('hex')}`,
      marks: this.#marks,
      chain: this.#marks === 0 ? null : encodeHex(this.#chain),
    }
  }

  #extend(event: Bytes): void {
    this.#segment.update(event)
    this.#events += 1
    this.#unmarked += 1
  }

  async #mark(): Promise<void> {
    if (this.#unmarked === 0 || this.#closed) return
    // Signed first and counted afterwards: a mark that nobody could get is no mark.
    const chain = extendChainByHash(this.#chain, this.#segment.copy().digest())
    const bytes = await this.#encode(chain, null)
    if (!(await this.#options.write(bytes))) return
    this.#body.update(bytes)
    this.#advance(chain)
  }

  async #signMark(how: Ending): Promise<Bytes> {
    const chain = extendChainByHash(this.#chain, this.#segment.copy().digest())
    const bytes = await this.#encode(chain, how)
    this.#advance(chain)
    return bytes
  }

  #advance(chain: Bytes): void {
    this.#chain = chain
    this.#marks += 1
    this.#unmarked = 0
    this.#segment = createHash('sha256')
  }

  async #encode(chain: Bytes, ended: Ending | null): Promise<Bytes> {
    const { receiptId, key } = this.#options
    const fields = {
      receipt_id: receiptId,
      mark: this.#marks + 1,
      events: this.#events,
      chain: encodeHex(chain),
      ended,
      key_id: key.publicKey,
    }
    return encodeMark(await signMark(fields, key))
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    const next = this.#last.then(step)
    this.#last = next.catch(() => undefined)
    return next
  }
}
