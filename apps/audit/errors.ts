/** Why an audit could not even begin. Nothing here is a verdict: the exit code is 2, could not tell. */
export type ReadErrorCode =
  | 'usage'
  | 'unreachable'
  | 'refused'
  | 'too-large'
  | 'not-found'
  | 'unreadable'
  | 'moving'

export class ReadError extends Error {
  readonly code: ReadErrorCode
  constructor(code: ReadErrorCode, message: string) {
    super(message)
    this.name = 'ReadError'
    this.code = code
  }
}
