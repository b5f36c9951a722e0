/** The results as tables of docs/errors.md, and back: what such a table says about one run. */
import { faultsOf } from './faults.js'
import type { Table } from './run.js'
import type { Mode, Result, StoreName } from './types.js'

const modes: readonly Mode[] = ['once', 'lasting']
const shown = (outcome: string): string => outcome === 'right' ? 'right' : `\`${outcome}\``

function grouped<T> (items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

const most = <T>(groups: ReadonlyMap<string, readonly T[]>): string => [...groups].reduce((best, group) => group[1].length > best[1].length ? group : best)[0]

/**
 * 'right; `FORKFS_PROTOCOL`: ListObjectsV2, GetObject (cat · open)': the first outcome is that of all that is not named behind it,
 * a request without verbs stands for all of its verbs.
 */
function cellOf (results: readonly Result[]): string {
  if (results.length === 0) return ''
  const usual = most(grouped(results, ({ outcome }) => outcome))
  const special = new Map<string, string[]>()
  for (const [label, group] of grouped(results, ({ request }) => request.label)) {
    for (const [outcome, same] of grouped(group, result => result.outcome)) {
      if (outcome === usual) continue
      const item = same.length === group.length ? label : `${label} (${same.map(({ verb }) => verb.name).join(' · ')})`
      special.set(outcome, [...special.get(outcome) ?? [], item])
    }
  }
  return [shown(usual), ...[...special].map(([outcome, items]) => `${shown(outcome)}: ${items.join(', ')}`)].join('; ')
}

function rowsOf (heading: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [heading, heading.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

export function faultTable (store: StoreName, results: readonly Result[]): string {
  return rowsOf(['where', 'fault', 'once', 'for as long as it lasts'], faultsOf[store].flatMap(fault => {
    const mine = results.filter(result => result.fault === fault)
    return mine.length === 0 ? [] : [[fault.stage, fault.name, ...modes.map(mode => cellOf(mine.filter(result => result.mode === mode)))]]
  }))
}

export function requestTable ({ requests }: Table): string {
  const forms = [...requests].filter(([verb]) => verb.from === undefined)
  const groups = grouped(forms, ([, made]) => made.map(({ label }) => label).join(', '))
  return rowsOf(['requests', 'made by'], [...groups].map(([operations, verbs]) => [operations, verbs.map(([{ name }]) => name).join(' · ')]))
}

/** Cells by their row's fault name. */
export function readTable (markdown: string): Map<string, readonly string[]> {
  const rows = markdown.split('\n').filter(line => line.startsWith('| ')).map(line => line.slice(2, -2).split(' | ').map(cell => cell.trim()))
  return new Map(rows.slice(2).map(cells => [cells[1]!, cells]))
}

/** What a table says of one run; undefined: nothing. */
export function expectedOf (table: ReadonlyMap<string, readonly string[]>, { verb, request, fault, mode }: Result): string | undefined {
  const cell = table.get(fault.name)?.[2 + modes.indexOf(mode)]
  if (cell === undefined || cell === '') return undefined
  const [usual, ...special] = cell.split('; ').map(part => {
    const [outcome = '', items = ''] = part.split(': ')
    return { outcome: outcome.replaceAll('`', ''), items: items.split(/, (?![^(]*\))/).map(itemOf) }
  })
  const found = special.find(({ items }) => items.some(({ label, verbs }) => label === request.label && (verbs === undefined || verbs.includes(verb.name))))
  return (found ?? usual!).outcome
}

function itemOf (text: string): { readonly label: string, readonly verbs: readonly string[] | undefined } {
  const [, label = text, verbs] = /^(.*?) \((.*)\)$/.exec(text) ?? []
  return { label, verbs: verbs?.split(' · ') }
}
