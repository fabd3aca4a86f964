/**
 * `npm start`: private data of five contributors becomes a trained, served, paid and audited model.
 *
 * Every step looks at what is there and does what is missing, so that a second run, or one after a kill, goes on
 * where the first one was.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sharesPicture } from '#attribution'
import { TOTAL_SHARES, type Anchors, type Policy, type Statement } from '#statements'
import {
  buyerNames,
  callPath,
  callWithoutCredit,
  makeCall,
  openBuyer,
  planCalls,
  type Buyer,
} from './buyers.ts'
import {
  contribute,
  fetchStatement,
  readContributors,
  type Contributor,
  type StatementOfContributor,
} from './contributors.ts'
import { holdHome, removeRuns, writeJson, type Home } from './home.ts'
import { machineFacts, openOperator, openPolicy } from './operator.ts'
import { operatorClient, type OperatorClient } from './operator-client.ts'
import { isAllowed, startNodeService, startWitness } from './pool.ts'
import { trainPool } from './run.ts'
import { runCommand, type Service } from '../service/children.ts'
import type { Screen } from './screen/index.ts'
import {
  ensurePython,
  preflight,
  requireDatabase,
  requirePackages,
  requireTrainerPackages,
  SetupError,
} from './setup/index.ts'
import { namedBase, pinnedBase } from './base.ts'
import { newestTraining, summary } from './summary.ts'

export interface StartOptions {
  readonly home: Home
  readonly screen: Screen
  readonly port: number
  /** A GGUF to train and serve instead of the pinned base. */
  readonly weights: string | null
  /** An interpreter that has the trainer's requirements already. */
  readonly python: string | null
  /** Ends after the audit, with its code; otherwise serving goes on. */
  readonly once: boolean
  readonly fresh: boolean
  /** Resolves when somebody asked to stop. */
  readonly stopped: Promise<void>
}

/** The exit code of who was asked to stop before the work was done, as shells have it. */
export const STOPPED = 130

/** The exit code: the audit's, 0 after serving, or {@link STOPPED}. */
export async function start(options: StartOptions): Promise<number> {
  const { home, screen } = options
  await assertReady(options)
  const lock = await holdHome(home)
  const stop = new AbortController()
  const closers: (() => Promise<void>)[] = []
  const lost = watchServices(home)
  try {
    if (options.fresh) await removeRuns(home)
    const stopped = options.stopped.then(() => stop.abort())
    const work = workThrough(options, closers, lost.watch, stop.signal).catch(lost.explain)
    const done = await Promise.race([work, stopped, lost.first])
    if (done === undefined) return STOPPED
    if (options.once) return done.code
    screen.say(`\nServing at ${done.url}/v1 (an OpenAI base URL). Ctrl-C stops it; run again to go on.`)
    await Promise.race([stopped, lost.first])
    return 0
  } finally {
    for (const close of closers.toReversed()) await close()
    lock.release()
  }
}

/** What is told where a service ends that nobody asked to. */
function watchServices(home: Home) {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  const say = (name: string) =>
    `The ${name} ended by itself: ${home.path('diagnostics')} may say why. Run this again and it goes on where it was.`
  return {
    /** Rejects when the first one has ended. */
    first: promise,
    watch: (name: string, { ended }: Service) => void ended.then(() => reject(new Error(say(name)))),
    /** Throws that rather than what came of it, such as a refused connection. */
    explain: async (consequence: unknown): Promise<never> => {
      await Promise.race([promise, sleep(300)])
      throw consequence
    },
  }
}

/** Throws, with nothing changed, where something is missing or in the way. */
async function assertReady({ home, port, python, weights, fresh }: StartOptions): Promise<void> {
  requirePackages(home.checkout, home.database === null)
  // What the first run leaves, the converted base model most of all; later ones add little.
  const spareBytes = existsSync(home.path('cache')) ? 100e6 : 700e6
  try {
    await preflight({ home: home.root, port, python: python === null, weights: weights === null, spareBytes })
  } catch (error) {
    // A second start on one folder is told so, and not that some program has the port.
    const busy = error instanceof SetupError && error.code === 'port-busy'
    if (busy && existsSync(home.root)) (await holdHome(home)).release()
    throw error
  }
  if (python !== null) await requireTrainerPackages(python)
  if (home.database !== null) await requireDatabase(home.database, fresh)
}

