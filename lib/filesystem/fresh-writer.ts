import type { FileInfo, StagedWriter } from './types.js'

/** A staged write that can begin again where its source does. */
export class FreshWriter implements StagedWriter {
  readonly #open: () => Promise<StagedWriter>
  #writer: StagedWriter
  #size = 0

  private constructor (open: () => Promise<StagedWriter>, writer: StagedWriter) {
    this.#open = open
    this.#writer = writer
  }

  static async open (open: () => Promise<StagedWriter>): Promise<FreshWriter> { return new FreshWriter(open, await open()) }

  /** Bytes taken since the beginning, or the last clear(). */
  get size (): number { return this.#size }

  async write (chunk: Uint8Array): Promise<void> {
    await this.#writer.write(chunk)
    this.#size += chunk.length
  }

  /** Nothing has been written any more. */
  async clear (): Promise<void> {
    await this.#writer.abort(new Error('the write begins again'))
    this.#size = 0
    this.#writer = await this.#open()
  }

  commit (): Promise<FileInfo> { return this.#writer.commit() }
  abort (reason: unknown): Promise<void> { return this.#writer.abort(reason) }
}
