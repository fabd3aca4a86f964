/** The closed list of statement kinds; also the type tags of the log. */
export const STATEMENT_KINDS = [
  'policy',
  'evidence',
  'offer',
  'contribution-receipt',
  'manifest',
  'training-receipt',
  'attribution',
  'fidelity',
  'usage-close',
  'payout',
  'withdrawal',
  'withdrawal-receipt',
  'payee-change',
  'payee-cancellation',
  'payee-receipt',
  'dispute',
  'dispute-receipt',
  'dispute-answer',
] as const
export type KindName = (typeof STATEMENT_KINDS)[number]
