import { conformance } from '../conformance/index.js'
import type { ConformanceOptions, Runner } from '../conformance/index.js'

export interface RecordedCase { readonly family: string, readonly title: string, readonly test: () => Promise<void> }

/** The cases of the suite on the instance as it is, written down instead of run. */
export function recorded (options: ConformanceOptions): RecordedCase[] {
  const cases: RecordedCase[] = []
  const path: string[] = []
  const runner: Runner = {
    describe: (title, body) => {
      path.push(title)
      body()
      path.pop()
    },
    it: (title, test) => { cases.push({ family: path.at(-1) ?? '', title, test }) },
    after: () => {}
  }
  conformance(runner, 'recorded', { ...options, harnesses: ['direct'] })
  return cases.slice(0, -1) // the last one looks back on the others
}

/** What is wrong with a case, if anything is. One of a broken filesystem may wait for ever: that is a failure too. */
export async function fails ({ test }: RecordedCase, patienceMs = 1000): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`did not end within ${patienceMs} ms`)) }, patienceMs)
  })
  try {
    await Promise.race([test(), late])
    return undefined
  } catch (error) {
    return error
  } finally {
    clearTimeout(timer)
  }
}
