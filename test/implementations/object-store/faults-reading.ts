import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { FileSystem } from '../../../lib/index.js'
import type { FaultAction, FaultMatch, FaultRule } from '../../servers/index.js'
import { code, MiB, pattern } from '../data.js'
import { titled } from './kind.js'
import type { Kind } from './kind.js'
import type { FaultyStage } from './stage.js'
import type { FaultyStore, ObjectServer, SharedOptions } from './stores.js'

const part = 8 * MiB
export const small = pattern(20_000)
export const large = pattern(3 * part + 9)

interface FaultsReadingOptions {
  /** What else passes when a request for a range is made again. */
  readonly passing: Readonly<Record<string, FaultAction>>
  /** Refusals of a read: status, the store's word, our code. */
  readonly refusals: ReadonlyArray<readonly [status: number, word: string, code: string]>
}

export interface FaultsReadingStage<Fs extends FileSystem = FileSystem, Server = ObjectServer, Options = SharedOptions> extends FaultyStage<Fs, Server, Options> {
  /** Spoil reads, or the requests that match. */
  fault (action: FaultRule['action'], match?: FaultMatch, times?: number): Promise<void>
  /** How many reads the server has seen in this test. */
  reads (): Promise<number>
  holds (got: Uint8Array, expected: Uint8Array): void
}

const passing: Readonly<Record<string, FaultAction>> = {
  'a 503': { type: 'status', status: 503 },
  'a 500': { type: 'status', status: 500 },
  'a reset before the reply': { type: 'reset' },
  'a reset in the body': { type: 'reset', afterBytes: 1000 },
  'a reset at the request': { type: 'reset', of: 'request' },
  'an end before the reply': { type: 'cut' },
  'a body cut short': { type: 'cut', afterBytes: 1000 },
  'a length that is too large': { type: 'wrongLength', by: 5 },
  'a length that is too small': { type: 'wrongLength', by: -5 },
  'a flood of headers': { type: 'headerFlood' },
  'a Content-Range that lies': { type: 'wrongContentRange' },
  'a Content-Range that is none': { type: 'wrongContentRange', value: 'bytes all' },
  'a missing Content-Range': { type: 'noContentRange' },
  'an ignored range': { type: 'ignoreRange' }
}

/**
 * Reads from a store that fails: the server holds `test/small`, `test/large` and `test/dir/a`, each test has an instance of its
 * own, and leaves no socket.
 */
export function faultsReadingSuite<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>, options: FaultsReadingOptions
): FaultsReadingStage<Fs, Server, Options> {
  const on = stageOf(kind)
  againTests(kind, on, options)
  it(titled(kind, 'G15', 'lists through resets and cuts'), async () => {
    await using many = await kind.openFaulty()
    await listsThrough(many, kind.operations.list)
  })
  endTests(kind, on, options)
  waitTests(kind, on)
  besideTests(kind, on)
  return on
}

function stageOf<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>
): FaultsReadingStage<Fs, Server, Options> {
  const { operations } = kind
  let store: FaultyStore<Fs, Server, Options>
  let fs: Fs
  let opened: Fs[]
  const open = (options?: Options): Fs => {
    const made = store.open(options)
    opened.push(made)
    return made
  }
  before(async () => {
    store = await kind.openFaulty()
    for (const [key, data] of [['small', small], ['large', large], ['dir/a', '']] as const) await store.server.put('test', key, data)
  })
  after(() => store.close())
  beforeEach(async () => {
    opened = []
    fs = open()
    await store.server.resetCounters()
  })
  afterEach(async () => {
    await store.server.clearFaults()
    await Promise.all(opened.map(each => each.close()))
    await store.server.reached({ sockets: 0 })
  })
  return {
    get server () { return store.server },
    get fs () { return fs },
    open,
    fault: (action, match = { operation: operations.read }, times = 1) => store.server.addFault({ action, match, times }),
    reads: async () => (await store.server.counters()).operations[operations.read] ?? 0,
    holds: (got, expected) => { assert.ok(Buffer.from(got).equals(expected), `${got.length} bytes instead of ${expected.length}, or others`) }
  }
}

function againTests (kind: Pick<Kind, 'named' | 'operations'>, on: FaultsReadingStage, options: FaultsReadingOptions): void {
  const { operations } = kind
  for (const [name, action] of Object.entries({ ...passing, ...options.passing })) {
    it(titled(kind, 'G15', `reads a range again after ${name}`), async () => {
      await on.fault(action)
      on.holds(await on.fs.catFile('test/small', { start: 10, end: 15_000 }), small.subarray(10, 15_000))
      assert.equal(await on.reads(), 2)
    })
  }

  for (const name of ['a 503', 'a reset before the reply', 'a reset in the body', 'a body cut short', 'a length that is too large', 'a flood of headers']) {
    it(titled(kind, 'G15', `reads a whole object again after ${name}, and a part of a large one alone`), async () => {
      await on.fault(passing[name]!)
      on.holds(await on.fs.catFile('test/small'), small)
      await on.server.resetCounters()
      await on.fault(passing[name]!, { operation: operations.read, nth: 3 })
      on.holds(await on.fs.catFile('test/large'), large)
      assert.equal(await on.reads(), 5)
    })
  }

  for (const name of ['a 503', 'a reset before the reply', 'a body cut short']) {
    it(titled(kind, 'G15', `looks and lists again after ${name}`), async () => {
      await on.fault(passing[name]!, { operation: operations.look })
      assert.equal((await on.fs.info('test/small')).size, small.length)
      await on.fault(passing[name]!, { operation: operations.list })
      assert.deepEqual(await on.fs.find('test'), ['test/dir/a', 'test/large', 'test/small'])
    })
  }
}

