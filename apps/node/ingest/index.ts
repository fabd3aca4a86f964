export {
  acceptedBundles,
  createIntake,
  IntakeError,
  type AcceptedBundle,
  type IntakeErrorCode,
  type IntakeSnapshot,
} from './intake.ts'
export type { PartyLeaves, PartySource } from './record.ts'
export { registerIngest, type RegisterIngestOptions } from './routes.ts'
export { ingestMigrations } from './tables.ts'
