import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharesPicture } from '#attribution'

const picture = sharesPicture('Shares of <model> & more', [
  { name: 'Ann "<script>"', share: 750_000_000, error: 50_000_000 },
  { name: 'Bob', share: 250_000_000, error: null },
  { name: 'Nobody', share: 0, error: 10_000_000 },
])

test('what people are called cannot become markup', () => {
  assert.ok(!picture.includes('<script>') && !picture.includes('<model>'))
  assert.match(picture, /Ann &quot;&lt;script&gt;&quot;/)
})

test('bars are as long as shares, and errors stand to both sides', () => {
  const widths = [...picture.matchAll(/<rect class="bar"[^>]*width="([\d.]+)"/g)].map((match) =>
    Number(match[1]),
  )
  assert.ok(Math.abs(widths[0]! / widths[1]! - 3) < 0.01)
  assert.equal(widths[2], 0)
  assert.equal([...picture.matchAll(/class="error"/g)].length, 6)
})

test('who cannot see it is told the same', () => {
  assert.match(picture, /<desc id="d">[^<]*75\.00 % plus or minus 5\.00 %; Bob 25\.00 %;/)
})
