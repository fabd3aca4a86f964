import { ContributingError } from '../errors.ts'

/** Not what a writer of Parquet writes: cut off, changed, or made to harm whoever reads it. */
export function damaged(what: string): never {
  throw new ContributingError('parquet-invalid', `the Parquet file is damaged: ${what}`)
}

/** Parquet, but of a kind that is not read; `what` says what to write instead. */
export function unsupported(what: string): never {
  throw new ContributingError('parquet-unsupported', what)
}
