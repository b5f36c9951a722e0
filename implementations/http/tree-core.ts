import { BoundCore } from '../../lib/filesystem/bound-core.js'
import type { Hooks } from '../../lib/filesystem/bound-core.js'

/**
 * The core of verbs that walk trees. They build names as directory, slash, name: a closing slash, which elsewhere is a part of
 * the URL, is left out here. In patterns a question mark begins a query, as in fsspec, and is no wildcard.
 */
export class TreeCore extends BoundCore {
  readonly #hooks: Hooks
  readonly #pattern: boolean

  constructor (hooks: Hooks, call: { readonly signal: AbortSignal }, pattern: boolean) {
    super(hooks, call, undefined, undefined)
    this.#hooks = hooks
    this.#pattern = pattern
  }

  override withSignal (signal: AbortSignal): TreeCore { return new TreeCore(this.#hooks, { signal }, this.#pattern) }

  override normalize (path: string): string {
    const name = super.normalize(path).replace(/\/$/, '')
    return this.#pattern && this.isPattern(name) ? name.replaceAll('?', '[?]') : name
  }
}
