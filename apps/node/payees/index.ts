export { allPayeeLinks, payeeChangesOf, payeeLinksOf } from './chain.ts'
export { registerPayees } from './routes.ts'
export { payeeMigrations } from './tables.ts'
export type { BetweenPayouts, NextPayout } from './take.ts'
