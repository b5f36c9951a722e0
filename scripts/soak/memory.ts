/** Whether memory grows: samples in bytes by time in milliseconds. */

export class MemoryCurve {
  readonly #samples: Array<readonly [ms: number, bytes: number]> = []

  add (ms: number, bytes: number): void { this.#samples.push([ms, bytes]) }

  get last (): number { return this.#samples.at(-1)?.[1] ?? 0 }
  get most (): number { return Math.max(0, ...this.#samples.map(([, bytes]) => bytes)) }

  /** Bytes per minute over the last two thirds, by least squares: the first third is for caches and compiled code. */
  get slope (): number {
    const tail = this.#samples.slice(Math.floor(this.#samples.length / 3))
    if (tail.length < 3) return 0
    const meanX = tail.reduce((sum, [x]) => sum + x, 0) / tail.length
    const meanY = tail.reduce((sum, [, y]) => sum + y, 0) / tail.length
    const xy = tail.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
    const xx = tail.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
    return xx === 0 ? 0 : xy / xx * 60_000
  }
}
