/** Every lie, in the order of the claims. */
import type { Lie } from '../scene.ts'
import { dataLies } from './data.ts'
import { logLies } from './log.ts'
import { machineLies } from './machine.ts'
import { callLies, modelLies, payoutLies, receiptLies } from './money.ts'

export const lies: readonly Lie[] = [
  ...machineLies,
  ...dataLies,
  ...modelLies,
  ...callLies,
  ...payoutLies,
  ...logLies,
  ...receiptLies,
]
