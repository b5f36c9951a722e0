/**
 * An iterator of a public verb: each step is a call of its own (so that an iterator which nobody finishes holds nothing),
 * all steps share one source and end with one lease.
 */
export interface Steps<T> {
  /** Run one step as a call. */
  step<R> (work: () => Promise<R>): Promise<R>
  /** Begin; called with the first step. */
  begin (): AsyncIterator<T, unknown, undefined>
  end (): void
}

export function iterate<T> (steps: Steps<T>): AsyncIterableIterator<T> {
  let inner: AsyncIterator<T, unknown, undefined> | undefined
  let over = false
  const finish = (): void => {
    over = true
    steps.end()
  }
  const done: IteratorResult<T, undefined> = { done: true, value: undefined }
  return {
    async next (): Promise<IteratorResult<T, undefined>> {
      if (over) return done
      try {
        const result = await steps.step(() => (inner ??= steps.begin()).next())
        if (result.done !== true) return result
        finish()
        return done
      } catch (error) {
        finish()
        inner?.return?.().catch(() => {}) // it may wait at a yield, with something to tidy up
        throw error
      }
    },
    async return (): Promise<IteratorResult<T, undefined>> {
      if (over) return done
      finish()
      await inner?.return?.()
      return done
    },
    [Symbol.asyncIterator] () { return this }
  }
}
