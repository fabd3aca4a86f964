/** What the clients are pointed at: a node that runs already, or the routes over an engine that says what it is told. */
import { KEY, startTestNode } from '../apps/node/serve/testing.ts'

export interface Target {
  /** With `/v1`, as OpenAI's clients want it. */
  readonly baseUrl: string
  readonly apiKey: string
  readonly model: string
  readonly close: () => Promise<void>
}

/** FAIRWEIGHT_TEST_URL, FAIRWEIGHT_TEST_KEY and FAIRWEIGHT_TEST_MODEL name a node; without them one is started. */
export async function openTarget(): Promise<Target> {
  const {
    FAIRWEIGHT_TEST_URL: url,
    FAIRWEIGHT_TEST_KEY: apiKey,
    FAIRWEIGHT_TEST_MODEL: model = 'pool-base',
  } = process.env
  if (url !== undefined && apiKey !== undefined) {
    return { baseUrl: `${url}/v1`, apiKey, model, close: async () => undefined }
  }
  const node = await startTestNode()
  node.engine.before = () => new Promise((resolve) => setTimeout(resolve, 20))
  return { baseUrl: `${node.url}/v1`, apiKey: KEY, model: 'pool-base', close: node.close }
}
