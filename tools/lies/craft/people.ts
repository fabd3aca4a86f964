/** Whom a lie is told about: contributors who were trained on, and calls that were answered. */
import { attribution, eventOf, trainingReceipt, type ReceiptEvent } from '#statements'
import { newest, type Tale, type TaleCall, type TaleContribution } from '../tale.ts'

/** Contributions that were trained on, in the order in which they were taken in: the first two, and more. */
export function trainedOn(tale: Tale): readonly [TaleContribution, TaleContribution, ...TaleContribution[]] {
  const leaves = tale.leaves.tokens[newest(tale, trainingReceipt).id] ?? []
  const [first, second, ...more] = tale.contributions
    .filter(({ key }) => leaves.some((leaf) => leaf.key === key && leaf.tokens > 0))
    .sort((one, other) => one.record.receipt.leafIndex - other.record.receipt.leafIndex)
  if (first === undefined || second === undefined)
    throw new Error('fewer than two contributors of this pool were trained on')
  return [first, second, ...more]
}

/** Who earns most, and somebody else. */
export function bestPaid(tale: Tale): readonly [TaleContribution, TaleContribution] {
  const shares = tale.leaves.shares[newest(tale, attribution).id] ?? []
  const shareOf = (one: TaleContribution) =>
    shares.find(({ contributor }) => contributor === one.contributor)?.share ?? 0
  const [most, other] = [...trainedOn(tale)].sort((one, another) => shareOf(another) - shareOf(one))
  return [most!, other!]
}

const WHOLE: readonly string[] = ['complete', 'length']

/** Calls of a trained model that were answered whole and in one piece, oldest first. */
export function plainCalls({ calls }: Tale): readonly TaleCall[] {
  return calls
    .filter(({ record }) => {
      const ended = eventOf(record.receipt, 'response.ended')
      const trained = eventOf(record.receipt, 'weights.loaded')?.serves === 'trained'
      return (
        trained &&
        ended !== undefined &&
        WHOLE.includes(ended.how) &&
        ended.marks === 0 &&
        record.response !== null
      )
    })
    .sort((one, other) => sequenceOf(one) - sequenceOf(other))
}

export function sequenceOf({ record }: TaleCall): number {
  return eventOf(record.receipt, 'usage.metered')?.sequence ?? 0
}

/** Changes an event of a call's receipt, before it is signed. */
export function editEvent<T extends ReceiptEvent['type']>(
  call: TaleCall,
  type: T,
  change: Partial<Extract<ReceiptEvent, { type: T }>>,
): void {
  for (const one of call.record.receipt.event_log) if (one.type === type) Object.assign(one, change)
}
