/** What the log on files refuses. */
export type LogFilesErrorCode =
  | 'locked'
  | 'closed'
  | 'write-failed'
  | 'head-invalid'
  | 'tiles-mismatch'
  | 'rolled-back'
  | 'entry-corrupt'
  | 'entry-too-long'
  | 'index-invalid'
  | 'not-published'
  | 'quorum-missed'

/**
 * `entry-too-long`, `index-invalid`, `not-published`, `closed`: fix the call. `locked`, `write-failed`,
 * `quorum-missed`: try again, after `write-failed` by opening the log anew. Every other code: stop, the files
 * are not what this log wrote.
 */
export class LogFilesError extends Error {
  readonly code: LogFilesErrorCode
  constructor(code: LogFilesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LogFilesError'
    this.code = code
  }
}
