import assert from 'node:assert/strict'
import { isFsError } from '../../../lib/errors/index.js'
import { createPool, startWorker } from '../../../lib/workers/index.js'
import type { SharingOptions, WorkerKind } from '../../../lib/workers/index.js'
import { failure, withWorker } from '../../process/workers/support.js'
import { koffiIsHere, onLinux, run, segmentsOf, tasks, withFolder } from './support.js'

const MiB = 1 << 20
const kinds: readonly WorkerKind[] = ['thread', 'process', 'in-process']

/** A process worker whose segments, and its parent's, lie in a folder of their own. */
function withProcess (sharing: SharingOptions, fn: (worker: Awaited<ReturnType<typeof startWorker>>, folder: string) => Promise<void>): Promise<void> {
  return withFolder(folder => withWorker({ kind: 'process', sharing: { folder, ...sharing } }, worker => fn(worker, folder)))
}

for (const kind of kinds) {
  describe(`sharing of large arrays, ${kind}`, function () {
    this.timeout(60_000)

    it('D15: what arrives is what the array held when it was sent, however often it changes', () => withWorker({ kind }, async worker => {
      const array = new Float64Array(MiB).fill(1)
      for (let round = 1; round <= 5; round++) {
        array[MiB - round] = round * 1000
        const expected = array.reduce((total, value) => total + value)
        const call = worker.call(tasks, 'sum', [array])
        array.fill(0) // after it was sent
        assert.equal(await call, expected)
        array.fill(1)
      }
    }))

    it('takes arrays out of the data around them, and leaves that as it was', () => withWorker({ kind }, async worker => {
      const [big, other] = [new Uint32Array(MiB).fill(7), new Float32Array(MiB).fill(0.5)]
      const value: Record<string, unknown> = {
        list: [big, [other, 'x']], map: new Map<unknown, unknown>([['a', big], [other, 1]]), set: new Set([big]),
        small: new Uint8Array(3), date: new Date(5), none: null
      }
      value['self'] = value
      const before = structuredClone(value)
      const back = await worker.call<typeof value>(tasks, 'echo', [value])
      assert.deepEqual(back, before)
      assert.equal(back['self'], back)
      assert.equal((back['list'] as unknown[])[0], (back['map'] as Map<string, unknown>).get('a'))
      assert.deepEqual(value, before)
      assert.equal((value['list'] as unknown[])[0], big)
    }))

    it('carries every type of array, views that begin anywhere, and frozen containers', () => withWorker({ kind, sharing: { maxBytes: 1 } }, async worker => {
      const buffer = new ArrayBuffer(4096)
      new Uint8Array(buffer).forEach((_, index, bytes) => { bytes[index] = index * 7 })
      const views = [
        new Uint8Array(buffer, 3, 11), new Int8Array(buffer, 1, 5), new Uint16Array(buffer, 2, 9), new Int16Array(buffer, 6, 9), new Uint32Array(buffer, 4, 7),
        new Int32Array(buffer, 12, 7), new Float32Array(buffer, 20, 3), new Float64Array(buffer, 24, 3), new BigInt64Array(buffer, 40, 2),
        new BigUint64Array(buffer, 48, 2), new Uint8ClampedArray(buffer, 9, 4)
      ]
      const back = await worker.call<typeof views>(tasks, 'echo', [Object.freeze(views)])
      assert.deepEqual(back, views)
      assert.deepEqual(back.map(view => view.constructor.name), views.map(view => view.constructor.name))
    }))

    it('D4: sends what is no typed array, and arrays of length zero, as they are', () => withWorker({ kind, sharing: { maxBytes: 0 } }, async worker => {
      const values = [new Uint8Array(0), new ArrayBuffer(2 * MiB), new DataView(new ArrayBuffer(2 * MiB)), 'x'.repeat(2 * MiB), [], undefined]
      assert.deepEqual(await worker.call(tasks, 'echo', [values]), values)
    }))

    it('D9: a result that is a part of a shared argument arrives as private memory', () => withWorker({ kind }, async worker => {
      const array = new Float64Array(MiB).fill(3)
      for (const length of [10, MiB]) {
        const back = await worker.call<Float64Array>(tasks, 'part', [array, 0, length])
        assert.ok(back.buffer instanceof ArrayBuffer)
        assert.equal(back.length, length)
        back.fill(8)
        assert.equal(array[0], 3)
        assert.deepEqual(await worker.call(tasks, 'sum', [array]), 3 * MiB)
      }
    }))

    it('D10: a function that throws leaves nothing behind, and the worker usable', () => withWorker({ kind }, async worker => {
      const array = new Float64Array(MiB).fill(1)
      assert.ok(await failure(worker.call(tasks, 'fail', [array])) instanceof RangeError)
      assert.equal(await worker.call(tasks, 'sum', [array]), MiB)
    }))

    it('rejects with FORKFS_UNCLONEABLE, naming the argument, when large arrays stand beside what can not be sent', () => withWorker({ kind }, async worker => {
      const array = new Float64Array(MiB).fill(1)
      const error = await failure(worker.call(tasks, 'echo', [{ array, fn () {} }]))
      assert.deepEqual([error['code'], error['path']], ['FORKFS_UNCLONEABLE', 'args[0].fn'])
      assert.equal((await failure(worker.call(tasks, 'uncloneable', [array])))['code'], 'FORKFS_UNCLONEABLE')
      assert.equal(await worker.call(tasks, 'sum', [array]), MiB)
    }))

    it('rejects wrong options before anything starts', async () => {
      for (const sharing of [{ maxBytes: '5' }, { mode: 'w' }, { folder: 'relative' }, { folder: 5 }, { size: 1 }, 5, null]) {
        await assert.rejects(startWorker({ kind, sharing: sharing as SharingOptions }), TypeError, JSON.stringify(sharing))
      }
      for (const maxBytes of [-1, NaN]) await assert.rejects(startWorker({ kind, sharing: { maxBytes } }), RangeError)
    })
  })
}

