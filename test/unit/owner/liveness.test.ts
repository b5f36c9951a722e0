import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { currentOwner, resetForFork, sameOwner } from '../../../lib/owner/index.js'
import { isAlive, ownerRecord, toOwnerRecord, untouchedMs, verdictOf } from '../../../lib/owner/liveness.js'
import { addOwnerFile, claimFolder, liveOwnerFiles } from '../../../lib/owner/owner-files.js'

const module = new URL('../../../lib/owner/liveness.js', import.meta.url).href
const linux = process.platform === 'linux'

/** The record that code running elsewhere makes of itself. */
async function recordOf (worker: Worker): Promise<ReturnType<typeof ownerRecord>> {
  const [record] = await once(worker, 'message') as [ReturnType<typeof ownerRecord>]
  return record
}

describe('an owner record', () => {
  it('names the owner that asks, and comes back whole from JSON', () => {
    const record = ownerRecord()
    assert.ok(sameOwner(record, currentOwner()))
    assert.deepEqual(toOwnerRecord(JSON.parse(JSON.stringify(record))), record)
    for (const wrong of [null, 5, {}, { ...record, pid: 0 }, { ...record, pid: -1 }, { ...record, pid: '1' }, { ...record, host: undefined }]) assert.equal(toOwnerRecord(wrong), undefined)
  })

  it('is alive for itself, dead after a reset of its thread', () => {
    const record = ownerRecord()
    assert.equal(verdictOf(record), 'alive')
    resetForFork()
    assert.equal(verdictOf(record), 'dead')
    assert.equal(verdictOf(ownerRecord()), 'alive')
  })

  it('tells a dead thread from its living process, without being told', async function () {
    if (!linux) this.skip()
    const worker = new Worker(`import('${module}').then(({ ownerRecord }) => { const { parentPort } = require('worker_threads'); parentPort.postMessage(ownerRecord()); parentPort.on('message', () => {}) })`, { eval: true })
    const record = await recordOf(worker)
    assert.deepEqual([record.pid, record.threadId, verdictOf(record)], [process.pid, worker.threadId, 'alive'])
    await worker.terminate()
    while (verdictOf(record) !== 'dead') await nextTurn() // the system takes the thread away a moment after Node has told its end
  })

  it('is dead when its pid is another process\'s now, or a zombie\'s, or nobody\'s', async function () {
    if (!linux) this.skip()
    const record = ownerRecord()
    const child = spawn('sleep', ['30'])
    try {
      assert.equal(verdictOf({ ...record, realm: 'x', pid: child.pid! }), 'dead') // its start time is not the child's
      assert.equal(verdictOf({ ...record, realm: 'x', pid: 2 ** 22 + 1 }), 'dead') // beyond every pid of Linux
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('counts where nobody can look it up until it was not touched for a quarter of an hour', () => {
    const record = ownerRecord()
    for (const elsewhere of [{ ...record, realm: 'x', bootId: 'another boot' }, { ...record, realm: 'x', pidNamespace: 1 }]) {
      assert.equal(verdictOf(elsewhere), 'unknown')
      const now = Date.now()
      assert.equal(isAlive(elsewhere), true)
      assert.deepEqual([60_000, 5000 - untouchedMs, -untouchedMs - 5000].map(offset => isAlive(elsewhere, now + offset)), [true, true, false])
    }
  })
})

describe('claimFolder()', () => {
  it('lets nobody in beside a live one, whoever came first; what dead ones left is in nobody\'s way', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-claim-'))
    try {
      const dead = { ...ownerRecord(), realm: 'gone', pid: 2 ** 22 + 1 }
      await writeFile(join(folder, '1.0.gone.1-0000'), JSON.stringify({ owner: dead }))
      await writeFile(join(folder, '.new-1.0.gone.1-0001'), '{"ow')
      await utimes(join(folder, '.new-1.0.gone.1-0001'), 0, 0)
      const claims = await Promise.all(Array.from({ length: 10 }, () => claimFolder(folder)))
      assert.ok(claims.filter(claim => claim !== undefined).length <= 1)
      for (const claim of claims) await claim?.remove()
      const claim = await claimFolder(folder, { label: 'a' })
      assert.deepEqual((await liveOwnerFiles(folder)).map(file => file.fields), [{ label: 'a' }])
      assert.equal(await claimFolder(folder), undefined)
      await claim!.remove()
      await claim!.remove()
      const other = await addOwnerFile(folder)
      assert.equal(await claimFolder(folder), undefined)
      other.removeSync()
      assert.deepEqual(await readdir(folder), [])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
