/** What reading a contributor's file, or checking what a node answered, refuses. */
export type ContributingErrorCode =
  | 'format-unknown'
  | 'file-too-large'
  | 'columns-unknown'
  | 'columns-ambiguous'
  | 'file-empty'
  | 'row-empty'
  | 'utf8-invalid'
  | 'json-invalid'
  | 'json-duplicate-key'
  | 'csv-invalid'
  | 'question-missing'
  | 'structure-invalid'
  | 'parquet-invalid'
  | 'parquet-unsupported'
  | 'row-shape'
  | 'item-invalid'
  | 'text-empty'
  | 'payee-invalid'
  | 'receipt-unexpected'
  | 'proof-invalid'
  | 'party-request-invalid'

/** One row that cannot be contributed. It says where, never what the row holds. */
export interface RowProblem {
  readonly code: ContributingErrorCode
  readonly file: string
  /** From 1; the line on which the row starts, or the row of a file that has no lines. */
  readonly line: number
  readonly message: string
}

/**
 * *Fix the call* for everything about files and payees; *stop, this is not trusted* for
 * `receipt-unexpected`, `proof-invalid` and `party-request-invalid`.
 */
export class ContributingError extends Error {
  readonly code: ContributingErrorCode
  /** Every bad row of the file; empty where the error is not about rows. */
  readonly problems: readonly RowProblem[]
  constructor(code: ContributingErrorCode, message: string, problems: readonly RowProblem[] = []) {
    super(message)
    this.name = 'ContributingError'
    this.code = code
    this.problems = problems
  }
}

/** The error for a file with bad rows: the first one speaks, all are listed. Call with at least one. */
export function rowsError(problems: readonly RowProblem[]): ContributingError {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more rows)` : ''
  return new ContributingError(
    first?.code ?? 'row-shape',
    first === undefined ? 'no row' : `${first.file}:${first.line}: ${first.message}${more}`,
    problems,
  )
}