describe('sharing of large arrays, threads', function () {
  this.timeout(30_000)

  it('gives workers one memory for one array, and their results as their own', () => withWorker({ kind: 'thread' }, async worker => {
    const array = new Float64Array(MiB).fill(1)
    assert.deepEqual(await worker.call(tasks, 'look', [array]), { memory: 'SharedArrayBuffer', type: 'Float64Array', length: MiB, first: 1 })
    const result = await worker.call<Float64Array>(tasks, 'make', [MiB, 2])
    assert.ok(result.buffer instanceof ArrayBuffer)
  }))

  it('D8: mode c gives each call a copy of its own; mode null clones', async () => {
    for (const sharing of [{ mode: 'c' }, { maxBytes: null }] as const) {
      await withWorker({ kind: 'thread', sharing }, async worker => {
        const array = new Float64Array(MiB).fill(1)
        assert.equal((await worker.call<{ memory: string }>(tasks, 'look', [array])).memory, 'ArrayBuffer')
        assert.equal(await worker.call(tasks, 'write', [array, 0, 5]), 5)
        assert.equal(await worker.call(tasks, 'sum', [array]), MiB)
      })
    }
  })

  it('what one call wrote by mistake is not what the next one gets', () => withWorker({ kind: 'thread' }, async worker => {
    const array = new Float64Array(MiB).fill(1)
    await worker.call(tasks, 'write', [array, 0, 5])
    assert.equal(array[0], 1)
    assert.equal(await worker.call(tasks, 'sum', [array]), MiB)
  }))

  it('passes the user\'s own shared memory by reference, there and back', () => withWorker({ kind: 'thread' }, async worker => {
    const own = new Float64Array(new SharedArrayBuffer(2 * MiB))
    const back = await worker.call<Float64Array>(tasks, 'echo', [own])
    back[0] = 4
    assert.equal(own[0], 4)
  }))
})

