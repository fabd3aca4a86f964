// The state machine of money against a model that keeps nothing but a list of what moved: whatever commands come in
// whatever order, both allow the same ones, and every balance is what the list adds up to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEvent, EMPTY_LEDGER, LedgerError, MAXIMUM_AMOUNT, type Ledger, type LedgerEvent } from '#ledger'

const ACCOUNTS = { world: 'external', ann: 'buyer', bob: 'buyer', sales: 'revenue', eve: 'payee' } as const
type Name = keyof typeof ACCOUNTS
const NAMES = Object.keys(ACCOUNTS) as Name[]

interface Moved {
  readonly from: Name
  readonly to: Name
  readonly amount: bigint
}

/** All that is known: what moved, what is held back, which ids are taken. */
interface Model {
  moved: Moved[]
  held: Map<string, Moved>
  taken: Set<string>
}

interface Real {
  ledger: Ledger
}

const sum = (of: readonly bigint[]) => of.reduce((all, one) => all + one, 0n)
const balanceIn = ({ moved }: Model, name: Name) =>
  sum(moved.map(({ from, to, amount }) => (to === name ? amount : 0n) - (from === name ? amount : 0n)))
const heldIn = ({ held }: Model, name: Name) =>
  sum([...held.values()].map(({ from, amount }) => (from === name ? amount : 0n)))
const canSpend = (model: Model, { from, to, amount }: Moved) =>
  from !== to &&
  amount >= 0n &&
  amount <= MAXIMUM_AMOUNT &&
  (from === 'world' || balanceIn(model, from) - heldIn(model, from) >= amount)

let allowedCommands = 0
let refusedCommands = 0

/** One command: what the model says of it, and the event that the ledger gets. */
class Command implements fc.Command<Model, Real> {
  readonly event: LedgerEvent
  readonly isAllowed: (model: Model) => boolean
  readonly change: (model: Model) => void

  constructor(event: LedgerEvent, isAllowed: (model: Model) => boolean, change: (model: Model) => void) {
    this.event = event
    this.isAllowed = isAllowed
    this.change = change
  }

  // Everything may be tried at any time: a refusal is an answer too.
  check(): boolean {
    return true
  }

  run(model: Model, real: Real): void {
    const isAllowed = this.isAllowed(model)
    const before = real.ledger
    try {
      real.ledger = applyEvent(real.ledger, this.event)
    } catch (error) {
      assert.ok(error instanceof LedgerError)
      assert.ok(!isAllowed, `refused ${this.toString()}: ${error.code}`)
      assert.equal(real.ledger, before)
      refusedCommands += 1
      return
    }
    assert.ok(isAllowed, `allowed ${this.toString()}`)
    allowedCommands += 1
    this.change(model)
    for (const name of NAMES) {
      const account = real.ledger.accounts.get(name)
      assert.deepEqual(
        { balance: account?.balance, reserved: account?.reserved },
        { balance: balanceIn(model, name), reserved: heldIn(model, name) },
        name,
      )
    }
  }

  toString(): string {
    return Object.values(this.event).map(String).join(' ')
  }
}

function begin(kind: 'transfer' | 'reserve', id: string, moved: Moved): Command {
  const event = { kind, id, debit: moved.from, credit: moved.to, amount: moved.amount }
  return new Command(
    event,
    (model) => !model.taken.has(id) && canSpend(model, moved),
    (model) => {
      model.taken.add(id)
      if (kind === 'reserve') model.held.set(id, moved)
      else model.moved.push(moved)
    },
  )
}

function post(id: string, amount: bigint): Command {
  return new Command(
    { kind: 'post', id, amount },
    ({ held }) => amount >= 0n && amount <= (held.get(id)?.amount ?? -1n),
    (model) => {
      model.moved.push({ ...model.held.get(id)!, amount })
      model.held.delete(id)
    },
  )
}

function release(id: string): Command {
  return new Command(
    { kind: 'void', id },
    ({ held }) => held.has(id),
    (model) => void model.held.delete(id),
  )
}

const anyName = fc.constantFrom(...NAMES)
const anyId = fc.nat({ max: 12 }).map(String)
const anyAmount = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt({ min: 0n, max: 60n }) },
  { weight: 1, arbitrary: fc.constantFrom(-1n, MAXIMUM_AMOUNT, MAXIMUM_AMOUNT + 1n) },
)
const anyMoved = fc.record({ from: anyName, to: anyName, amount: anyAmount })
const anyDeposit = fc.record({ from: fc.constant('world' as const), to: anyName, amount: anyAmount })

test('whatever is deposited, reserved, posted, voided and moved, ledger and list agree', () => {
  const commands = fc.commands(
    [
      fc.tuple(anyId, anyDeposit).map(([id, moved]) => begin('transfer', id, moved)),
      fc.tuple(anyId, anyMoved).map(([id, moved]) => begin('transfer', id, moved)),
      fc.tuple(anyId, anyMoved).map(([id, moved]) => begin('reserve', id, moved)),
      fc.tuple(anyId, anyAmount).map(([id, amount]) => post(id, amount)),
      anyId.map(release),
    ],
    { maxCommands: 60, size: 'max' },
  )
  fc.assert(
    fc.property(commands, (run) => {
      const open = (ledger: Ledger, id: Name) =>
        applyEvent(ledger, { kind: 'open', id, account: ACCOUNTS[id] })
      const ledger = NAMES.reduce(open, EMPTY_LEDGER)
      const model: Model = { moved: [], held: new Map(), taken: new Set() }
      fc.modelRun(() => ({ model, real: { ledger } }), run)
    }),
  )
  assert.ok(allowedCommands > 200 && refusedCommands > 200, `${allowedCommands} and ${refusedCommands}`)
})
