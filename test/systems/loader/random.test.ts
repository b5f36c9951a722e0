import assert from 'node:assert/strict'
import { filesystem } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions, LoaderState, TarSample } from '../../../lib/loader/index.js'
import { Random } from '../../../scripts/soak/random.js'
import { checkedKey, putTars, startStore } from './support.js'
import type { Puts, Store } from './support.js'

const rounds = Number(process.env.FORKFS_TEST_ROUNDS ?? 100)
const seed = Number(process.env.FORKFS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Some samples of a loader, or all; how it is asked and left is left to chance. */
async function take (loader: DataLoader<TarSample>, most: number, random: Random, bytes: (at: number) => number): Promise<{ keys: string[], ended: boolean, state: LoaderState }> {
  const keys: string[] = []
  let ended = false
  const iterator: AsyncIterator<TarSample | TarSample[]> = random.below(3) === 0 ? loader.batches(1 + random.below(5)) : loader[Symbol.asyncIterator]()
  while (!ended && keys.length < most) {
    const next = await iterator.next()
    if (next.done === true) ended = true
    else keys.push(...[next.value].flat().map(sample => checkedKey(sample, bytes)))
  }
  const state = JSON.parse(JSON.stringify(loader.state())) as LoaderState
  await loader.close()
  return { keys, ended, state }
}

describe(`DataLoader, left and resumed at random (FORKFS_TEST_SEED=${seed} FORKFS_TEST_ROUNDS=${rounds})`, function () {
  this.timeout(120_000)
  let store: Store
  let memory: FileSystem
  const inMemory: Puts = { put: async (folder, name, bytes) => { await memory.pipeFile(`${folder}/${name}`, bytes) } }

  before(async () => {
    store = await startStore()
    memory = filesystem('memory', { fresh: true })
  })
  after(async () => {
    await store.fs.close()
    await store.server.close()
    await memory.close()
  })

  it('gives every sample once, in the order of its seed, with any workers, credit and shards', async () => {
    const random = new Random(seed)
    for (let round = 0; round < rounds; round++) {
      const counts = Array.from({ length: 1 + random.below(5) }, () => random.below([1, 9, 9, 300][random.below(4)]!))
      const size = [1, 100, 3000][random.below(3)]!
      const bytes = (at: number): number => at % 7 === 0 ? size * 5 : size
      const fs = random.below(2) === 0 ? memory : store.fs
      const { paths, keys } = await putTars(fs === memory ? inMemory : store.server, `r${round}`, counts, bytes)
      const shuffle = ([false, { seed: round }, { seed: round, buffer: 1 + random.below(9) }, { seed: round, buffer: 1 + random.below(30) }] as const)[random.below(4)]!
      const ordered = random.below(3) > 0
      const prefetchBytes = [3000, 4096, 50_000, 64 * 1024 * 1024][random.below(4)]!
      const one: LoaderOptions = { shards: { fs, paths }, reader: 'tar', shuffle, ordered, prefetchBytes, kind: 'in-process' }
      const found: string[] = []
      const told: string[] = []
      let resume: LoaderState | undefined
      for (let ended = false; !ended;) {
        const most = random.below(3) === 0 ? Infinity : random.below(40)
        const workers = random.below(4)
        told.push(`${workers} workers, ${most}`)
        const where = `round ${round}: ${JSON.stringify({ counts, size, memory: fs === memory, shuffle, ordered, prefetchBytes })}, ${told.join('; ')}`
        const limit = setTimeout(() => { throw new Error(`it hangs: ${where}`) }, 30_000)
        const taken = await take(new DataLoader<TarSample>({ ...one, workers, resume }), most, random, bytes)
        clearTimeout(limit)
        found.push(...taken.keys)
        ended = taken.ended
        resume = taken.state
        assert.ok(found.length <= keys.length, where)
      }
      assert.deepEqual([...found].sort(), [...keys].sort(), told.join('; '))
      if (ordered) assert.deepEqual(found, (await take(new DataLoader<TarSample>({ ...one, workers: 0 }), Infinity, random, bytes)).keys, told.join('; '))
    }
  })
})
