/**
 * Double entry as a pure state machine: what the database must do, in a page that can be read.
 *
 * A transfer is pending, then posted or voided; or posted at once. A pending one lowers what its debit account
 * may still spend and gives nobody anything. The sum of all balances is zero in every state.
 */
import { checkAmount } from './amount.ts'
import { LedgerError } from './errors.ts'

/**
 * `external` is the world outside, whose balance is minus what came in. `buyer` is prepaid, `revenue` earned and
 * not yet paid out, `payee` owed, `carry` left over from rounding.
 */
export const ACCOUNT_KINDS = ['external', 'buyer', 'revenue', 'payee', 'carry'] as const
export type AccountKind = (typeof ACCOUNT_KINDS)[number]

/** Only the outside world may owe. */
export function mayGoNegative(kind: AccountKind): boolean {
  return kind === 'external'
}

export interface Account {
  readonly id: string
  readonly kind: AccountKind
  /** Credits less debits, posted. */
  readonly balance: bigint
  /** Debits that are pending. */
  readonly reserved: bigint
}

export interface Transfer {
  readonly id: string
  readonly debit: string
  readonly credit: string
  readonly amount: bigint
  readonly state: 'pending' | 'posted' | 'voided'
  /** What moved: null until posted, at most `amount`. */
  readonly posted: bigint | null
}

export interface Ledger {
  readonly accounts: ReadonlyMap<string, Account>
  readonly transfers: ReadonlyMap<string, Transfer>
}

export type LedgerEvent =
  | { readonly kind: 'open'; readonly id: string; readonly account: AccountKind }
  | ({ readonly kind: 'transfer' | 'reserve' } & Pick<Transfer, 'id' | 'debit' | 'credit' | 'amount'>)
  | { readonly kind: 'post'; readonly id: string; readonly amount: bigint }
  | { readonly kind: 'void'; readonly id: string }

export const EMPTY_LEDGER: Ledger = { accounts: new Map(), transfers: new Map() }

/** The state after `event`. Throws {@link LedgerError}, and then nothing has changed. */
export function applyEvent(ledger: Ledger, event: LedgerEvent): Ledger {
  if (event.kind === 'open') return openAccount(ledger, event.id, event.account)
  if (event.kind === 'reserve') return begin(ledger, { ...transferOf(event), state: 'pending', posted: null })
  if (event.kind === 'transfer') {
    return begin(ledger, { ...transferOf(event), state: 'posted', posted: event.amount })
  }
  return resolve(ledger, event.id, event.kind === 'void' ? null : event.amount)
}

/** What an account may still spend. */
export function availableIn(ledger: Ledger, id: string): bigint {
  const { balance, reserved } = accountOf(ledger, id)
  return balance - reserved
}

/** The sum of all balances: zero, or the ledger is broken. */
export function trialBalanceOf(ledger: Ledger): bigint {
  return [...ledger.accounts.values()].reduce((all, { balance }) => all + balance, 0n)
}

function openAccount(ledger: Ledger, id: string, kind: AccountKind): Ledger {
  if (ledger.accounts.has(id)) throw new LedgerError('account-exists', `account ${id} is open already`)
  return withAccounts(ledger, [{ id, kind, balance: 0n, reserved: 0n }])
}

function begin(ledger: Ledger, transfer: Transfer): Ledger {
  const { id, debit, credit, amount } = transfer
  if (ledger.transfers.has(id)) throw new LedgerError('transfer-exists', `transfer ${id} exists`)
  if (debit === credit) throw new LedgerError('account-same', 'a transfer needs two accounts')
  checkAmount(amount)
  const source = accountOf(ledger, debit)
  const target = accountOf(ledger, credit)
  const begun = withTransfer(ledger, transfer)
  return transfer.posted === null
    ? withAccounts(begun, [{ ...source, reserved: source.reserved + amount }])
    : withAccounts(begun, moved(source, target, transfer.posted))
}

// Posts `amount` and releases the rest; null releases all.
function resolve(ledger: Ledger, id: string, amount: bigint | null): Ledger {
  const transfer = ledger.transfers.get(id)
  if (transfer === undefined) throw new LedgerError('transfer-unknown', `no transfer ${id}`)
  if (transfer.state !== 'pending') {
    throw new LedgerError('transfer-not-pending', `transfer ${id} is ${transfer.state}`)
  }
  if (amount !== null && (amount < 0n || amount > transfer.amount)) {
    throw new LedgerError('amount-invalid', `${amount} is not within the ${transfer.amount} reserved`)
  }
  const source = accountOf(ledger, transfer.debit)
  const freed = { ...source, reserved: source.reserved - transfer.amount }
  const resolved = withTransfer(ledger, {
    ...transfer,
    state: amount === null ? 'voided' : 'posted',
    posted: amount,
  })
  return withAccounts(resolved, moved(freed, accountOf(ledger, transfer.credit), amount ?? 0n))
}

function moved(source: Account, target: Account, amount: bigint): readonly Account[] {
  return [
    { ...source, balance: source.balance - amount },
    { ...target, balance: target.balance + amount },
  ]
}

function withTransfer(ledger: Ledger, transfer: Transfer): Ledger {
  return { ...ledger, transfers: new Map(ledger.transfers).set(transfer.id, transfer) }
}

function withAccounts(ledger: Ledger, changed: readonly Account[]): Ledger {
  const accounts = new Map(ledger.accounts)
  for (const account of changed) {
    if (!mayGoNegative(account.kind) && account.balance - account.reserved < 0n) {
      throw new LedgerError('balance-insufficient', `account ${account.id} does not hold that much`)
    }
    accounts.set(account.id, account)
  }
  return { ...ledger, accounts }
}

function accountOf(ledger: Ledger, id: string): Account {
  const account = ledger.accounts.get(id)
  if (account === undefined) throw new LedgerError('account-unknown', `no account ${id}`)
  return account
}

function transferOf({ id, debit, credit, amount }: Pick<Transfer, 'id' | 'debit' | 'credit' | 'amount'>) {
  return { id, debit, credit, amount }
}
