/** C7: what the payout contract holds covers what it still owes. There is no contract rail to ask about. */
import { Findings } from './findings.ts'
import type { Draft } from './pool.ts'

export function c7(): Draft {
  const findings = new Findings()
  findings.check('c7.contract', 'this pool pays by signed statements, not through a contract')
  return { findings, summary: 'this pool pays by signed statements, not through a contract', restsOn: [] }
}
