import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFsError } from '../../../lib/errors/index.js'
import { acquireLock, liveLeases, onceDirectory, takeLease, tryLock, withLock } from '../../../lib/locks/index.js'
import { resetForFork } from '../../../lib/owner/index.js'
import { ownerRecord } from '../../../lib/owner/liveness.js'

let folder: string
let directory: string

/** Fresh ones for each test of the suite that calls it. */
function folders (): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-locks-'))
    directory = join(folder, 'locks')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
}

describe('acquireLock()', () => {
  folders()

  it('holds until release(), once for each who asks', async () => {
    const lock = await acquireLock('a', { directory })
    assert.deepEqual([lock.name, lock.held, await tryLock('a', { directory })], ['a', true, undefined])
    const other = await tryLock('b', { directory })
    assert.equal(other!.held, true)
    await Promise.all([lock.release(), lock.release(), other!.release()])
    const again = await acquireLock('a', { directory, timeoutMs: 0 })
    assert.deepEqual([lock.held, again.held], [false, true])
    await again[Symbol.asyncDispose]()
    assert.deepEqual(await readdir(directory), ['.key'])
  })

  it('C16: ends its wait with the signal\'s reason or after timeoutMs, and leaves nothing', async () => {
    const lock = await acquireLock('a', { directory })
    const controller = new AbortController()
    const reason = new Error('mine')
    const aborted = acquireLock('a', { directory, signal: controller.signal })
    const late = acquireLock('a', { directory, timeoutMs: 20 })
    await assert.rejects(late, error => isFsError(error, 'FORKFS_LOCK_TIMEOUT') && error.path === 'a')
    controller.abort(reason)
    await assert.rejects(aborted, error => error === reason)
    await assert.rejects(acquireLock('a', { directory, signal: controller.signal }), error => error === reason)
    await lock.release()
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
    assert.deepEqual(await readdir(directory), ['.key'])
  })

  it('C18: refuses inside withLock() of the same name, and only there', async () => {
    await withLock('a', async () => {
      await assert.rejects(acquireLock('a', { directory }), error => isFsError(error, 'FORKFS_LOCK_REENTRY') && error.path === 'a')
      await withLock('b', async () => {}, { directory })
    }, { directory })
    await assert.rejects(withLock('a', async () => { throw new Error('mine') }, { directory }), { message: 'mine' })
    await (await acquireLock('a', { directory, timeoutMs: 0 })).release()
  })

  it('refuses wrong arguments before any I/O', async () => {
    await assert.rejects(acquireLock('', { directory }), TypeError)
    await assert.rejects(acquireLock('a', { directory: 'relative' }), TypeError)
    await assert.rejects(acquireLock('a', { directory, driver: 'flock' as never }), TypeError)
    await assert.rejects(acquireLock('a', { directory, timeoutMs: -1 }), RangeError)
    assert.deepEqual(await readdir(folder), [])
  })

  it('D7: makes its directory 0700 and its files 0600, and refuses one that others may enter', async function () {
    if (process.platform === 'win32') this.skip()
    const umask = process.umask(0)
    try {
      const lock = await acquireLock('a', { directory })
      const [name] = (await readdir(directory)).filter(each => each !== '.key')
      const modes = [directory, join(directory, '.key'), join(directory, name!)]
      assert.deepEqual(await Promise.all(modes.map(async path => (await stat(path)).mode & 0o777)), [0o700, 0o600, 0o700])
      for (const file of await readdir(join(directory, name!))) assert.equal((await stat(join(directory, name!, file))).mode & 0o777, 0o600)
      await lock.release()
    } finally {
      process.umask(umask)
    }
    await chmod(directory, 0o770)
    await assert.rejects(acquireLock('a', { directory }), error => isFsError(error, 'EACCES'))
    await symlink(directory, join(folder, 'link'))
    await assert.rejects(acquireLock('a', { directory: join(folder, 'link') }), error => isFsError(error, 'EACCES'))
  })

  for (const driver of ['owner-file', ...(process.platform === 'linux' ? ['socket' as const] : [])] as const) {
    it(`by ${driver}: a reset lets go of it, rejects who waits, touches no file, and release() of before does nothing`, async () => {
      const lock = await acquireLock('a', { directory, driver })
      const waiting = acquireLock('a', { directory, driver })
      const before = await readdir(directory, { recursive: true })
      resetForFork()
      await assert.rejects(waiting, error => isFsError(error, 'FORKFS_RESET'))
      assert.deepEqual([lock.held, await readdir(directory, { recursive: true })], [false, before])
      const next = await acquireLock('a', { directory, driver, timeoutMs: 2000 })
      await lock.release()
      assert.equal(await tryLock('a', { directory, driver }), undefined)
      await next.release()
    })
  }

  it('C9: works in directories with spaces, brackets, unicode, through a link, and 200 characters long', async () => {
    await mkdir(join(folder, 'real'))
    await symlink(join(folder, 'real'), join(folder, 'linked'))
    for (const name of ['with space', '[a-b]*', 'ünï 日本', 'linked', 'x'.repeat(200)]) {
      const parent = join(folder, name)
      if (name !== 'linked') await mkdir(parent)
      const lock = await acquireLock('a', { directory: join(parent, 'locks') })
      assert.equal(await tryLock('a', { directory: join(parent, 'locks') }), undefined)
      await lock.release()
      const copy = await onceDirectory({ directory: join(parent, 'copies'), key: 'k', make: path => writeFile(join(path, 'f'), '1'), transient: true })
      assert.deepEqual(await readdir(copy.path), ['f'])
      await copy.release()
      assert.deepEqual(await readdir(join(parent, 'copies')), ['.locks'])
    }
  })
})

describe('takeLease()', () => {
  folders()

  it('counts each holder until it lets go; those of dead owners do not count and are removed', async () => {
    const leases = join(folder, 'leases')
    assert.deepEqual(await liveLeases(leases), [])
    const [one, two] = [await takeLease(leases), await takeLease(leases)]
    const dead = { ...ownerRecord(), pid: 2 ** 22 + 1, threadId: 0, realm: 'gone' } // beyond every pid of Linux
    await writeFile(join(leases, `${dead.pid}.0.gone.1-00000000`), JSON.stringify({ owner: dead }))
    await writeFile(join(leases, 'a stranger'), 'not ours')
    assert.equal((await liveLeases(leases)).length, 2)
    await Promise.all([one.release(), one.release()])
    assert.deepEqual((await liveLeases(leases)).map(owner => owner.realm), [ownerRecord().realm])
    await two[Symbol.asyncDispose]()
    assert.deepEqual(await readdir(leases), ['a stranger'])
  })

  it('is forgotten at a reset: its file stays, and counts no more in the thread that reset', async () => {
    const leases = join(folder, 'leases')
    const lease = await takeLease(leases)
    resetForFork()
    await lease.release()
    assert.equal((await readdir(leases)).length, 1)
    assert.deepEqual(await liveLeases(leases), [])
  })
})
