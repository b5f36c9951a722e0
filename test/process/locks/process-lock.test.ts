import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { isFsError } from '../../../lib/errors/index.js'
import { acquireLock, tryLock } from '../../../lib/locks/index.js'
import type { LockDriverName } from '../../../lib/locks/index.js'
import { loadNative } from '../../../lib/locks/drivers/ofd.js'
import { canBeAnotherUser, canUnshare } from '../../capabilities.js'
import { forkCluster } from '../support.js'
import { Holder, onStage } from './support.js'

const drivers: LockDriverName[] = ['owner-file']
if (process.platform === 'linux') drivers.push('socket')
if (await loadNative() !== undefined) drivers.push('ofd')

const run = promisify(execFile)
const index = new URL('../../../lib/locks/index.js', import.meta.url).href
const thread = new URL('./fixtures/thread-holder.js', import.meta.url)
const holderFile = fileURLToPath(new URL('./fixtures/holder.child.js', import.meta.url))

/** The users' files in the folder of the one lock there. */
async function usersIn (directory: string): Promise<string[]> {
  const [folder] = (await readdir(directory)).filter(name => !name.startsWith('.'))
  return folder === undefined ? [] : (await readdir(join(directory, folder))).map(name => join(directory, folder, name))
}

for (const driver of drivers) {
  describe(`a lock among processes, by ${driver}`, function () {
    this.timeout(30_000)

    it('excludes: processes that count together lose nothing, and leave nothing', () => onStage(async stage => {
      const { directory } = stage
      const log = join(stage.folder, 'count')
      await writeFile(log, '0')
      const holders = await Promise.all([stage.holder(), stage.holder(), stage.holder()])
      await Promise.all(holders.map(holder => holder.ask({ verb: 'count', name: 'n', directory, driver, times: 10, log })))
      assert.equal(await readFile(log, 'utf8'), '30')
      assert.deepEqual((await readdir(directory)).filter(name => name !== '.key'), [])
    }))

    it('is free within two seconds after its holder was killed', () => onStage(async stage => {
      const { directory } = stage
      const holder = await stage.holder()
      await holder.ask({ verb: 'acquire', name: 'n', directory, driver })
      assert.equal(await tryLock('n', { directory, driver }), undefined)
      const waiting = acquireLock('n', { directory, driver })
      await holder.kill()
      const since = performance.now()
      const lock = await waiting
      assert.ok(performance.now() - since < 2000)
      assert.equal(lock.driver, driver)
      await lock.release()
    }))

    it('C14: stays with a holder whose event loop is blocked, or that is stopped', () => onStage(async stage => {
      const { directory } = stage
      const holder = await stage.holder()
      await holder.ask({ verb: 'acquire', name: 'n', directory, driver })
      // As if it had been blocked for long: nothing of it was touched for an hour.
      for (const path of await usersIn(directory)) await utimes(path, new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000))
      const blocked = holder.ask({ verb: 'block', ms: 600 })
      assert.equal(await tryLock('n', { directory, driver }), undefined)
      await blocked
      holder.child.kill('SIGSTOP')
      await assert.rejects(acquireLock('n', { directory, driver, timeoutMs: 300 }), error => isFsError(error, 'FORKFS_LOCK_TIMEOUT'))
      holder.child.kill('SIGCONT')
      await holder.ask({ verb: 'release' })
      const lock = await acquireLock('n', { directory, driver, timeoutMs: 5000 })
      await lock.release()
    }))

    it('is free after the thread that held it was terminated, though its process lives', () => onStage(async ({ directory }) => {
      const holder = new Worker(thread, { workerData: { name: 'n', directory, driver } })
      await once(holder, 'message')
      assert.equal(await tryLock('n', { directory, driver }), undefined)
      await holder.terminate()
      const lock = await acquireLock('n', { directory, driver, timeoutMs: 5000 })
      await lock.release()
    }))

    it('keeps no process alive, and is let go at its natural end and at exit, with nothing left', () => onStage(async ({ directory }) => {
      for (const last of ['', 'process.exit()']) {
        const code = `const { acquireLock, takeLease } = await import(${JSON.stringify(index)})
          const { driver } = await acquireLock('n', { directory: ${JSON.stringify(directory)}, driver: '${driver}' })
          await takeLease(${JSON.stringify(join(directory, '.leases'))})
          console.log(driver); ${last}`
        const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], { timeout: 10_000 })
        assert.equal(stdout, `${driver}\n`)
        const left = await readdir(directory, { recursive: true })
        // An empty folder is left by exit(), which has no time for more: whoever comes next uses it.
        assert.deepEqual(left.filter(name => name !== '.key' && name !== '.leases' && !name.endsWith('/.lock') && (name.includes('/') || last === '')), [])
      }
    }))

    it('C15: is exclusive among the workers of a cluster', () => onStage(async stage => {
      const { directory } = stage
      const holders = [0, 1].map(() => new Holder(forkCluster(holderFile, {}, { FORKFS_TMPDIR: stage.folder }).process))
      stage.holders.push(...holders)
      await Promise.all(holders.map(holder => holder.ready))
      const [first, second] = holders as [Holder, Holder]
      assert.equal(await first.ask({ verb: 'acquire', name: 'n', directory, driver }), driver)
      assert.equal(await second.ask({ verb: 'try', name: 'n', directory, driver }), undefined)
      await first.kill()
      assert.equal(await second.ask({ verb: 'acquire', name: 'n', directory, driver, ms: 5000 }), driver)
    }))
  })
}

