/** Versions as they were first seen, for `versionAware`: what is read later is what was seen first. Bounded; forgotten with own writes. */
export class Versions {
  static readonly capacity = 100_000
  readonly #seen = new Map<string, string>()

  get (path: string): string | undefined { return this.#seen.get(path) }

  see (path: string, version: string | undefined): void {
    if (version === undefined || this.#seen.has(path)) return
    if (this.#seen.size >= Versions.capacity) this.#seen.delete(this.#seen.keys().next().value!)
    this.#seen.set(path, version)
  }

  forget (path: string | undefined): void {
    if (path === undefined) this.#seen.clear()
    else this.#seen.delete(path)
  }
}
