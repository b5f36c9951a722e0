import type { System } from './options.js'

/** What a kill must not lead to. */
export type Fault = 'torn' | 'leaked' | 'hung'

export interface Problem { readonly fault: Fault, readonly text: string }

/** What the main process sends to a lane. */
export interface RoundOrder {
  readonly number: number
  readonly system: System
  readonly seed: number
  /** A new folder of this round's own. */
  readonly folder: string
}

/** What it hears of it. */
export interface RoundReport {
  readonly number: number
  readonly system: System
  /** What was done to whom, and what that one had said last. */
  readonly story: string
  /** Whether it was still at work when the kill came. */
  readonly killed: boolean
  readonly problems: readonly Problem[]
}
