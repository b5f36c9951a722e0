import { realm } from '../owner/index.js'

/** Versions as they were first seen by this owner, for `versionAware`: what is read later is what was seen first. Bounded; forgotten with own writes and at a reset. */
export class Versions {
  static readonly capacity = 100_000
  readonly #seen = new Map<string, string>()
  #epoch = realm.epoch

  get (path: string): string | undefined {
    this.#adopt()
    return this.#seen.get(path)
  }

  see (path: string, version: string | undefined): void {
    this.#adopt()
    if (version === undefined || this.#seen.has(path)) return
    if (this.#seen.size >= Versions.capacity) this.#seen.delete(this.#seen.keys().next().value!)
    this.#seen.set(path, version)
  }

  forget (path: string | undefined): void {
    if (path === undefined) this.#seen.clear()
    else this.#seen.delete(path)
  }

  #adopt (): void {
    if (this.#epoch === realm.epoch) return
    this.#epoch = realm.epoch
    this.#seen.clear()
  }
}
