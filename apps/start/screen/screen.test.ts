import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cut, liveLine } from './line.ts'
import { printable } from './printable.ts'
import { createRate } from './rate.ts'
import { createScreen, type ScreenOptions } from './screen.ts'
import { formatBytes, formatSeconds } from './units.ts'

/** A screen whose clock and timer the test turns by hand. */
function testScreen(options: Partial<ScreenOptions> = {}) {
  const written: string[] = []
  let nowMs = 0
  let tick: (() => void) | undefined
  const screen = createScreen({
    out: { write: (text) => written.push(text) },
    isTerminal: false,
    now: () => nowMs,
    color: false,
    every: (_, work) => {
      tick = work
      return () => (tick = undefined)
    },
    ...options,
  })
  const pass = (ms: number) => {
    nowMs += ms
    tick?.()
  }
  return { screen, written, pass, isTicking: () => tick !== undefined }
}

/** What a terminal shows in the end, for the two sequences that the screen uses besides colours. */
function shown(written: readonly string[]): string[] {
  const lines: string[] = []
  for (const text of written) {
    // oxlint-disable-next-line no-control-regex
    const back = /^\u001B\[(\d+)A\u001B\[J/.exec(text)
    if (back !== null) lines.splice(lines.length - Number(back[1]))
    lines.push(
      ...text
        .slice(back?.[0].length ?? 0)
        .replace(/\n$/, '')
        .split('\n'),
    )
  }
  return lines
}

test('without a terminal there is a line at the start, one in five seconds, and one at the end', async () => {
  const { screen, written, pass } = testScreen()
  await screen.step('Downloading', async (report) => {
    for (let second = 1; second <= 11; second += 1) {
      pass(1000)
      report({ done: second * 10e6, total: 200e6, unit: 'bytes', detail: 'torch' })
    }
  })
  assert.deepEqual(written, [
    'Downloading …\n',
    'Downloading: 20 %, 40 MB of 200 MB, 7.5 MB/s, 21 s left, torch\n',
    'Downloading: 45 %, 90 MB of 200 MB, 8.9 MB/s, 12 s left, torch\n',
    'Downloading: done in 11 s\n',
  ])
})

test('a step that reports nothing still shows that it is alive', async () => {
  const { screen, written, pass } = testScreen()
  await screen.step('Waiting', async () => pass(6000))
  assert.deepEqual(written, ['Waiting …\n', 'Waiting: 6.0 s so far\n', 'Waiting: done in 6.0 s\n'])
})

test('a failed step says so, and the error passes through', async () => {
  const { screen, written, pass, isTicking } = testScreen()
  const error = new Error('no')
  const failing = screen.step('Trying', async () => {
    pass(2000)
    throw error
  })
  await assert.rejects(failing, (thrown) => thrown === error)
  assert.equal(written.at(-1), 'Trying: failed after 2.0 s\n')
  assert.deepEqual(screen.timings(), [{ title: 'Trying', seconds: 2 }])
  assert.equal(isTicking(), false)
})

test('a step that ends because somebody asked to stop has not failed', async () => {
  for (const [isTerminal, last] of [
    [false, 'Trying: stopped after 2.0 s'],
    [true, '- Trying  stopped after 2.0 s'],
  ] as const) {
    const { screen, written, pass } = testScreen({ isTerminal, stopping: () => true })
    const stopping = screen.step('Trying', async () => {
      pass(2000)
      throw new Error('the service is gone')
    })
    await assert.rejects(stopping)
    assert.equal(shown(written).at(-1), last)
  }
})

test('what is still running when the screen closes leaves no line', async () => {
  const { screen, written, isTicking } = testScreen({ isTerminal: true })
  const work = Promise.withResolvers<void>()
  const step = screen.step('Waiting', () => work.promise)
  screen.close()
  screen.say('Stopped.')
  work.resolve()
  await step
  assert.deepEqual(shown(written), ['Stopped.'])
  assert.equal(isTicking(), false)
})

test('nothing done of nobody knows how much is not told', () => {
  const state = { title: 'T', unit: '', detail: 'preparing', perSecond: undefined, seconds: 3 }
  assert.equal(liveLine({ ...state, done: 0, total: undefined }, '*', 80), '* T  3.0 s  preparing')
  assert.equal(liveLine({ ...state, done: 0, total: 0 }, '*', 80), '* T  3.0 s  preparing')
  assert.match(liveLine({ ...state, done: 0, total: 9 }, '*', 80), /0 % {2}0 of 9/)
})

test('on a terminal each running step has one live line, and finished ones and said ones stay above', async () => {
  const { screen, written, pass } = testScreen({ isTerminal: true, columns: () => 100 })
  let seen: string[] = []
  await screen.step('Outer', async (report) => {
    report({ done: 1, total: 4, unit: 'parts' })
    pass(1000)
    await screen.step('Inner', async () => pass(500))
    screen.say('between')
    pass(250)
    seen = shown(written)
  })
  assert.deepEqual(seen.slice(0, 2), ['✔ Inner  0.5 s', 'between'])
  assert.equal(seen.length, 3)
  assert.match(seen[2]!, /^\S Outer {2}█{5}░{15} {2}25 % {2}1 of 4 parts {2}1\.8 s$/)
  assert.deepEqual(shown(written), ['✔ Inner  0.5 s', 'between', '✔ Outer  1.8 s'])
})

test('what a step returns comes back, and a late report changes nothing', async () => {
  const { screen, written } = testScreen({ isTerminal: true })
  let late: (() => void) | undefined
  const value = await screen.step('Step', async (report) => {
    late = () => report({ detail: 'too late' })
    return 7
  })
  assert.equal(value, 7)
  const count = written.length
  late!()
  assert.equal(written.length, count)
})

test('colours are there on request only', async () => {
  for (const color of [true, false]) {
    const { screen, written } = testScreen({ isTerminal: true, color })
    screen.heading('Setting up')
    await screen.step('Step', async () => {})
    // oxlint-disable-next-line no-control-regex
    assert.equal(/\u001B\[\d+m/.test(written.join('')), color)
  }
})

test('NO_COLOR in the environment switches colours off', () => {
  const before = process.env['NO_COLOR']
  try {
    for (const [value, colored] of [
      ['1', false],
      ['', true],
    ] as const) {
      process.env['NO_COLOR'] = value
      const written: string[] = []
      const out = { write: (text: string) => written.push(text) }
      createScreen({ out, isTerminal: true, now: () => 0 }).heading('Title')
      assert.equal(written.join('').includes('\u001B[1m'), colored)
    }
  } finally {
    if (before === undefined) delete process.env['NO_COLOR']
    else process.env['NO_COLOR'] = before
  }
})

test('control characters and passwords in addresses never reach the screen', async () => {
  const { screen, written, pass } = testScreen({ isTerminal: true })
  screen.say('from https://me:pass@word@index.example/simple\u001B[2J\n  second line')
  await screen.step('Fetching https://me:secret@index.example', async (report) => {
    report({ detail: 'https://me:secret@index.example/x\u0007' })
    pass(250)
  })
  const text = written.join('')
  assert.doesNotMatch(text, /secret|pass@|word@|me:/)
  assert.ok(!text.includes('\u0007') && !text.includes('\u001B[2J'))
  assert.match(text, /from https:\/\/\*\*\*@index\.example\/simple \[2J\n {2}second line\n/)
  assert.equal(printable('mail a@b.example, 5 % @ home'), 'mail a@b.example, 5 % @ home')
})

test('a live line is never wider than the window, and keeps its title longest', () => {
  const state = {
    title: 'Downloading packages',
    done: 138e6,
    total: 330e6,
    unit: 'bytes',
    detail: 'fetching torch',
    perSecond: 12e6,
    seconds: 11,
  }
  assert.equal(
    liveLine(state, '*', 120),
    '* Downloading packages  ████████░░░░░░░░░░░░  41 %  138 MB of 330 MB  12 MB/s  16 s left  fetching torch',
  )
  assert.equal(liveLine(state, '*', 40), '* Downloading packages  41 %  16 s left')
  assert.equal(liveLine(state, '*', 12), '* Downloadi…')
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(300), (title, detail, width) => {
      assert.ok(Array.from(liveLine({ ...state, title, detail }, '*', width)).length <= Math.max(1, width))
    }),
    { numRuns: 200 },
  )
  assert.equal(cut('abc', 3), 'abc')
})

test('more done than announced shows no share and no time left', () => {
  const state = { title: 'T', done: 12, total: 10, unit: 'packages', detail: '', perSecond: 1, seconds: 3 }
  assert.equal(liveLine(state, '*', 80), '* T  12 packages  1.0 packages/s  3.0 s')
})

test('no time left is told before two in a hundred are done, nor when all is', () => {
  const state = { title: 'T', done: 1, total: 100, unit: '', detail: '', perSecond: 1, seconds: 1 }
  assert.doesNotMatch(liveLine(state, '*', 80), /left/)
  assert.doesNotMatch(liveLine({ ...state, done: 100 }, '*', 80), /left/)
  assert.match(liveLine({ ...state, done: 2 }, '*', 80), /2 % {2}2 of 100 {2}1\.0\/s {2}1 min 38 s left/)
})

test('the rate follows the last fifteen seconds and starts anew with another phase', () => {
  const rate = createRate()
  const add = (atMs: number, done: number, unit = 'bytes') => rate.add({ atMs, done, total: 1000, unit })
  assert.equal(rate.perSecond(0), undefined)
  add(0, 0)
  add(10_000, 100)
  assert.equal(rate.perSecond(10_000), 10)
  add(30_000, 100)
  add(40_000, 400)
  assert.equal(rate.perSecond(40_000), 10)
  add(60_000, 1000)
  assert.equal(rate.perSecond(60_000), 30)
  add(61_000, 5, 'packages')
  assert.equal(rate.perSecond(61_000), undefined)
})

test('sizes and durations are written as people read them', () => {
  const bytes = [0, 950, 999.4, 999.6, 4200, 138e6, 999.6e6, 1.3e9]
  assert.deepEqual(bytes.map(formatBytes), [
    '0 B',
    '950 B',
    '999 B',
    '1.0 kB',
    '4.2 kB',
    '138 MB',
    '1.0 GB',
    '1.3 GB',
  ])
  const seconds = [0.04, 9.9, 9.96, 59.4, 59.6, 185, 3599.6, 7800]
  assert.deepEqual(seconds.map(formatSeconds), [
    '0.0 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 0 s',
    '3 min 5 s',
    '1 h 0 min',
    '2 h 10 min',
  ])
})
