export { openAccount, type Account } from './account.ts'
export { describeEstimate, describeMissing, lastEarned, missingOf, type Missing } from './estimate.ts'
export * from './errors.ts'
export { quoteNames } from './names.ts'
export * from './offer.ts'
export * from './party-request.ts'
export { openPayeeLinks, openPayeeReceipt } from './payees.ts'
export {
  glancePersonalData,
  PERSONAL_KINDS,
  type PersonalFinding,
  type PersonalKind,
} from './personal-data.ts'
export type { Codec, Decompress } from './parquet/index.ts'
export {
  fileTooLarge,
  KNOWN_COLUMNS,
  MAXIMUM_FILE_BYTES,
  READ_FORMATS,
  readFile,
  type Columns,
  type ReadFile,
  type SourcedItem,
} from './read-file.ts'
export { openReceipt, type Expected } from './receipt.ts'
export * from './tokens.ts'
