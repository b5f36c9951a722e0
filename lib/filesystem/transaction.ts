import type { AsyncLocalStorage } from 'node:async_hooks'
import { FsError } from '../errors/index.js'
import type { FileInfo, StagedWriter } from './types.js'

/** Writes that are finished but not yet published, in the order in which they were finished. */
export class Transaction {
  readonly #staged: Array<{ readonly path: string, readonly writer: StagedWriter }> = []

  /** The writer as its user sees it: commit() only files it. */
  stage (path: string, writer: StagedWriter): StagedWriter {
    let size = 0
    return {
      write: async chunk => {
        await writer.write(chunk)
        size += chunk.length
      },
      commit: async (): Promise<FileInfo> => {
        this.#staged.push({ path, writer })
        return Promise.resolve({ name: path, size, type: 'file' })
      },
      abort: reason => writer.abort(reason)
    }
  }

  /** @throws the first failure, with `published` naming the paths that stand */
  async publish (): Promise<void> {
    const published: string[] = []
    for (let next = this.#staged.shift(); next !== undefined; next = this.#staged.shift()) {
      const { path, writer } = next
      try {
        await writer.commit()
        published.push(path)
      } catch (error) {
        await this.drop(error)
        throw Object.assign(new FsError('FORKFS_UPLOAD_FAILED', `a transaction was published in part: ${published.length} file(s) stand (see \`published\`)`, { path, cause: error }), { published })
      }
    }
  }

  async drop (reason: unknown): Promise<void> {
    await Promise.allSettled(this.#staged.splice(0).map(({ writer }) => writer.abort(reason)))
  }
}

/** Made with the first transaction: without one no call pays for it. */
let current: AsyncLocalStorage<ReadonlyMap<object, Transaction>> | undefined

/** The transaction that the calling context began on this filesystem. */
export function transactionOf (filesystem: object): Transaction | undefined {
  return current?.getStore()?.get(filesystem)
}

/** Run fn with its writes to `filesystem` held back; publish them when it returns, drop them when it throws. */
export async function inTransaction<T> (filesystem: object, fn: () => Promise<T>): Promise<T> {
  if (typeof fn !== 'function') throw new TypeError(`Expected \`fn\` to be a function, got (${typeof fn})`)
  current ??= new (process.getBuiltinModule('node:async_hooks').AsyncLocalStorage)()
  const transaction = new Transaction()
  const outer = current.getStore() ?? new Map<object, Transaction>()
  let result: T
  try {
    result = await current.run(new Map(outer).set(filesystem, transaction), fn)
  } catch (error) {
    await transaction.drop(error)
    throw error
  }
  await transaction.publish()
  return result
}
