import { FsError } from '../errors/index.js'

/**
 * The bytes did not reach the store, and nothing is visible there. With `onUploadError: 'keep'` they are still here: retryCommit() sends them again,
 * for as long as this process lives; after its end recover() does.
 */
export class UploadError extends FsError {
  declare readonly code: 'FORKFS_UPLOAD_FAILED'
  /** The file that holds them, mode 0600. undefined: they are gone ('discard'). */
  declare readonly keptAt?: string | undefined
  readonly #retry: (() => Promise<void>) | undefined

  constructor (fields: { readonly path: string, readonly protocol: string, readonly cause: unknown, readonly keptAt?: string | undefined }, retry?: () => Promise<void>) {
    const { path, protocol, cause, keptAt } = fields
    const why = cause instanceof Error ? cause.message : String(cause)
    const where = keptAt === undefined ? 'the staged bytes were deleted' : `the bytes are kept at ${keptAt}: retryCommit(), or recover() in a later process`
    super('FORKFS_UPLOAD_FAILED', `${why}; ${where}`, { operation: 'commit', path, protocol, retry: 'may', cause })
    if (keptAt !== undefined) (this as { keptAt?: string }).keptAt = keptAt
    this.#retry = retry
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'UploadError', writable: true, configurable: true })
  }

  /**
   * Send the kept bytes again; calls at once share one attempt, after a success nothing is sent any more.
   * @throws UploadError again; FsError FORKFS_CLOSED where nothing is kept, FORKFS_RESET
   */
  async retryCommit (): Promise<void> {
    if (this.#retry === undefined) throw new FsError('FORKFS_CLOSED', 'nothing is kept: write the object again', { operation: 'retryCommit', path: this.path })
    await this.#retry()
  }
}
