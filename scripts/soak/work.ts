/** What a worker does: reads and writes at random, through the filesystem that it was sent, and looks at every byte. */
import { setTimeout as delay } from 'node:timers/promises'
import { isFsError } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { contentOf, nameOf, Random } from './random.js'

export interface Task {
  readonly fs: FileSystem
  /** Where this worker writes; nobody else does. */
  readonly own: string
  /** Where everybody reads. */
  readonly shared: readonly string[]
  readonly seed: number
  readonly milliseconds: number
}

export interface Report {
  readonly done: Record<string, number>
  /** Codes of errors, with how often they came. */
  readonly codes: Record<string, number>
  readonly aborted: number
  readonly bytes: number
  /** What must not be. */
  readonly wrong: readonly string[]
  /** Of the whole process. */
  readonly rss: number
}

const MiB = 1024 * 1024
const sizes = [0, 10, 3000, 80_000, 700_000]
const lanes = 3
const stop = new Error('the soak had enough of this')

interface Scene {
  readonly fs: FileSystem
  readonly own: string
  /** What to read: of one's own, or shared. */
  readonly path: string
  /** What to write. */
  readonly target: string
  readonly random: Random
  readonly signal: AbortSignal
}

/** @returns the bytes that went one way or the other */
type Step = (scene: Scene) => Promise<Uint8Array | undefined>

/** Bytes of [start, end) of what the path should hold. */
function check (path: string, data: Uint8Array, start = 0, end?: number): Uint8Array {
  const expected = contentOf(path).subarray(start, end)
  if (Buffer.compare(data, expected) !== 0) throw new Error(`wrong bytes: ${path} [${start}, ${end ?? ''}), ${data.length} came, ${expected.length} belong`)
  return data
}

const steps: Readonly<Record<string, { readonly weight: number, readonly step: Step }>> = {
  catFile: { weight: 25, step: async ({ fs, path, signal }) => check(path, await fs.catFile(path, { signal })) },
  range: {
    weight: 20,
    step: async ({ fs, path, random, signal }) => {
      const start = random.below(60_000)
      const end = start + 1 + random.below(30_000)
      return check(path, await fs.catFile(path, { start, end, signal }), start, end)
    }
  },
  file: { weight: 10, step: ({ fs, path, signal }) => fs.withFile(path, 'r', async file => check(path, await file.readFile()), { signal }) },
  pipeFile: {
    weight: 20,
    step: async ({ fs, target, signal }) => {
      const data = contentOf(target)
      await fs.pipeFile(target, data, { signal })
      return data
    }
  },
  parts: {
    weight: 3,
    step: async ({ fs, own, random, signal }) => {
      const target = `${own}/${nameOf(random.below(3), 5 * MiB + 1000)}`
      const data = contentOf(target)
      await fs.withFile(target, 'w', file => file.write(data), { signal, partBytes: 5 * MiB })
      return data
    }
  },
  exclusive: {
    weight: 4,
    step: async ({ fs, target, signal }) => {
      await fs.pipeFile(target, contentOf(target), { flag: 'wx', signal })
      return undefined
    }
  },
  cp: {
    weight: 4,
    step: async ({ fs, own, path, signal }) => {
      await fs.cp(path, `${own}/copies/${path.slice(path.lastIndexOf('/') + 1)}`, { signal })
      return undefined
    }
  },
  rm: {
    weight: 4,
    step: async ({ fs, target, signal }) => {
      await fs.rm(target, { signal })
      return undefined
    }
  },
  find: {
    weight: 6,
    step: async ({ fs, own, signal }) => {
      const found = await fs.find(own, { signal })
      const strange = found.find(path => !path.startsWith(`${own}/`) || !/k\d+-\d+$/.test(path))
      if (strange !== undefined) throw new Error(`a listing of ${own} names ${strange}`)
      return undefined
    }
  }
}
const lottery = Object.entries(steps).flatMap(([name, { weight }]) => Array<string>(weight).fill(name))

/** Called again and again for a while; a worker may be killed in it at any moment. */
export async function work ({ fs, own, shared, seed, milliseconds }: Task): Promise<Report> {
  const report = { done: {} as Record<string, number>, codes: {} as Record<string, number>, aborted: 0, bytes: 0, wrong: [] as string[], rss: 0 }
  const end = performance.now() + milliseconds
  const lane = async (random: Random): Promise<void> => {
    while (performance.now() < end) {
      const name = random.of(lottery)
      const target = `${own}/${nameOf(random.below(4), random.of(sizes))}`
      const path = random.next() < 0.5 ? random.of(shared) : target
      const controller = new AbortController()
      const timer = random.next() < 0.25 ? setTimeout(() => { controller.abort(stop) }, random.below(60)) : undefined
      try {
        const data = await steps[name]!.step({ fs, own, path, target, random, signal: controller.signal })
        report.bytes += data?.length ?? 0
        report.done[name] = (report.done[name] ?? 0) + 1
      } catch (error) {
        if (error === stop) report.aborted++
        else if (isFsError(error)) report.codes[error.code] = (report.codes[error.code] ?? 0) + 1
        else report.wrong.push(`${name} ${path}: ${error instanceof Error ? error.message : String(error)}`)
        await delay(random.below(5))
      } finally {
        clearTimeout(timer)
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, at) => lane(new Random(seed + at * 7919))))
  return { ...report, rss: process.memoryUsage.rss() }
}