async function listsThrough ({ server, fs }: FaultyStore, operation: string): Promise<void> {
  await server.putMany('test', Array.from({ length: 2500 }, (_, index) => `many/${index}`), '')
  for (const action of [{ type: 'reset', afterBytes: 5000 }, { type: 'cut', afterBytes: 5000 }, { type: 'status', status: 503 }] as const) {
    await server.addFault({ action, match: { operation, nth: 2 } })
    assert.equal((await fs.find('test/many')).length, 2500)
  }
  assert.equal((await server.counters()).faults, 3)
}

function endTests (kind: Pick<Kind, 'named' | 'words' | 'protocol'>, on: FaultsReadingStage, { refusals }: FaultsReadingOptions): void {
  const { protocol, words } = kind
  const lasting: Record<string, [FaultAction, string]> = {
    'throttling that lasts': [{ type: 'status', status: 503 }, words.busy],
    'a store that fails': [{ type: 'status', status: 500 }, 'FORKFS_BACKEND'],
    'connections that are reset': [{ type: 'reset' }, 'FORKFS_NETWORK'],
    'bodies that are cut': [{ type: 'cut', afterBytes: 10 }, 'FORKFS_TRUNCATED'],
    'ranges that are ignored': [{ type: 'ignoreRange' }, 'FORKFS_PROTOCOL'],
    'ranges that are wrong': [{ type: 'wrongContentRange' }, 'FORKFS_PROTOCOL'],
    'a flood of headers': [{ type: 'headerFlood' }, 'FORKFS_PROTOCOL']
  }
  for (const [name, [action, expected]] of Object.entries(lasting)) {
    it(titled(kind, 'G15', `gives up on ${name} after as many requests as there are attempts, and says so`), async () => {
      await on.fault(action, undefined, 100)
      const tried = on.open({ retry: { attempts: 3, baseMs: 1, maxMs: 2 } })
      const status = action.type === 'status' ? { status: action.status } : {}
      await assert.rejects(tried.catFile('test/small', { start: 1, end: 100 }), code(expected, { retry: 'exhausted', path: 'test/small', protocol, ...status }))
      assert.equal(await on.reads(), 3)
      assert.deepEqual([tried.stats.requests, tried.stats.retries], [3, 2])
    })
  }

  it(titled(kind, 'G15', 'gives up on a whole object after so many attempts, and says so'), async () => {
    await on.fault({ type: 'status', status: 503 }, undefined, 100)
    const tried = on.open({ retry: { attempts: 3, baseMs: 1, maxMs: 2 } })
    await assert.rejects(tried.catFile('test/small'), code(words.busy, { retry: 'exhausted', status: 503, path: 'test/small' }))
    assert.equal(await on.reads(), 3)
  })

  it('stops retrying a whole instance when its budget is used up', async () => {
    await on.fault({ type: 'status', status: 500 }, undefined, 10_000)
    const tried = on.open({ retry: { attempts: 100, baseMs: 0.01, maxMs: 0.1 } })
    await Promise.allSettled(Array.from({ length: 20 }, () => tried.catFile('test/small')))
    assert.equal(tried.stats.retries, 100)
    assert.equal(await on.reads(), 120)
  })

  for (const [status, word, expected] of refusals) {
    it(`tells a ${status} ${word} as ${expected}`, async () => {
      await on.fault({ type: 'status', status, code: word }, undefined, 100)
      await assert.rejects(on.fs.catFile('test/small'), code(expected, { status, operation: 'catFile', path: 'test/small', protocol, retry: 'never' }))
    })
  }
}

/** Waits that the channel of retries tells of while `work` runs, in milliseconds. */
async function waitsOf (work: () => Promise<void>): Promise<number[]> {
  const waits: number[] = []
  const listen = (message: unknown): void => { waits.push((message as { waitMs: number }).waitMs) }
  subscribe('forkfs:retry', listen)
  try {
    await work()
  } finally {
    unsubscribe('forkfs:retry', listen)
  }
  return waits
}

