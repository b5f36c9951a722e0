/** Rounds become tables: medians with the least and the most. */
import { median } from './meter.js'
import type { CaseResult } from './run.js'
import type { Case, Goal, Sample, Sizes, Subject, Target, Unit } from './types.js'

export interface Spread { readonly median: number, readonly least: number, readonly most: number }

export function spread (values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** Three digits that mean something. */
export function digits (value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (size >= 10_000) return `${(value / 1000).toFixed(1)} k`
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return size >= 0.1 || size === 0 ? value.toFixed(2) : value.toPrecision(2)
}

export function range ({ median: middle, least, most }: Spread): string { return `${digits(middle)} [${digits(least)}–${digits(most)}]` }

function measured ({ ops, bytes, wallMs }: Sample, unit: Unit): number {
  switch (unit) {
    case 'ops/s': return ops / wallMs * 1000
    case 'MiB/s': return bytes / 2 ** 20 / wallMs * 1000
    case 'ms': return wallMs / ops
    case 'ns': return wallMs * 1e6 / ops
  }
}

function samplesOf ({ rounds }: CaseResult, subject: string): Sample[] {
  return rounds.flatMap(round => round.get(subject) ?? [])
}

/** CPU per operation, or per GiB where bytes are what counts. */
function cost (sample: Sample, unit: Unit): number {
  return unit === 'MiB/s' ? sample.cpuMs / 1000 / (sample.bytes / 2 ** 30) : sample.cpuMs * 1000 / sample.ops
}

function factors (result: CaseResult, subject: string, metric: (sample: Sample) => number): Spread | undefined {
  const { rounds, case: { baseline } } = result
  return spread(rounds.flatMap(round => {
    const [mine, base] = [round.get(subject), round.get(baseline)]
    return mine === undefined || base === undefined ? [] : [metric(mine) / metric(base)]
  }))
}

function row (result: CaseResult, { id, label }: Subject): string {
  const { case: { unit }, missing } = result
  const samples = samplesOf(result, id)
  const values = spread(samples.map(sample => measured(sample, unit)))
  if (values === undefined) return `| ${label} | ${missing.get(id) ?? 'failed'} | | | |`
  const faster = factors(result, id, sample => measured(sample, unit))
  const costs = spread(samples.map(sample => cost(sample, unit)))!
  const memory = spread(samples.map(({ rssMiB }) => rssMiB))!
  return `| ${label} | ${range(values)} | ${faster === undefined ? '' : digits(faster.median)} | ${costs.most === 0 ? '' : digits(costs.median)} | ${digits(memory.median)} |`
}

export function caseTable (result: CaseResult): string {
  const { unit, op, baseline, subjects } = result.case
  const base = subjects.find(({ id }) => id === baseline)!.label
  const rate = unit === 'ops/s' ? `${op}s/s` : unit
  const head = `| | ${rate}, median [least–most] | × ${base} | CPU ${unit === 'MiB/s' ? 's/GiB' : `µs/${op}`} | RSS MiB |\n|---|---|---|---|---|`
  return [head, ...subjects.map(subject => row(result, subject))].join('\n')
}

export interface Outcome { readonly goal: Goal, readonly values: Spread | undefined, readonly met: boolean | undefined }

export function outcomes ({ case: { goals }, rounds }: CaseResult): Outcome[] {
  return goals.map(goal => {
    const values = spread(rounds.flatMap(round => goal.of(round) ?? []))
    return { goal, values, met: goal.target === undefined || values === undefined ? undefined : reached(values.median, goal.target) }
  })
}

function reached (value: number, { sign, value: bound }: Target): boolean { return sign === '>=' ? value >= bound : value <= bound }

export function targetTable (results: readonly CaseResult[]): string {
  const rows = results.flatMap(result => outcomes(result).map(({ goal, values, met }) => {
    const unit = goal.unit === 'x' || goal.unit === undefined ? '×' : goal.unit === '/s' ? '/s' : ` ${goal.unit}`
    const target = goal.target === undefined ? '' : `${goal.target.sign === '>=' ? '≥' : '≤'} ${goal.target.value.toLocaleString('en')}${unit}`
    const verdict = met === undefined ? '' : met ? 'yes' : '**no**'
    return `| ${goal.text} | ${target} | ${values === undefined ? 'not measured' : `${range(values)}${unit}`} | ${verdict} |`
  }))
  return ['| | target | measured, median [least–most] | met |', '|---|---|---|---|', ...rows].join('\n')
}

export function caseSection (result: CaseResult, sizes: Sizes): string {
  const { case: known, failures, foreign } = result
  const notes = failures.map(text => `Failed: ${text}`)
  const others = spread(foreign)
  if (others !== undefined) notes.push(`Others used ${(others.median * 100).toFixed(0)} % of the machine while it ran, at most ${(others.most * 100).toFixed(0)} %.`)
  return [`### ${known.title}`, known.how(sizes), caseTable(result), notes.join('\n\n')].filter(text => text !== '').join('\n\n')
}

/** A sentence for the top of the page where others used the machine during more than half of the runs. */
export function caution (results: readonly CaseResult[]): string {
  const all = results.flatMap(({ foreign }) => foreign)
  if (all.length === 0 || median(all) <= 0.1) return ''
  return `**This run was disturbed: in the median others used ${(median(all) * 100).toFixed(0)} % of the machine. Its CPU ratios are rough, its wall times and rates say little, and so do its verdicts.**\n\n`
}

export function caseNames (cases: readonly Case[]): string[] { return cases.map(({ name }) => name) }
