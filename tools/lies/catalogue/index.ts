/** Every lie, in the order of the claims. */
import type { Lie } from '../scene.ts'
import { bundleLies } from './bundles.ts'
import { callLies } from './calls.ts'
import { logLies } from './log.ts'
import { machineLies } from './machine.ts'
import { modelLies } from './models.ts'
import { payoutLies } from './payouts.ts'
import { receiptLies } from './receipts.ts'
import { shareLies } from './shares.ts'

export const lies: readonly Lie[] = [
  ...machineLies,
  ...bundleLies,
  ...shareLies,
  ...modelLies,
  ...callLies,
  ...payoutLies,
  ...logLies,
  ...receiptLies,
]
