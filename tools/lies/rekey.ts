/**
 * The same pool, told from the start: by keys of each term that the liar made himself.
 *
 * The keys of a term died with it. But evidence of simulated hardware can be made anew, over the same measurement and at
 * the same times, and everything the term has signed can be signed again. Nothing else changes.
 */
import type { Machine } from '#node/core'
import { evidence, keysInRole, ROLES, termName, type Keyset } from '#statements'
import type { Liar } from './liar.ts'
import { linesOf, type Tale } from './tale.ts'

export async function rekeyed(tale: Tale, liar: Liar): Promise<Tale> {
  const retold = structuredClone(tale)
  const machines = new Map<string, Machine>()
  for (const line of linesOf(retold.lines, evidence)) {
    const { keyset, nonce, takenAt, aciKeyset } = line.predicate
    const machine = machines.get(termName(keyset)) ?? (await termLike(keyset, liar))
    machines.set(termName(keyset), machine)
    for (const role of ROLES) {
      const now = keysInRole(machine.keyset, role)
      for (const [at, key] of keysInRole(keyset, role).entries()) retold.names[key] = now[at]!
    }
    retold.names[bare(keyset.aci)] = bare(machine.keyset.aci)
    line.predicate = await liar.evidence(machine, nonce, new Date(takenAt))
    // The ACI keyset's date is part of its digest, and receipts are checked against both.
    if (line.predicate.aciKeyset.not_after !== aciKeyset.not_after) throw new Error('a term has other dates')
  }
  const nameOf = (key: string) => retold.names[key] ?? key
  for (const line of retold.lines) line.signer = nameOf(line.signer)
  for (const call of retold.calls) call.signer = nameOf(call.signer)
  return retold
}

async function termLike(keyset: Keyset, liar: Liar): Promise<Machine> {
  const startedAt = new Date(keyset.issuedAt)
  const keysetSeconds = (Date.parse(keyset.notAfter) - startedAt.getTime()) / 1000
  return liar.startTerm({ node: keyset.node, term: keyset.term, startedAt, keysetSeconds })
}

function bare(digest: string): string {
  return digest.replace('sha256:', '')
}
