export * from './age.ts'
export * from './dsse.ts'
export * from './errors.ts'
export * from './signing.ts'
