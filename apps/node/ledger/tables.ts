/**
 * The ledger's tables. The database itself keeps the rules of `#ledger`: a balance changes only through a transfer,
 * a transfer is never changed but resolved once, and only the outside world owes.
 *
 * Triggers guard against our own mistakes. Whoever owns the database can edit any row: what may be believed is
 * signed, and checked again before money follows it.
 */
import type { Generated } from 'kysely'
import type { AccountKind } from '#ledger'
import type { CoreTables, Database, Migrations, Tx } from '#node/core'

export type LedgerTables = {
  accounts: { id: string; kind: AccountKind; balance: Generated<bigint>; reserved: Generated<bigint> }
  transfers: {
    id: string
    debit: string
    credit: string
    amount: bigint
    state: 'pending' | 'posted' | 'voided'
    posted: bigint | null
    created_at: Date
    resolved_at: Date | null
  }
  ledger_currency: { singleton: Generated<boolean>; asset: string; scale: number }
  buyers: { id: string; name: string | null; created_at: Date }
  api_keys: KeyRow
  api_key_ends: KeyEndRow
  payments: PaymentRow
  invoices: { buyer: string; number: number; month: string; document: string }
  call_counters: { node: string; term: number; last: bigint; sealed: boolean }
  calls: CallRow
  usage_closes: { digest: string; period: number; closed_at: Date }
  usage_ranges: {
    close: string
    place: number
    node: string
    term: number
    first: bigint
    last: bigint
    final: boolean
  }
  attributions: { digest: string; model: string; seal: string; position: Generated<bigint> }
  attribution_leaves: { attribution: string; contributor: string; share: bigint; leaf: string; proof: string }
  payouts: { digest: string; usage_close: string; position: Generated<bigint> }
  payout_leaves: { payout: string; payee: string; leaf: string; proof: string }
}

export type KeyRow = {
  id: string
  hash: string
  buyer: string
  made_by: 'operator' | 'buyer'
  created_at: Date
  /** Keyed hash over the rest; null in rows that no node of this pool wrote. */
  code: string | null
}

/** What ended a key: at the earliest `valid_until` of its rows. */
export type KeyEndRow = {
  key: string
  buyer: string
  kind: 'rotation' | 'revocation'
  by: 'operator' | 'buyer'
  replaced_by: string | null
  valid_until: Date
  at: Date
  code: string
}

/** What a transfer from or to the outside was. */
export type PaymentRow = {
  transfer: string
  buyer: string
  kind: 'top-up' | 'refund'
  reference: string
  amount: bigint
  at: Date
  code: string
}

export type CallRow = {
  id: string
  node: string
  term: number
  sequence: bigint
  buyer: string
  transfer: string
  receipt_id: string
  chat_id: string
  name: string
  model: string
  serves: 'base' | 'trained'
  prompt_per_million: bigint
  completion_per_million: bigint
  /** `unfinished`: its node died before the answer ended; it costs nothing and has no receipt. */
  state: 'open' | 'settled' | 'unfinished'
  prompt_tokens: bigint | null
  completion_tokens: bigint | null
  amount: bigint | null
  receipt: string | null
  receipt_digest: string | null
  /** Keyed hash over what the call came to; null while it is open. */
  code: string | null
  admitted_at: Date
  settled_at: Date | null
  position: Generated<bigint>
}

export type LedgerDatabase = Database<CoreTables & LedgerTables>
export type LedgerTx = Tx<CoreTables & LedgerTables>

