/** What the trees refuse. */
export type MerkleErrorCode =
  | 'leaf-invalid'
  | 'leaves-unordered'
  | 'leaf-duplicate'
  | 'leaf-absent'
  | 'key-present'
  | 'key-invalid'
  | 'hash-invalid'
  | 'index-invalid'
  | 'size-invalid'
  | 'path-length-invalid'
  | 'neighbours-invalid'
  | 'sum-range'
  | 'sum-mismatch'
  | 'root-mismatch'
  | 'proof-malformed'

/**
 * From a `verify…` function: stop, this is not trusted. From a function that builds or proves: fix the
 * call. None of these goes away by trying again.
 */
export class MerkleError extends Error {
  readonly code: MerkleErrorCode
  constructor(code: MerkleErrorCode, message: string) {
    super(message)
    this.name = 'MerkleError'
    this.code = code
  }
}