function waitTests (kind: Pick<Kind, 'named' | 'operations'>, on: FaultsReadingStage): void {
  it(titled(kind, 'G20', 'waits as long as Retry-After says, but no longer than maxMs'), async () => {
    for (const [said, maxMs, expected] of [['3600', 60, 60], ['1', 5000, 1000]] as const) {
      for (const status of [503, 429]) {
        await on.fault({ type: 'status', status, headers: { 'Retry-After': said } })
        const start = performance.now()
        const waits = await waitsOf(async () => { on.holds(await on.open({ retry: { baseMs: 1, maxMs } }).catFile('test/small'), small) })
        const took = performance.now() - start
        assert.ok(took >= expected - 10 && took < expected + 3000, `${took} ms`)
        assert.deepEqual(waits, [expected])
      }
    }
  })

  for (const [name, action, ofReads] of [
    ['a connection that is never read', { type: 'stall', at: 'connect', ms: 400 }, false],
    ['a reply that never comes', { type: 'stall', at: 'headers' }, true],
    ['a body that stops', { type: 'stall', at: 'body', afterBytes: 100 }, true]
  ] as const) {
    const match = ofReads ? { operation: kind.operations.read } : {}
    it(titled(kind, 'G15', `reads again after ${name}, once the idle time is over`), async () => {
      const tried = on.open({ idleTimeoutMs: 60 })
      await on.fault(action, match)
      on.holds(await tried.catFile('test/small'), small)
      assert.equal(tried.stats.retries, 1)
    })

    it(titled(kind, 'G15', `gives up at the deadline on ${name}`), async () => {
      const tried = on.open({ timeoutMs: 120 })
      await on.fault(action, match, 10)
      const start = performance.now()
      await assert.rejects(tried.catFile('test/small'), code('ETIMEDOUT'))
      assert.ok(performance.now() - start < 1500)
    })
  }

  it('does not give up on a body that trickles', async () => {
    await on.fault({ type: 'trickle', bytesPerTick: 500, tickMs: 10 })
    const tried = on.open({ idleTimeoutMs: 200 })
    on.holds(await tried.catFile('test/small', { end: 15_000 }), small.subarray(0, 15_000))
    assert.equal(tried.stats.retries, 0)
  })
}

function besideTests (kind: Pick<Kind, 'named' | 'operations'>, on: FaultsReadingStage): void {
  const { read } = kind.operations

  it(titled(kind, 'G23', 'leaves 63 reads of the process alone when a stream is left, requests fail and instances close'), async () => {
    const others = [0, 1, 2, 3].map(() => on.open({ retry: { attempts: 2, baseMs: 1 } }))
    await on.fault({ type: 'trickle', bytesPerTick: 100, tickMs: 10 }, { operation: read, key: 'small' }, 63) // two seconds
    const reads = Array.from({ length: 63 }, (_, index) => others[index % 4]!.catFile('test/small'))
    const ended = Promise.allSettled(reads)
    await on.server.reached({ operations: { [read]: 63 } })
    // Each of them beside neighbours of the same instance.
    const stream = others[0]!.createReadStream('test/large')
    await once(stream, 'data')
    stream.destroy()
    await once(stream, 'close')
    await assert.rejects(others[1]!.catFile('test/none'), code('ENOENT'))
    await on.fault({ type: 'reset' }, { operation: read, key: 'dir/a' }, 2)
    await assert.rejects(others[1]!.catFile('test/dir/a'), code('FORKFS_NETWORK'))
    const aborted = AbortSignal.abort()
    await assert.rejects(others[2]!.catFile('test/large', { signal: aborted }), error => error === aborted.reason)
    const closing = on.open()
    await closing.info('test/dir/a')
    await closing.close()
    const closed = others[3]!.close()
    const { inFlight } = await on.server.counters()
    assert.ok(inFlight.now >= 63, `only ${inFlight.now} reads were still under way`)
    await ended
    for (const each of reads) on.holds(await each, small)
    await closed
    assert.deepEqual(others.map(({ stats }) => stats.retries), [0, 1, 0, 0])
  })

  it(titled(kind, 'G24', 'keeps to its connections at 5,000 calls at once, and to none once they were idle for a while'), async () => {
    const narrow = on.open({ maxConcurrency: 8 })
    const infos = await Promise.all(Array.from({ length: 5000 }, () => narrow.info('test/small')))
    assert.ok(infos.every(({ size }) => size === small.length))
    const { sockets } = await on.server.counters()
    assert.ok(sockets.peak <= 10, `${sockets.peak} sockets`)
    assert.ok(narrow.stats.sockets > 0 && narrow.stats.sockets <= 10)
    await on.server.reached({ sockets: 0 }) // the client's doing: the server keeps them for ever
    while (narrow.stats.sockets > 0) await setImmediate() // it hears of its own closing a turn later
  })

  it(titled(kind, 'G24', 'keeps no connection after close()'), async () => {
    const narrow = on.open({ maxConcurrency: 8 })
    await Promise.all(Array.from({ length: 50 }, () => narrow.info('test/small')))
    await narrow.close()
    assert.equal(narrow.stats.sockets, 0)
    await on.server.reached({ sockets: 0 })
  })
}
