export * from './canonical.ts'
export * from './encodings.ts'
export * from './errors.ts'
export * from './hash.ts'