interface Done {
  /** The audit's. */
  readonly code: number
  readonly url: string
}

async function workThrough(
  options: StartOptions,
  closers: (() => Promise<void>)[],
  watch: (name: string, service: Service) => void,
  signal: AbortSignal,
): Promise<Done> {
  const { home, screen, port } = options
  const python =
    options.python ??
    (await screen.step('Setting up the training environment', async (report) => {
      const source = join(home.checkout, 'trainer')
      return (await ensurePython({ home: home.root, source, tests: false, report, say: screen.say, signal }))
        .python
    }))
  const base = await screen.step('Fetching the base model', (report) =>
    options.weights === null ? pinnedBase(home.root, python, report, signal) : namedBase(options.weights),
  )

  const now = () => new Date()
  const operator = await openOperator(home)
  const machine = await machineFacts(home, now)
  const witness = await startWitness(home, machine)
  closers.push(witness.stop)
  watch('witness', witness)
  const policy = await openPolicy(home, operator, machine, witness.facts, base, now())
  if (!isAllowed(policy.predicate, machine)) {
    screen.say(
      'The program that is installed is not the one that the policy allows. It runs all the same, and A2 is red from now on: ' +
        'that is what the audit is for. With --fresh a new pool starts, whose policy allows it.',
    )
  }
  await writeJson(home.path('auditor', 'anchors.json'), anchorsOf(policy))
  const node = await screen.step('Starting the confidential node (SIMULATED hardware)', () =>
    startNodeService(home, operator, policy, witness, machine, { python, weights: base.path, port }),
  )
  closers.push(node.stop)
  watch('node', node)
  const client = operatorClient(node.url, operator.token)

  const contributors = await readContributors(home)
  const gave = await screen.step('Contributing: verify, seal, upload', async (report) => {
    const all = []
    for (const [at, who] of contributors.entries()) {
      report({ done: at, total: contributors.length, unit: 'contributors', detail: who.name })
      all.push(await contribute(home, node.url, policy.digest, who))
    }
    return all
  })

  await trainPool(home, policy.predicate, client, (title, work) => screen.step(title, work)).catch(
    (error: Error) => {
      if (!error.message.startsWith('The run failed')) throw error
      throw new Error(
        `${error.message} Memory or disk may have run out; ${home.path('diagnostics')} may say more. Run this again: what was contributed is kept.`,
        { cause: error },
      )
    },
  )
  await screen.step('Earning: 30 paid calls by three buyers', (report) =>
    earn(home, node.url, client, report),
  )
  await screen.step('Closing the period and paying out', async () => {
    await client.post('/v1/operator/closes')
    const { payouts } = await client.post('/v1/operator/payouts')
    await keepBankFiles(home, client, payouts as string[])
  })
  const statements = await screen.step('Contributors verify what they are paid', async (report) => {
    const all = []
    for (const [at, who] of contributors.entries()) {
      report({ done: at, total: contributors.length, unit: 'contributors', detail: who.name })
      all.push(await fetchStatement(home, node.url, policy.digest, who))
    }
    return all
  })
  // Where the program is not the policy's, contributors refuse to deal with it, and that is right.
  const refused = statements.find((one) => one.refused !== null)?.refused
  if (refused) screen.say(`Contributors refuse to go on. ${refused}`)
  const audited = await screen.step('Auditing, as a stranger would', () => audit(home, node.url))
  await drawShares(home, contributors, statements)
  screen.say(
    summary({
      contributors: contributors.map((who, at) => ({ who, gave: gave[at]!, stated: statements[at]! })),
      training: await newestTraining(node.url),
      url: node.url,
      home: home.root,
      environment: await writeEnvironment(home, node.url),
    }),
  )
  screen.say(`\n${audited.text}`)
  screen.say(
    `\nTimes\n${screen
      .timings()
      .map(({ title, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${title}`)
      .join('\n')}`,
  )
  return { code: audited.code, url: node.url }
}

/** What an auditor of the example is told by other ways than the node. */
function anchorsOf({ digest, predicate }: Statement<Policy>): Anchors {
  return {
    format: 'fairweight/anchors/v1',
    policy: digest,
    operator: predicate.operator.publicKey,
    witnesses: predicate.log.witnesses,
    quorum: predicate.log.quorum,
    simulatedRoots: predicate.trust.roots.filter(({ simulated }) => simulated).map(({ sha256 }) => sha256),
    checkpoint: null,
  }
}

/** A picture of the shares, for who would rather look than read. */
async function drawShares(
  home: Home,
  contributors: readonly Contributor[],
  statements: readonly StatementOfContributor[],
): Promise<void> {
  const utility = statements.reduce((sum, { measured }) => sum + Math.max(measured?.score?.mean ?? 0, 0), 0)
  const shares = contributors.map(({ name }, at) => {
    const { share, measured } = statements[at]!
    const error = measured?.score && utility > 0 ? (measured.score.error / utility) * TOTAL_SHARES : null
    return { name, share, error: error && Math.round(error) }
  })
  await writeFile(home.path('operator', 'shares.svg'), sharesPicture('Who earns which part', shares))
}

/** The operator's files for the bank, one a payout. */
async function keepBankFiles(home: Home, client: OperatorClient, payouts: readonly string[]): Promise<void> {
  for (const digest of payouts) {
    const csv = await client.text(`/v1/operator/payouts/${digest}.csv`)
    await writeFile(home.path('operator', `payout-${digest.slice(0, 16)}.csv`), csv, { mode: 0o600 })
  }
}

async function earn(
  home: Home,
  url: string,
  client: OperatorClient,
  report: Parameters<Parameters<Screen['step']>[1]>[0],
): Promise<void> {
  const questions = (await readFile(join(home.example, 'questions.jsonl'), 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => (JSON.parse(line) as { question: string }).question)
  const buyers = new Map<string, Buyer>()
  for (const name of buyerNames) buyers.set(name, await openBuyer(home, client, name))
  const calls = planCalls(questions)
  for (const [at, call] of calls.entries()) {
    report({
      done: at,
      total: calls.length,
      unit: 'calls',
      detail: callPath(home, at, call).split('/').at(-3) ?? '',
    })
    await makeCall(home, url, buyers.get(call.buyer)!, at, call)
  }
  const poor = await openBuyer(home, client, 'empty-purse', '10')
  const refusal = await callWithoutCredit(url, poor)
  if (!refusal.startsWith('402'))
    throw new Error(`a call without credit should be refused with 402, and was answered ${refusal}`)
}

/** A stranger takes the public record along, audits it live, and again from the folder alone. */
async function audit(home: Home, url: string): Promise<{ code: number; text: string }> {
  const fairweight = (...args: string[]) => runCommand(join(home.checkout, 'bin/fairweight.mjs'), args)
  const record = home.path('auditor', 'record')
  await rm(record, { recursive: true, force: true })
  const exported = await fairweight('export', url, record)
  if (exported.code !== 0) return { code: 2, text: exported.stderr }
  const known = ['--anchors', home.path('auditor', 'anchors.json')]
  for (const folder of await recordFolders(home)) known.push('--receipts', folder)
  const live = await fairweight('audit', url, ...known)
  const offline = await fairweight('audit', '--offline', record, ...known)
  const text = [live.stdout, live.stderr].filter(Boolean).join('\n')
  if (live.code === 0 && offline.code !== 0)
    return { code: offline.code ?? 2, text: `${offline.stdout}\n${offline.stderr}` }
  return { code: live.code ?? 2, text }
}

/** What contributors and buyers keep to prove things by; nothing else of theirs is anyone's business. */
async function recordFolders(home: Home): Promise<string[]> {
  const kept = { contributors: 'records', buyers: 'calls' }
  const folders = await Promise.all(
    Object.entries(kept).map(async ([who, folder]) =>
      (await readdir(home.path(who))).map((name) => home.path(who, name, folder)),
    ),
  )
  return folders.flat().filter((folder) => existsSync(folder))
}

/** What an OpenAI client wants to know, in a file that only its owner reads. */
async function writeEnvironment(home: Home, url: string): Promise<string> {
  const { apiKey } = JSON.parse(
    await readFile(home.path('buyers', buyerNames[0]!, 'key.json'), 'utf8'),
  ) as Buyer
  const path = home.path('buyers', buyerNames[0]!, 'openai.env')
  await writeFile(path, `export OPENAI_BASE_URL=${url}/v1\nexport OPENAI_API_KEY=${apiKey}\n`, {
    mode: 0o600,
  })
  return path
}
