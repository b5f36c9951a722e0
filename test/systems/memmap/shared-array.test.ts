import assert from 'node:assert/strict'
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { isFsError } from '../../../lib/errors/index.js'
import { allocate, hasShareableMemory, share } from '../../../lib/memmap/index.js'
import type { NumericArray, SharedArray, SharingMode } from '../../../lib/memmap/index.js'
import { resetForFork } from '../../../lib/owner/index.js'
import { revive } from '../../../lib/registry/revive.js'
import { failure, withWorker } from '../../process/workers/support.js'
import { canMount } from '../../capabilities.js'
import { koffiIsHere, onLinux, run, segmentsOf, tasks, withFolder } from './support.js'

const MiB = 1 << 20
const scenarios = fileURLToPath(new URL('./fixtures/scenarios.child.js', import.meta.url))

const stale = (error: unknown): boolean => isFsError(error, 'FORKFS_STALE_SEGMENT')

describe('share()', function () {
  this.timeout(30_000)

  it('gives an equal array that others can see, and leaves the caller\'s as it is', async () => {
    const array = Float32Array.from({ length: MiB }, (_, index) => index)
    await using shared = await share(array)
    assert.deepEqual(shared.array, array)
    assert.ok(hasShareableMemory(shared.array))
    assert.ok(!hasShareableMemory(array))
    shared.array[0] = 9
    assert.equal(array[0], 0)
  })

  it('D4, D5: keeps what is smaller than maxBytes, and all with null, as a copy that travels along', async () => {
    const cases = [[MiB, undefined, false], [MiB - 1, undefined, true], [10, 10, false], [9, 10, true], [MiB, null, true], [0, 0, true]] as const
    for (const [length, maxBytes, copied] of cases) {
      await using shared = await share(new Uint8Array(length).fill(7), maxBytes === undefined ? {} : { maxBytes })
      assert.equal(shared.carrier === 'copy', copied, `${length} ${maxBytes}`)
      await using cloned = revive(structuredClone(shared)) as SharedArray
      await using parsed = revive(JSON.parse(JSON.stringify(shared))) as SharedArray
      assert.deepEqual([cloned.array, parsed.array], [new Uint8Array(length).fill(7), new Uint8Array(length).fill(7)])
    }
  })

  it('D8: shares small arrays too where they are to be written by all', async () => {
    await using shared = await share(new Int32Array(2), { mode: 'r+' })
    assert.notEqual(shared.carrier, 'copy')
    await assert.rejects(share(new Int32Array(2), { mode: 'r+', maxBytes: null }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
  })

  it('carries each type of array', async () => {
    for (const type of [Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, Uint8ClampedArray]) {
      await using shared = await share(new type([1, 2, 3]), { maxBytes: 0 })
      await using cloned = revive(structuredClone(shared)) as SharedArray
      assert.deepEqual(cloned.array, new type([1, 2, 3]))
    }
    await using big = await share(new BigInt64Array([-1n, 5n]), { maxBytes: 0 })
    await using parsed = revive(JSON.parse(JSON.stringify(big))) as SharedArray
    assert.deepEqual(parsed.array, new BigInt64Array([-1n, 5n]))
  })

  it('rejects what is no array with memory, and wrong options', async () => {
    const detached = new Uint8Array(5)
    structuredClone(detached, { transfer: [detached.buffer] })
    for (const value of [detached, [1], new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), null, 'text']) await assert.rejects(share(value as NumericArray), TypeError)
    const array = new Uint8Array(8)
    for (const options of [{ mode: 'w' }, { folder: 'relative' }, { maxBytes: '1' }]) await assert.rejects(share(array, options as object), TypeError)
    await assert.rejects(share(array, { maxBytes: -1 }), RangeError)
  })

  it('release() is idempotent, and the array is FORKFS_CLOSED afterwards', async () => {
    const shared = await share(new Uint8Array(MiB))
    await Promise.all([shared.release(), shared.release()])
    await shared.release()
    assert.throws(() => shared.array, error => isFsError(error, 'FORKFS_CLOSED'))
    assert.throws(() => shared.toJSON(), error => isFsError(error, 'FORKFS_CLOSED'))
    assert.throws(() => structuredClone(shared), error => isFsError(error, 'FORKFS_CLOSED'))
  })

  it('shows its descriptor alone, and revive() leaves a live one as it is', async () => {
    await using shared = await share(new Uint8Array(MiB))
    assert.deepEqual(Object.keys(shared), ['$forkfs'])
    assert.equal((revive({ shared }) as { shared: unknown }).shared, shared)
  })
})

describe('allocate()', function () {
  this.timeout(30_000)

  it('gives zeroes', async () => {
    await using shared = await allocate(Float64Array, MiB)
    assert.equal(shared.array.length, MiB)
    assert.ok(shared.array.every(value => value === 0))
    assert.ok(hasShareableMemory(shared.array))
    await using none = await allocate(Float64Array, 0)
    assert.equal(none.array.length, 0)
  })

  it('rejects wrong types and lengths', async () => {
    await assert.rejects(allocate(Array as unknown as typeof Uint8Array, 5), TypeError)
    await assert.rejects(allocate(5 as unknown as typeof Uint8Array, 5), TypeError)
    await assert.rejects(allocate(Uint8Array, '5' as unknown as number), TypeError)
    for (const length of [-1, 1.5, NaN, Infinity]) await assert.rejects(allocate(Uint8Array, length), RangeError)
  })

  for (const mode of ['r', 'r+', 'c'] as const) {
    it(`what is filled in later is what workers get, mode ${mode}`, async () => {
      const { value } = await run('bornShared', [mode])
      if (!koffiIsHere && mode === 'r+') {
        assert.equal(value, 'FORKFS_NOT_SUPPORTED') // for the process among them
        return
      }
      const [carrier, zero, sums] = value as [string, boolean, Array<[number, number, boolean]>]
      assert.deepEqual([carrier, zero], [koffiIsHere ? 'mmap' : 'shared-memory', true])
      assert.deepEqual(sums.map(([, length]) => length), [MiB / 2, MiB / 2])
      const written = mode === 'r+' ? 3 : 0 // by the other worker, where it was first: a 2 becomes a 5
      for (const [sum] of sums) assert.ok(sum === 2 * MiB || sum === 2 * MiB + written, String(sum))
    })
  }
})

describe('a shared array on its way', function () {
  this.timeout(60_000)

  it('reaches a thread through its port as the same memory', async () => {
    await using shared = await share(new Int32Array(MiB), { mode: 'r+' })
    const worker = new Worker(new URL('./fixtures/port.js', import.meta.url))
    worker.postMessage({ list: [shared] })
    const [carrier] = await once(worker, 'message') as [string]
    assert.deepEqual([carrier, shared.array[3]], [shared.carrier, 42])
    await worker.terminate()
  })

  it('reaches a child through process.send() as its descriptor', async function () {
    if (!onLinux) this.skip()
    await using shared = await share(new Float64Array(MiB).fill(4))
    const child = fork(scenarios, ['read', JSON.stringify([shared])], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    let output = ''
    child.stdout!.on('data', chunk => { output += String(chunk) })
    await once(child, 'close')
    assert.deepEqual(JSON.parse(output), [koffiIsHere ? 'mmap' : 'file', MiB, 4])
  })

  it('comes back from a worker as an array that the worker shared', async () => {
    for (const kind of ['thread', 'process'] as const) {
      await withWorker({ kind }, async worker => {
        await using shared = await worker.call<SharedArray<Float64Array>>(tasks, 'shareHere', [MiB, 6])
        assert.deepEqual([shared.array.length, shared.array[MiB - 1]], [MiB, 6])
      })
    }
  })

  it('D15: is what it holds when it is sent: written again where it changed, one segment at a time', async function () {
    if (!onLinux || koffiIsHere) this.skip()
    await withFolder(async folder => {
      const shared = await share(new Float64Array(MiB).fill(1), { folder })
      const first = shared.toJSON()
      assert.deepEqual([JSON.stringify(shared), segmentsOf(folder).length], [JSON.stringify(first), 1])
      shared.array[0] = 9
      const second = shared.toJSON()
      assert.equal(segmentsOf(folder).length, 1)
      assert.throws(() => { revive(first) }, stale)
      await using again = revive(second) as SharedArray<Float64Array>
      assert.equal(again.array[0], 9)
      await shared.release()
      assert.deepEqual(segmentsOf(folder), [])
    })
  })

  it('D8: mode r+ is FORKFS_NOT_SUPPORTED for a process that can not map files, never a copy', async function () {
    if (koffiIsHere) this.skip()
    await using shared = await share(new Float64Array(MiB), { mode: 'r+' })
    assert.throws(() => shared.toJSON(), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    await withWorker({ kind: 'process' }, async worker => {
      assert.equal((await failure(worker.call(tasks, 'echo', [shared])))['code'], 'FORKFS_NOT_SUPPORTED')
      assert.equal(await worker.call(tasks, 'add', [1, 2]), 3)
    })
  })

  it('D8: who sees what is written, by mode and carrier, without koffi', async function () {
    if (koffiIsHere || !onLinux) this.skip()
    assert.deepEqual((await run('modes')).value, {
      'thread r': ['shared-memory', 'shared-memory', true, true],
      'thread c': ['shared-memory', 'copy', false, false],
      'thread r+': ['shared-memory', 'shared-memory', true, true],
      'process r': ['shared-memory', 'file', false, false],
      'process c': ['shared-memory', 'file', false, false],
      'process r+': 'FORKFS_NOT_SUPPORTED'
    })
  })
})

describe('a stale descriptor', function () {
  this.timeout(30_000)

  before(function () { if (!onLinux) this.skip() })

  async function released (): Promise<{ readonly text: string, readonly segment: { readonly fd: number, readonly bytes: number } }> {
    const shared = await share(new Uint8Array(MiB).fill(1))
    const descriptor = shared.toJSON()
    await shared.release()
    return { text: JSON.stringify(descriptor), segment: (descriptor.$forkfs as unknown as { segment: { fd: number, bytes: number } }).segment }
  }

  it('D18: is FORKFS_STALE_SEGMENT after release()', async () => {
    const { text } = await released()
    assert.throws(() => { revive(JSON.parse(text)) }, stale)
  })

  it('D18: is FORKFS_STALE_SEGMENT where another file has the descriptor\'s number, a pipe or a file of the same length', () => withFolder(async folder => {
    const { text, segment: { fd, bytes } } = await released()
    const opened: number[] = []
    const path = join(folder, 'same')
    try {
      do opened.push(openSync(path, 'w+')); while (opened.at(-1)! < fd)
      assert.ok(opened.includes(fd))
      writeSync(fd, new Uint8Array(bytes + 16))
      assert.throws(() => { revive(JSON.parse(text)) }, stale)
      // The very same file, and another nonce at its end: what a reused inode would look like.
      const { $forkfs } = JSON.parse(text) as { $forkfs: { segment: Record<string, unknown> } }
      const { dev, ino } = statSync(path)
      assert.throws(() => { revive({ $forkfs: { ...$forkfs, segment: { ...$forkfs.segment, file: `${dev}:${ino}` } } }) }, stale)
      execFileSync('mkfifo', [join(folder, 'fifo')])
      assert.throws(() => { revive({ $forkfs: { ...$forkfs, segment: { ...$forkfs.segment, pid: undefined, fd: undefined, path: join(folder, 'fifo') } } }) }, stale)
    } finally {
      for (const each of opened) closeSync(each)
    }
  }))

  it('D18: is FORKFS_STALE_SEGMENT when its owner has ended', async () => {
    const owner = spawn(process.execPath, [scenarios, 'descriptor', '[]'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [chunk] = await once(owner.stdout, 'data') as [Buffer]
    const text = chunk.toString()
    await using alive = revive(JSON.parse(text)) as SharedArray<Float64Array>
    assert.equal(alive.array[5], 4)
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    assert.throws(() => { revive(JSON.parse(text)) }, stale)
    assert.equal(alive.array[6], 4)
  })

  it('is FORKFS_DESCRIPTOR where it is damaged', async () => {
    await using shared = await share(new Float64Array(MiB).fill(1))
    const { $forkfs } = JSON.parse(JSON.stringify(shared)) as { $forkfs: Record<string, unknown> }
    const segment = $forkfs['segment'] as Record<string, unknown>
    const damaged = [
      { array: 'Array' }, { array: undefined }, { mode: 'w' }, { length: MiB + 1 }, { length: -1 }, { length: 1.5 }, { byteOffset: 3 }, { byteOffset: 8 },
      { segment: 5 }, { segment: { ...segment, nonce: 'short' } }, { segment: { ...segment, pid: '1' } }, { segment: { ...segment, path: 5 } },
      { segment: undefined }, { segment: undefined, data: 5 },
      { segment: undefined, data: 'AAAA' }, { segment: undefined, buffer: new ArrayBuffer(8) }, { segment: undefined, buffer: new SharedArrayBuffer(8) }
    ]
    for (const [index, change] of damaged.entries()) {
      assert.throws(() => { revive({ $forkfs: { ...$forkfs, ...change } }) }, error => isFsError(error, 'FORKFS_DESCRIPTOR'), String(index))
    }
  })
})

describe('resetForFork() and shared arrays', () => {
  it('closes their segments and forgets them: a descriptor made before is stale, the array stays good', async function () {
    if (!onLinux) this.skip()
    await withFolder(async folder => {
      const shared = await share(new Float64Array(MiB).fill(1), { folder })
      const text = JSON.stringify(shared)
      assert.equal(segmentsOf(folder).length, 1)
      resetForFork()
      assert.throws(() => { revive(JSON.parse(text)) }, stale)
      assert.throws(() => shared.toJSON(), error => isFsError(error, 'FORKFS_RESET'))
      assert.equal(shared.array[5], 1)
      if (!koffiIsHere) assert.deepEqual(segmentsOf(folder), [])
      await shared.release()
      const fresh = await share(new Float64Array(MiB), { folder })
      assert.ok(JSON.stringify(fresh).includes('nonce'))
      await fresh.release()
    })
  })
})

describe('shared arrays in small file systems', function () {
  this.timeout(90_000)

  before(function () { if (!canMount) this.skip() })

  const mounts = (folder: string, shm: string, temporary: string): string[] => [`mount -t tmpfs -o ${shm} none /dev/shm`, `mount -t tmpfs -o ${temporary} none ${folder}`]
  const crowded = (folder: string, shm: string, temporary: string, args: readonly unknown[] = ['process', 16]) =>
    run('crowded', args, { mounts: mounts(folder, shm, temporary), env: { TMPDIR: folder, FORKFS_TMPDIR: '' } })

  it('D6: take the next folder where shared memory is too small, with one warning in each process that writes', () => withFolder(async folder => {
    const { code, stderr, value } = await crowded(folder, 'size=8m', 'size=200m')
    assert.equal(code, 0)
    assert.equal(stderr.split('ForkfsWarning').length, 3)
    assert.deepEqual((value as { outcomes: unknown }).outcomes, [16 * MiB, 32 * MiB, 3, 2])
  }))

  it('D6: reject with ENOSPC within a second where all are full, leave nothing, and the worker goes on', () => withFolder(async folder => {
    const { code, value } = await crowded(folder, 'size=8m', 'size=8m')
    const { outcomes, ms, left } = value as { outcomes: unknown, ms: number, left: number }
    assert.deepEqual([code, outcomes, left], [0, ['ENOSPC', 'ENOSPC', 'ENOSPC', 2], 0])
    assert.ok(ms < 1000, `${ms} ms`)
  }))

  it('D19: copy where every folder is read-only, with one warning', () => withFolder(async folder => {
    const { code, stderr, value } = await crowded(folder, 'ro', 'ro')
    assert.equal(code, 0)
    assert.equal(stderr.split('ForkfsWarning').length, 2)
    assert.deepEqual((value as { outcomes: unknown }).outcomes, [16 * MiB, 32 * MiB, 3, 2])
  }))

  it('D6, D19: are no concern of threads', () => withFolder(async folder => {
    const { code, stderr, value } = await crowded(folder, 'ro', 'ro', ['thread', 16])
    assert.deepEqual([code, stderr, (value as { outcomes: unknown }).outcomes], [0, '', [16 * MiB, 32 * MiB, 3, 2]])
  }))

  it('D6: share() lives without a folder, and says so when another process is to see it', () => withFolder(async folder => {
    const { value } = await run('shareCrowded', [16], { mounts: mounts(folder, 'size=8m', 'size=8m'), env: { TMPDIR: folder, FORKFS_TMPDIR: '' } })
    assert.deepEqual(value, koffiIsHere ? 'ENOSPC' : ['shared-memory', 'ENOSPC'])
  }))

  it('D7: go by names where /proc shows nothing: folders 0700, files 0600, deleted when they are done with', () => withFolder(async folder => {
    const { code, stderr, value } = await run('named', [folder], { mounts: ['mount -t tmpfs none /proc'] })
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(value, { total: 2 * MiB, back: 3, modes: ['false,700', 'true,600'] })
    assert.deepEqual(readdirSync(join(folder, `forkfs-${process.getuid!()}`, 'roots')), [])
  }))

  it('D2: leave nothing in shared memory, whoever was killed when (FORKFS_TEST_KILLS=all: 200 times)', async function () {
    this.timeout(240_000)
    const points = process.env['FORKFS_TEST_KILLS'] === 'all' ? { workers: 176, parents: 14, all: 10 } : { workers: 32, parents: 4, all: 3 }
    const { code, value } = await run('kills', [points], { mounts: ['mount -t tmpfs -o size=64m none /dev/shm'], env: { FORKFS_TMPDIR: '' }, timeoutMs: 230_000 })
    assert.deepEqual([code, value], [0, { count: points.workers + points.parents + points.all, left: 0 }])
  })
})

describe('shared arrays with koffi', function () {
  this.timeout(60_000)

  before(function () { if (!koffiIsHere || !onLinux) this.skip() })

  it('D8: who sees what is written, by mode', async () => {
    const here = ['mmap', 'mmap'] as const
    const { code, stderr, value } = await run('modes')
    assert.deepEqual([code, stderr, value], [0, '', {
      'thread r': [...here, false, false],
      'thread c': [...here, false, false],
      'thread r+': [...here, true, true],
      'process r': [...here, false, false],
      'process c': [...here, false, false],
      'process r+': [...here, true, true]
    }])
  })

  for (const mode of ['r', 'r+', 'c'] as const satisfies readonly SharingMode[]) {
    it(`D9: arrays born shared are filled in place, and a part of one that comes back is private, mode ${mode}`, async () => {
      const { value } = await run('bornShared', [mode])
      const [carrier, zero, sums, first, shareable] = value as [string, boolean, Array<[number, number, boolean]>, number[], boolean]
      assert.deepEqual([carrier, zero, shareable, first], ['mmap', true, true, mode === 'r+' ? [5, 5, 2] : [2, 2, 2]])
      assert.deepEqual(sums.map(([, length]) => length), [MiB / 2, MiB / 2])
    })
  }

  it('D1: a worker that is given 100 MB grows by what it reads', async () => {
    const { value } = await run('resident', [96])
    const { got, read, total } = value as { got: number, read: number, total: number }
    assert.ok(got < 24, `${got} MiB`)
    assert.ok(read < 24, `${read} MiB`)
    assert.equal(total, Math.ceil(96 * MiB / 8 / 10 / 512))
  })

  it('memory goes with the last array over it, and arrays outlive release()', async () => {
    const { code, value } = await run('unmap')
    assert.equal(code, 0)
    assert.ok(value as number < 100, `${value as number} MiB more are mapped after 40 rounds of 8 MiB`)
  })
})
