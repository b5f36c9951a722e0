import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { localTemporaryPattern, openLocalWriter } from '../../../lib/file/local.js'
import { removeLeftovers } from '../../../lib/file/local-leftovers.js'
import { resetForFork } from '../../../lib/owner/index.js'
import { isProcessGone, pidPlace } from '../../../lib/owner/liveness.js'
import { Folder } from './helpers.js'

const minute = 60_000

async function age (path: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms)
  await utimes(path, then, then)
}

/** A process amid a write to `a`. */
async function writing (folder: Folder): Promise<{ readonly child: ChildProcess, readonly staged: string, kill (): Promise<void> }> {
  const before = await folder.names()
  const child = fork(new URL('./fixtures/write-and-wait.child.js', import.meta.url), [folder.file('a')])
  const exited = once(child, 'exit')
  await once(child, 'message')
  const [staged] = (await folder.names()).filter(name => !before.includes(name))
  return { child, staged: staged!, async kill () { child.kill('SIGKILL'); await exited } }
}

describe('leftovers of killed local writes', () => {
  before(function () { if (pidPlace() === undefined) this.skip() })
  afterEach(() => { resetForFork() })

  it('are removed when their process is gone and they are old; those of a live process stay, however old', async () => {
    await using folder = await Folder.make()
    const killed = await writing(folder)
    const live = await writing(folder)
    try {
      for (const { staged } of [killed, live]) await age(folder.file(staged), 24 * 60 * minute)
      await removeLeftovers(folder.path)
      assert.deepEqual(await folder.names(), [killed.staged, live.staged].sort())
      await killed.kill()
      await removeLeftovers(folder.path)
      assert.deepEqual(await folder.names(), [live.staged])
    } finally {
      await Promise.all([killed.kill(), live.kill()])
    }
  })

  it('stay while they are young, of another pid namespace or boot, without one in the name, or no files of ours', async () => {
    await using folder = await Folder.make()
    const { staged, kill } = await writing(folder)
    await kill()
    const [, pid, place] = localTemporaryPattern.exec(staged)!
    assert.equal(place, pidPlace())
    await age(folder.file(staged), 9 * minute)
    await removeLeftovers(folder.path)
    assert.deepEqual(await folder.names(), [staged])

    await rename(folder.file(staged), folder.file('plain'))
    const elsewhere = place!.replace(/^./, digit => digit === '0' ? '1' : '0')
    const random = '0123456789abcdef'
    const kept = [`.a.${pid}-${elsewhere}.${random}.forkfs-tmp`, `.a.${pid}.${random}.forkfs-tmp`, `.a.${pid}-${place}.forkfs-tmp`, `a.${pid}-${place}.${random}.forkfs-tmp`]
    for (const name of kept) await writeFile(folder.file(name), '')
    await mkdir(folder.file(`.folder.${pid}-${place}.${random}.forkfs-tmp`))
    await symlink('plain', folder.file(`.link.${pid}-${place}.${random}.forkfs-tmp`))
    const before = await folder.names()
    for (const name of before) await age(folder.file(name), 60 * minute)
    await removeLeftovers(folder.path)
    assert.deepEqual(await folder.names(), before)
  })

  it('are removed by the next write to the folder, in this process and without anybody asking', async () => {
    await using folder = await Folder.make()
    const { staged, kill } = await writing(folder)
    await kill()
    await age(folder.file(staged), 11 * minute)
    await (await openLocalWriter(folder.file('b'))).commit()
    for (const end = performance.now() + 5000; performance.now() < end && (await folder.names()).length > 1;) await delay(5) // it tells nobody
    assert.deepEqual(await folder.names(), ['b'])
  })

  it('isProcessGone() is false for live processes, other places and none', async () => {
    await using folder = await Folder.make()
    const { child, kill } = await writing(folder)
    const before = isProcessGone(child.pid!, pidPlace())
    await kill()
    assert.equal(before, false)
    assert.equal(isProcessGone(child.pid!, pidPlace()), true)
    assert.equal(isProcessGone(child.pid!, undefined), false)
    assert.equal(isProcessGone(child.pid!, '0'.repeat(12)), false)
    for (const pid of [process.pid, 1]) assert.equal(isProcessGone(pid, pidPlace()), false)
  })
})
