/** The status as one small page: no script, nothing fetched, light or dark as the reader has it. */
import { escapeMarkup } from '#bytes'
import type { Status } from '#statements'
import { statusRows } from './rows.ts'

export function statusPage(status: Status): string {
  const todo =
    status.todo.length === 0
      ? '<p>Nothing needs doing.</p>'
      : `<ul>${status.todo
          .map(({ urgent, what }) => `<li class="${urgent ? 'urgent' : 'soon'}">${escapeMarkup(what)}</li>`)
          .join('')}</ul>`
  const rows = statusRows(status).map(
    ([name, value]) => `<tr><th scope="row">${escapeMarkup(name)}</th><td>${escapeMarkup(value)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(`${status.node} of ${status.policy.name}`)}</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere }
th { font-weight: 600; width: 12rem }
.urgent { font-weight: 600; color: light-dark(#a40000, #ff8a80) }
</style>
<h1>${escapeMarkup(status.node)}, term ${status.term}${status.simulated ? ', SIMULATED hardware' : ''}</h1>
<h2>What needs doing</h2>
${todo}
<h2>State at ${escapeMarkup(status.at)}</h2>
<table>
${rows.join('\n')}
</table>
</html>
`
}
