export * from './checkpoint.ts'
export { cosign } from './cosignature.ts'
export * from './errors.ts'
export {
  formatVerifierKey,
  noteSigner,
  parseVerifierKey,
  verifierKey,
  type KeyKind,
  type NoteSigner,
  type VerifierKey,
} from './keys.ts'
export * from './note.ts'
export * from './proof.ts'
export * from './tiles.ts'
export * from './witness.ts'
