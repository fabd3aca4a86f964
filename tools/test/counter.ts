/** A node:test reporter that writes nothing but the count; failures are told by name on standard error. */
import type { TestEvent } from 'node:test/reporters'

export default async function* counter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const count = { passed: 0, failed: 0, skipped: 0 }
  for await (const event of source) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    if (event.data.details.type === 'suite') continue
    if (event.data.skip !== undefined && event.data.skip !== false) {
      count.skipped += 1
      console.error(
        `   skipped: ${event.data.name}${typeof event.data.skip === 'string' ? ` (${event.data.skip})` : ''}`,
      )
    } else if (event.type === 'test:pass') count.passed += 1
    else {
      count.failed += 1
      const { error } = event.data.details
      console.error(
        `\n   FAILED: ${event.data.name} (${event.data.file}:${event.data.line})\n${error.cause instanceof Error ? error.cause.stack : String(error.cause ?? error)}`,
      )
    }
  }
  yield JSON.stringify(count)
}
