/** The operator's run: asked for once, watched until its model is served. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Report } from './screen/index.ts'
import type { Home } from './home.ts'
import type { OperatorClient, RunView } from './operator-client.ts'
import type { Policy } from '#statements'
import { validationInput } from './operator.ts'
import { HELD_OUT } from './summary.ts'

type Step = <T>(title: string, work: (report: Report) => Promise<T>) => Promise<T>

const STAGES = [
  {
    stage: 'mixing',
    title: 'Mixing: looking for duplicates, writing the manifest',
    after: ['mixed', 'trained', 'attested', 'attributed'],
  },
  { stage: 'training', title: 'Training', after: ['trained', 'attested', 'attributed'] },
  { stage: 'evaluating', title: 'Asking the questions, before and after', after: ['attested', 'attributed'] },
  {
    stage: 'measuring',
    title: 'Measuring whose data did what: retraining without some of them',
    after: ['attributed'],
  },
] as const

/** Throws with the node's reason where the run failed. */
export async function trainPool(
  home: Home,
  policy: Policy,
  operator: OperatorClient,
  step: Step,
): Promise<RunView> {
  const before = await operator.find<RunView>('/v1/operator/runs/newest')
  const id =
    before !== undefined && before.failure === null ? before.id : await requestRun(home, policy, operator)
  const view = () => operator.get<RunView>(`/v1/operator/runs/${id}`)
  for (const { title, after } of STAGES) {
    const first = await view()
    if ((after as readonly string[]).includes(first.stage)) continue
    await step(title, async (report) => {
      for (let now = await view(); ; now = await view()) {
        if (now.failure !== null) throw new Error(now.failure)
        if ((after as readonly string[]).includes(now.stage)) return
        show(now, report)
        await sleep(300)
      }
    })
  }
  return step('Loading the trained model', async () => {
    for (let now = await view(); ; now = await view()) {
      if (now.progress?.stage === 'done' || now.progress === null) return now
      if (now.failure !== null) throw new Error(now.failure)
      await sleep(200)
    }
  })
}

async function requestRun(home: Home, policy: Policy, operator: OperatorClient): Promise<number> {
  return Number((await operator.post('/v1/operator/runs', await runInput(home, policy)))['id'])
}

function show({ progress }: RunView, report: Report): void {
  if (progress === null) return
  const loss =
    progress.loss === null
      ? ''
      : `loss ${(progress.loss / 1_000_000).toFixed(2)}, ${progress.tokensPerSecond} tokens/s`
  report({
    done: progress.done,
    total: progress.total,
    unit: progress.unit,
    detail: [progress.detail, loss].filter(Boolean).join(', '),
  })
}

async function runInput(home: Home, policy: Policy): Promise<unknown> {
  const lines = async (file: string) =>
    (await readFile(join(home.example, file), 'utf8'))
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as unknown)
  const questions = (await lines('questions.jsonl')) as { contributor?: string }[]
  const byContributor = Map.groupBy(questions, ({ contributor }) => contributor)
  return {
    general: await lines('general.jsonl'),
    evaluations: [
      ...[...byContributor].map(([id, asked]) => ({
        set: id === undefined ? HELD_OUT : `${HELD_OUT}-${id}`,
        questions: asked,
      })),
      { set: 'general', questions: await lines('general-questions.jsonl') },
    ],
    validation: await validationInput(home, policy),
  }
}
