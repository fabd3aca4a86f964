/**
 * Tables for banks and spreadsheets (RFC 4180).
 *
 * Cells hold what others wrote. A spreadsheet runs a cell that starts with = + - @, so such a cell is made text by an
 * apostrophe.
 */

/** One line of a table, with its end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(text: string): string {
  const shown = /^\s*[=+\-@|%]|^[\t\r\n]/.test(text) ? `'${text}` : text
  return `"${shown.replaceAll('"', '""')}"`
}