describe('a lock among processes', function () {
  this.timeout(30_000)

  it('waits by the driver of those who use it, whatever it would have chosen; one that was asked for is refused', () => onStage(async stage => {
    const { directory } = stage
    const holder = await stage.holder()
    await holder.ask({ verb: 'acquire', name: 'n', directory, driver: 'owner-file' })
    if (drivers.includes('socket')) await assert.rejects(acquireLock('n', { directory, driver: 'socket' }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    const waiting = acquireLock('n', { directory })
    await holder.ask({ verb: 'release' })
    const lock = await waiting
    assert.equal(lock.held, true)
    await lock.release()
  }))

  it('refuses another driver than the one its holder uses', async function () {
    if (!drivers.includes('socket')) this.skip()
    await onStage(async stage => {
      const { directory } = stage
      const holder = await stage.holder()
      await holder.ask({ verb: 'acquire', name: 'n', directory, driver: 'socket' })
      if (drivers.includes('ofd')) await assert.rejects(acquireLock('n', { directory, driver: 'ofd' }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
      await assert.rejects(tryLock('n', { directory, driver: 'owner-file' }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
      await holder.kill() // what a dead one used binds nobody
      const lock = await acquireLock('n', { directory, driver: 'owner-file', timeoutMs: 5000 })
      await lock.release()
    })
  })

  it('C10: works for two users of one machine at once', async function () {
    if (!canBeAnotherUser) this.skip()
    await onStage(async stage => {
      await chmod(stage.folder, 0o1777)
      let other: Holder
      try {
        other = await Promise.race([stage.holder({}, ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']), new Promise<never>((_resolve, reject) => { setTimeout(reject, 5000) })])
      } catch {
        this.skip() // it may not read the code
      }
      assert.equal(typeof await other.ask({ verb: 'acquire', name: 'n' }), 'string')
      const lock = await acquireLock('n', { timeoutMs: 5000 })
      assert.deepEqual((await readdir(stage.folder)).sort(), ['forkfs-0', 'forkfs-65534'])
      await lock.release()
    })
  })

  it('of another pid namespace counts until its file was not touched for a quarter of an hour', async function () {
    if (!canUnshare('-Urpf')) this.skip()
    await onStage(async stage => {
      const { directory } = stage
      const holder = await stage.holder({}, ['unshare', '-Urpf', '--kill-child'])
      await holder.ask({ verb: 'acquire', name: 'n', directory, driver: 'owner-file' })
      await holder.kill()
      assert.equal(await tryLock('n', { directory, driver: 'owner-file' }), undefined)
      const [path] = await usersIn(directory)
      await utimes(path!, new Date(), new Date(Date.now() - 16 * 60_000))
      const lock = await acquireLock('n', { directory, driver: 'owner-file', timeoutMs: 5000 })
      await lock.release()
    })
  })

  it('by socket is refused across net namespaces, where it would not exclude', async function () {
    if (!canUnshare('-Urn')) this.skip()
    await onStage(async stage => {
      const { directory } = stage
      await mkdir(directory, { mode: 0o700 })
      const holder = await stage.holder({}, ['unshare', '-Urn'])
      await holder.ask({ verb: 'acquire', name: 'n', directory, driver: 'socket' })
      await assert.rejects(tryLock('n', { directory, driver: 'socket' }), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    })
  })
})
