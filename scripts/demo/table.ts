/** Rows under their headings, numbers to the right. */

export type Cell = string | number

export function formatTable (headings: readonly string[], rows: ReadonlyArray<readonly Cell[]>): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map(row => String(row[column] ?? '').length)))
  const line = (cells: readonly Cell[]): string => `  ${cells.map((cell, column) => pad(cell, widths[column]!)).join('  ')}`.trimEnd()
  const numeric = headings.map((_, column) => rows.length > 0 && rows.every(row => typeof row[column] === 'number'))
  const top = line(headings.map((heading, column) => numeric[column] === true ? heading.padStart(widths[column]!) : heading))
  return [top, `  ${widths.map(width => '-'.repeat(width)).join('  ')}`, ...rows.map(line)].join('\n')
}

function pad (cell: Cell, width: number): string {
  return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
}