describe('sharing of large arrays, processes', function () {
  this.timeout(60_000)

  before(function () { if (!onLinux) this.skip() })

  it('D1: 100 MB to 8 processes are one segment', () => withFolder(async folder => {
    const pool = await createPool({ kind: 'process', size: 8, sharing: { folder } })
    try {
      const array = new Uint8Array(100_000_000).fill(1)
      const calls = Array.from({ length: 8 }, () => pool.call<{ length: number }>(tasks, 'look', [array]))
      assert.equal(segmentsOf(folder).length, 1)
      const lengths = (await Promise.all(calls)).map(({ length }) => length)
      assert.deepEqual(lengths, Array.from({ length: 8 }, () => 100_000_000))
    } finally {
      await pool.close({ force: true })
    }
    assert.deepEqual(segmentsOf(folder), [])
  }))

  it('one array sent a hundred times is one file, which goes with the worker', () => withProcess({}, async (worker, folder) => {
    const array = new Float64Array(MiB).fill(1)
    const seen = new Set<string>()
    for (let round = 0; round < 50; round++) {
      assert.equal(await worker.call(tasks, 'sum', [array]), MiB)
      for (const segment of segmentsOf(folder)) seen.add(segment)
    }
    const calls = Array.from({ length: 50 }, () => worker.call(tasks, 'sum', [array]))
    for (const segment of segmentsOf(folder)) seen.add(segment)
    await Promise.all(calls)
    assert.equal(seen.size, 1)
    await worker.close()
    assert.deepEqual(segmentsOf(folder), [])
  }))

  it('D3: views of one buffer are one segment, equal copies are two', () => withProcess({}, async (worker, folder) => {
    const buffer = new ArrayBuffer(8 * MiB)
    const views = [new Float64Array(buffer, 0, MiB / 2), new Float64Array(buffer, 4 * MiB), new Uint8Array(buffer, 1, 3 * MiB), new Float64Array(buffer)]
    const calls = views.map(view => worker.call(tasks, 'sum', [view]))
    assert.equal(segmentsOf(folder).length, 1)
    await Promise.all(calls)
    const again = [worker.call(tasks, 'sum', [views[0]]), worker.call(tasks, 'sum', [views[0]!.slice()])]
    assert.equal(segmentsOf(folder).length, 2)
    await Promise.all(again)
  }))

  it('D5: shares from exactly maxBytes on, in arguments and results', async () => {
    const cases = [[undefined, MiB, 1], [undefined, MiB - 8, 0], [4096, 4096, 1], [4096, 4088, 0], [null, MiB, 0], [Infinity, MiB, 0]] as const
    for (const [maxBytes, bytes, segments] of cases) {
      await withProcess(maxBytes === undefined ? {} : { maxBytes }, async (worker, folder) => {
        const call = worker.call(tasks, 'sum', [new Float64Array(bytes / 8).fill(1)])
        assert.equal(segmentsOf(folder).length, segments, `${maxBytes} ${bytes}`)
        assert.equal(await call, bytes / 8)
        assert.deepEqual(await worker.call(tasks, 'make', [bytes / 8, 2]), new Float64Array(bytes / 8).fill(2))
      })
    }
  })

  it('D4: makes no file for what is small, or no typed array', () => withProcess({}, async (worker, folder) => {
    const call = worker.call(tasks, 'echo', [[new Uint8Array(100), new ArrayBuffer(2 * MiB), 'x'.repeat(2 * MiB)]])
    assert.deepEqual(segmentsOf(folder), [])
    await call
  }))

  it('D7: makes files that nobody else can open, and that have no name', () => withProcess({}, async (worker, folder) => {
    const umask = process.umask(0)
    try {
      const call = worker.call(tasks, 'sum', [new Float64Array(MiB)])
      const { readdirSync, readlinkSync, statSync } = await import('node:fs')
      const modes = readdirSync('/proc/self/fd').flatMap(fd => {
        try { return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`) ? [statSync(`/proc/self/fd/${fd}`).mode & 0o777] : [] } catch { return [] }
      })
      assert.deepEqual(modes, [0o600])
      assert.deepEqual(readdirSync(folder), [])
      await call
    } finally {
      process.umask(umask)
    }
  }))

  it('D14: works in a folder with spaces, unicode and a line break in its name', () => withFolder(async folder => {
    const { mkdir } = await import('node:fs/promises')
    const odd = `${folder}/ein Ordner\n日本`
    await mkdir(odd)
    await withWorker({ kind: 'process', sharing: { folder: odd } }, async worker => {
      assert.equal(await worker.call(tasks, 'sum', [new Float64Array(MiB).fill(1)]), MiB)
      assert.equal((await worker.call<Float64Array>(tasks, 'make', [MiB, 2]))[MiB - 1], 2)
    })
  }))

  it('rejects with what is wrong with a folder that can not be used, and leaves no worker', async () => {
    const { rejects } = assert
    await rejects(startWorker({ kind: 'process', sharing: { folder: '/nowhere/at/all' } }), error => isFsError(error, 'ENOENT'))
    await rejects(startWorker({ kind: 'process', sharing: { folder: '/etc/hostname' } }), error => isFsError(error, 'ENOTDIR', 'EEXIST'))
    await rejects(createPool({ kind: 'process', size: 2, sharing: { folder: '/proc' } }), error => isFsError(error))
  })

  it('D8: starts no process worker in mode r+ where it can not map files', async function () {
    if (koffiIsHere) this.skip()
    await assert.rejects(startWorker({ kind: 'process', sharing: { mode: 'r+' } }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    await withWorker({ kind: 'thread', sharing: { mode: 'r+' } }, async worker => { assert.equal(await worker.call(tasks, 'add', [1, 1]), 2) })
  })

  it('D11: two processes that go by names have a folder each in the same parent, one process has one', () => withFolder(async folder => {
    const folders = await Promise.all([run('placesIn', [folder]), run('placesIn', [folder])])
    const [first, second] = folders.map(({ value }) => value as string[])
    assert.equal(new Set(first).size, 1)
    assert.equal(new Set(second).size, 1)
    assert.notEqual(first![0], second![0])
  }))

  it('D10: releases what a worker held that was killed over it', () => withProcess({}, async (worker, folder) => {
    const array = new Float64Array(MiB).fill(1)
    const call = failure(worker.call(tasks, 'killMe', [array]))
    assert.equal(segmentsOf(folder).length, 1)
    assert.equal((await call)['code'], 'FORKFS_WORKER_DIED')
    assert.deepEqual(segmentsOf(folder), [])
  }))

  for (const how of ['killMe', 'fail'] as const) {
    it(`D10: a parent ends by itself, silent and with code 0, after ${how}()`, async () => {
      const { code, stderr, value } = await run('silentEnd', [how])
      assert.deepEqual([code, stderr, value], [0, '', { code: how === 'fail' ? 'RangeError: on purpose' : 'FORKFS_WORKER_DIED', open: 0 }])
    })
  }

  it('B17: a worker that dies over a large answer is FORKFS_WORKER_DIED, or its answer is whole', async () => {
    for (let round = 0; round < 5; round++) {
      await withWorker({ kind: 'process' }, async worker => {
        const result = await worker.call<Float64Array>(tasks, 'answerThenExit', [MiB]).catch((error: unknown) => error)
        assert.ok(result instanceof Float64Array ? result.length === MiB : isFsError(result, 'FORKFS_WORKER_DIED'), String(result))
      })
    }
  })

  it('D16: starts no tracker for files without a name', async () => {
    const { value } = await run('trackers', [MiB])
    assert.deepEqual(value, [])
  })
})
