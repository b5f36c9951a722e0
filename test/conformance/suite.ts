import assert from 'node:assert/strict'
import type { Harness } from './harnesses/harness.js'
import { refusals } from './traits/refusals.js'
import type { Capability, CaseOptions, ConformanceOptions, Context, Runner } from './types.js'

type Test = (context: Context) => Promise<void>

/** Which capabilities were really tried: a suite whose cases all turn into refusals must not pass for a working store. */
export class Ledger {
  registered = 0
  ran = 0
  readonly proven = new Set<Capability>()
  declared: readonly Capability[] = []
}

/** Where the families of cases are written down: each case gets an empty place of its own, on the harness at hand. */
export class Suite {
  readonly #runner: Runner
  readonly #options: ConformanceOptions
  readonly #harness: Harness
  readonly #ledger: Ledger
  readonly #needs: readonly Capability[]

  constructor (runner: Runner, options: ConformanceOptions, harness: Harness, ledger: Ledger, needs: readonly Capability[] = []) {
    this.#runner = runner
    this.#options = options
    this.#harness = harness
    this.#ledger = ledger
    this.#needs = needs
  }

  get options (): ConformanceOptions { return this.#options }

  /** Cases of one verb, with what all of them need. */
  family (title: string, body: (family: Suite) => void, { needs = [] }: CaseOptions = {}): void {
    const family = new Suite(this.#runner, this.#options, this.#harness, this.#ledger, [...this.#needs, ...needs])
    this.#runner.describe(title, () => { body(family) })
  }

  /** A case of plain calls: in every harness. */
  it (title: string, test: Test, options?: CaseOptions): void { this.#add(title, test, options) }

  /** A case that needs the instance itself (a callback, a signal, a handle, a stream): in this thread only. */
  here (title: string, test: Test, options?: CaseOptions): void {
    if (!this.#harness.remote) this.#add(title, test, options)
  }

  /** A heavy case, or one to which the harness makes no difference: on the instance as it is. */
  once (title: string, test: Test, options?: CaseOptions): void {
    if (this.#harness.name === 'direct') this.#add(title, test, options)
  }

  #add (title: string, test: Test, { needs = [] }: CaseOptions = {}): void {
    const all = [...this.#needs, ...needs]
    this.#ledger.registered++
    this.#runner.it(title, async () => {
      const space = await this.#options.create({})
      const context = await this.#harness.enter(space, this.#options)
      try {
        await this.#run(test, context, all)
        this.#ledger.ran++
      } finally {
        await context.end()
      }
    })
  }

  async #run (test: Test, context: Context, needs: readonly Capability[]): Promise<void> {
    const { capabilities } = context.fs
    this.#ledger.declared = (Object.keys(capabilities) as Capability[]).filter(name => capabilities[name])
    const missing = needs.find(name => !capabilities[name])
    if (missing !== undefined) {
      if (!this.#harness.remote) await refusals[missing]?.(context) // they look at what is counted here
      return
    }
    await test(context)
    for (const name of needs) this.#ledger.proven.add(name)
  }
}

/** The last case: capabilities that are declared and have cases were tried. Says nothing where a part of the suite was left out. */
export function assertProven (ledger: Ledger): void {
  if (ledger.ran < ledger.registered) return
  const tried: readonly Capability[] = ['read', 'write', 'append', 'exclusiveCreate', 'emptyDirectories', 'sign']
  assert.deepEqual(tried.filter(name => ledger.declared.includes(name) && !ledger.proven.has(name)), [])
}
