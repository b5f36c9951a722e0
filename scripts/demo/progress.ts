/** How far something is: a bar that redraws itself on a terminal, a line every second elsewhere. */
import type { WriteStream } from 'node:tty'

const barWidth = 28
const redrawMs = 100
const lineMs = 1000

export class ProgressLine {
  readonly #out: WriteStream
  readonly #label: string
  readonly #total: number
  readonly #started = performance.now()
  readonly #timer: NodeJS.Timeout
  #done = 0
  #ended = false

  /** @param total bytes */
  constructor (label: string, total: number, out: WriteStream = process.stdout) {
    this.#out = out
    this.#label = label
    this.#total = total
    this.#timer = setInterval(() => { this.#draw() }, out.isTTY ? redrawMs : lineMs).unref()
  }

  advance (bytes: number): void { this.#done += bytes }

  /** Seconds from the start to the end, or to now. */
  get seconds (): number { return (performance.now() - this.#started) / 1000 }

  /** Leaves the last state on a line of its own. Idempotent. */
  end (): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#timer)
    this.#draw()
    if (this.#out.isTTY) this.#out.write('\n')
  }

  [Symbol.dispose] (): void { this.end() }

  #draw (): void {
    const share = this.#total === 0 ? 1 : Math.min(1, this.#done / this.#total)
    const figures = `${String(Math.floor(share * 100)).padStart(3)} %  ${megabytes(this.#done)} MB  ${megabytes(this.#done / this.seconds)} MB/s`
    if (!this.#out.isTTY) {
      this.#out.write(`  ${this.#label}  ${figures}\n`)
      return
    }
    const filled = Math.round(share * barWidth)
    const text = `  ${this.#label}  ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}  ${figures}`
    this.#out.write(`\r${text.slice(0, Math.max(20, this.#out.columns - 1))}\u001b[K`)
  }
}

/** In units of 10^6 bytes. */
export function megabytes (bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
