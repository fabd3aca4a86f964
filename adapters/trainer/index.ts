export * from './coalitions.ts'
export * from './run.ts'
export { TrainerFailure, type WorkerPlace } from './worker.ts'
