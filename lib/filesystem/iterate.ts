/**
 * An iterator of a public verb: each step that needs the store is a call of its own (so that an iterator which nobody finishes
 * holds nothing), all steps share one source of pages and end with one lease. Items at hand cost no call.
 */
export interface Steps<T> {
  /** Run one step as a call. */
  step<R> (work: () => Promise<R>): Promise<R>
  /** Begin; called with the first step. */
  begin (): AsyncIterator<readonly T[], unknown, undefined>
  /** Throws when the owner is gone or the caller has aborted. */
  check (): void
  end (): void
}

export function iterate<T> (steps: Steps<T>): AsyncIterableIterator<T> {
  let inner: AsyncIterator<readonly T[], unknown, undefined> | undefined
  let page: readonly T[] = []
  let at = 0
  let over = false
  /** Steps go one after the other, as with a generator. */
  let last: Promise<unknown> | undefined
  const finish = (): void => {
    over = true
    page = []
    steps.end()
  }
  const done: IteratorResult<T, undefined> = { done: true, value: undefined }

  async function fetch (): Promise<IteratorResult<T, undefined>> {
    while (!over && at >= page.length) {
      const result = await steps.step(() => (inner ??= steps.begin()).next())
      if (over) return done
      if (result.done === true) finish()
      else {
        page = result.value
        at = 0
      }
    }
    return over ? done : { done: false, value: page[at++]! }
  }

  async function next (): Promise<IteratorResult<T, undefined>> {
    if (over) return done
    try {
      if (at < page.length) {
        steps.check()
        return { done: false, value: page[at++]! }
      }
      return await fetch()
    } catch (error) {
      finish()
      inner?.return?.().catch(() => {}) // it may wait at a yield, with something to tidy up
      throw error
    }
  }

  return {
    next () {
      if (last === undefined && at < page.length) return next()
      const turn: Promise<IteratorResult<T, undefined>> = (last ?? Promise.resolve()).then(next, next)
      last = turn
      const idle = (): void => { if (last === turn) last = undefined }
      turn.then(idle, idle)
      return turn
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