export const ledgerMigrations: Migrations = {
  '0100-ledger-accounts': `
    create table accounts (
      id text primary key,
      kind text not null check (kind in ('external', 'buyer', 'revenue', 'payee', 'carry')),
      balance bigint not null default 0,
      reserved bigint not null default 0 check (reserved >= 0),
      constraint accounts_not_overdrawn check (kind = 'external' or balance - reserved >= 0)
    );
    create table transfers (
      id text primary key,
      debit text not null references accounts,
      credit text not null references accounts,
      amount bigint not null constraint transfers_amount check (amount >= 0),
      state text not null check (state in ('pending', 'posted', 'voided')),
      posted bigint,
      created_at timestamptz not null,
      resolved_at timestamptz,
      constraint transfers_accounts check (debit <> credit),
      constraint transfers_posted check (posted between 0 and amount),
      check ((state = 'posted') = (posted is not null)),
      check ((state = 'pending') = (resolved_at is null))
    );
    create index transfers_by_debit on transfers (debit);
    create index transfers_by_credit on transfers (credit);

    create function ledger_refuse() returns trigger language plpgsql as $$
    begin
      raise exception '% on % is not allowed', tg_op, tg_table_name using errcode = 'FW001';
    end $$;

    create function transfers_resolve_once() returns trigger language plpgsql as $$
    begin
      if old.state <> 'pending' or new.state = 'pending'
        or (new.id, new.debit, new.credit, new.amount, new.created_at)
          is distinct from (old.id, old.debit, old.credit, old.amount, old.created_at) then
        raise exception 'a transfer is resolved once and otherwise never changed' using errcode = 'FW001';
      end if;
      return new;
    end $$;

    create function transfers_move() returns trigger language plpgsql as $$
    declare
      held bigint := 0;
    begin
      if new.state = 'pending' then held := new.amount; end if;
      if tg_op = 'UPDATE' then held := -old.amount; end if;
      -- Always in one order, or two transfers between the same two accounts could wait for each other.
      perform 1 from accounts where id in (new.debit, new.credit) and (id = new.debit or new.posted > 0)
        order by id for no key update;
      update accounts set reserved = reserved + held, balance = balance - coalesce(new.posted, 0)
        where id = new.debit;
      if new.posted > 0 then
        update accounts set balance = balance + new.posted where id = new.credit;
      end if;
      return null;
    end $$;

    create function accounts_through_transfers() returns trigger language plpgsql as $$
    begin
      if (new.balance, new.reserved, new.kind, new.id) is distinct from (old.balance, old.reserved, old.kind, old.id)
        and pg_trigger_depth() < 2 then
        raise exception 'a balance changes only through a transfer' using errcode = 'FW001';
      end if;
      return new;
    end $$;

    create trigger transfers_resolve_once before update on transfers
      for each row execute function transfers_resolve_once();
    create trigger transfers_move after insert or update on transfers
      for each row execute function transfers_move();
    create trigger transfers_stay before delete on transfers for each row execute function ledger_refuse();
    create trigger transfers_stay_all before truncate on transfers
      for each statement execute function ledger_refuse();
    create trigger accounts_through_transfers before update on accounts
      for each row execute function accounts_through_transfers();
    create trigger accounts_stay before delete on accounts for each row execute function ledger_refuse();

    insert into accounts (id, kind) values ('external', 'external'), ('revenue', 'revenue'), ('carry', 'carry');
    create table ledger_currency (
      singleton boolean primary key default true check (singleton),
      asset text not null,
      scale integer not null
    );`,
  '0100-ledger-calls': `
    create table buyers (id text primary key, name text, created_at timestamptz not null);
    create table api_keys (
      id text primary key,
      hash text not null check (hash ~ '^[0-9a-f]{64}$'),
      buyer text not null references buyers,
      created_at timestamptz not null
    );
    create table call_counters (
      node text not null,
      term integer not null,
      last bigint not null check (last >= 0),
      sealed boolean not null default false,
      primary key (node, term)
    );
    create table calls (
      id text primary key,
      node text not null,
      term integer not null,
      sequence bigint not null check (sequence >= 1),
      buyer text not null references buyers,
      transfer text not null unique references transfers,
      receipt_id text not null unique,
      chat_id text not null,
      name text not null,
      model text not null,
      serves text not null check (serves in ('base', 'trained')),
      prompt_per_million bigint not null,
      completion_per_million bigint not null,
      state text not null check (state in ('open', 'settled', 'unfinished')),
      prompt_tokens bigint check (prompt_tokens >= 0),
      completion_tokens bigint check (completion_tokens >= 0),
      amount bigint check (amount >= 0),
      receipt text,
      receipt_digest text,
      code text,
      admitted_at timestamptz not null,
      settled_at timestamptz,
      position bigint generated always as identity,
      unique (node, term, sequence),
      check ((state = 'settled') = (receipt is not null)),
      check ((state = 'open') = (receipt_digest is null)),
      check ((state = 'open') = (code is null)),
      check ((state = 'open') = (amount is null)),
      check ((state = 'open') = (settled_at is null)),
      check (state <> 'unfinished' or amount = 0)
    );
    create index calls_open on calls (node, term, sequence) where state = 'open';
    create index calls_of_buyer on calls (buyer, position);
    create index calls_of_chat on calls (buyer, chat_id);

    create function calls_end_once() returns trigger language plpgsql as $$
    begin
      if old.state <> 'open' or new.state = 'open'
        or (new.id, new.node, new.term, new.sequence, new.buyer, new.transfer, new.model, new.serves)
          is distinct from (old.id, old.node, old.term, old.sequence, old.buyer, old.transfer, old.model, old.serves)
        then raise exception 'a call ends once and otherwise never changes' using errcode = 'FW001';
      end if;
      return new;
    end $$;
    create trigger calls_end_once before update on calls for each row execute function calls_end_once();
    create trigger calls_stay before delete on calls for each row execute function ledger_refuse();`,
  '0100-ledger-statements': `
    create table usage_closes (
      digest text primary key references statements,
      period integer not null unique check (period >= 1),
      closed_at timestamptz not null
    );
    create table usage_ranges (
      close text not null references usage_closes,
      place integer not null,
      node text not null,
      term integer not null,
      first bigint not null,
      last bigint not null,
      final boolean not null,
      primary key (close, place),
      unique (close, node, term),
      check (last >= first - 1)
    );
    create table attributions (
      digest text primary key references statements,
      model text not null,
      seal text not null,
      position bigint generated always as identity
    );
    create index attributions_of_model on attributions (model, position);
    create table attribution_leaves (
      attribution text not null references attributions,
      contributor text not null,
      share bigint not null check (share between 0 and 1000000000),
      leaf text not null,
      proof text not null,
      primary key (attribution, contributor)
    );
    create index attribution_leaves_of on attribution_leaves (contributor);
    create table payouts (
      digest text primary key references statements,
      usage_close text not null unique references usage_closes,
      position bigint generated always as identity
    );
    create table payout_leaves (
      payout text not null references payouts,
      payee text not null,
      leaf text not null,
      proof text not null,
      primary key (payout, payee)
    );
    create index payout_leaves_of on payout_leaves (payee);`,
  '0110-ledger-keys': `
    alter table api_keys
      add column made_by text not null default 'operator' check (made_by in ('operator', 'buyer')),
      add column code text;
    alter table api_keys alter column made_by drop default;
    create index api_keys_of on api_keys (buyer, created_at);
    create table api_key_ends (
      key text not null references api_keys,
      buyer text not null references buyers,
      kind text not null check (kind in ('rotation', 'revocation')),
      by text not null check (by in ('operator', 'buyer')),
      replaced_by text references api_keys check (replaced_by <> key),
      valid_until timestamptz not null,
      at timestamptz not null,
      code text not null,
      primary key (key, kind),
      check ((kind = 'rotation') = (replaced_by is not null))
    );
    create trigger api_keys_stay before update or delete on api_keys
      for each row execute function ledger_refuse();
    create trigger api_key_ends_stay before update or delete on api_key_ends
      for each row execute function ledger_refuse();`,
  '0120-ledger-payments': `
    create table payments (
      transfer text primary key references transfers,
      buyer text not null references buyers,
      kind text not null check (kind in ('top-up', 'refund')),
      reference text not null,
      amount bigint not null check (amount > 0),
      at timestamptz not null,
      code text not null
    );
    create index payments_of on payments (buyer, at);
    create index calls_settled on calls (buyer, settled_at) where state = 'settled';
    create trigger payments_stay before update or delete on payments
      for each row execute function ledger_refuse();`,
  '0130-ledger-invoices': `
    create table invoices (
      buyer text not null references buyers,
      number integer not null check (number >= 1),
      month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
      document text not null,
      primary key (buyer, number),
      unique (buyer, month)
    );
    create trigger invoices_stay before update or delete on invoices
      for each row execute function ledger_refuse();`,
}

export function ledgerTables(database: Database): LedgerDatabase {
  return database.withTables<LedgerTables>()
}

export function ledgerTx(tx: Tx): LedgerTx {
  return tx.withTables<LedgerTables>()
}
