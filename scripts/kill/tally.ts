import type { Cell } from '../demo/table.js'
import type { System } from './options.js'
import type { Fault, RoundReport } from './types.js'

type Counts = Record<'kills' | 'early' | Fault, number>

/** What came of the rounds, by system. */
export class Tally {
  static readonly headings = ['system', 'kills', 'ended before the kill', 'torn', 'leaked', 'hung'] as const
  readonly #counts: ReadonlyMap<System, Counts>

  constructor (systems: readonly System[]) {
    this.#counts = new Map(systems.map(system => [system, { kills: 0, early: 0, torn: 0, leaked: 0, hung: 0 }]))
  }

  add ({ system, killed, problems }: RoundReport): void {
    const counts = this.#counts.get(system)!
    counts[killed ? 'kills' : 'early']++
    for (const { fault } of problems) counts[fault]++
  }

  #sum (...columns: ReadonlyArray<keyof Counts>): number {
    return [...this.#counts.values()].reduce((sum, counts) => sum + columns.reduce((own, column) => own + counts[column], 0), 0)
  }

  get kills (): number { return this.#sum('kills') }
  get rounds (): number { return this.#sum('kills', 'early') }
  get problems (): number { return this.#sum('torn', 'leaked', 'hung') }

  get rows (): Cell[][] {
    return [...this.#counts].map(([system, { kills, early, torn, leaked, hung }]) => [system, kills, early, torn, leaked, hung])
  }
}
