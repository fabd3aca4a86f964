export * from './ports.ts'
export * from './render.ts'
