import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { FsError } from '../../../lib/errors/index.js'
import { openLocalWriter, openWriteHandle } from '../../../lib/file/index.js'
import type { FileHandle, StagedWriter } from '../../../lib/filesystem/types.js'
import { delegated, Folder, gate } from './helpers.js'

interface Owner { released: number, reset?: Error }

/** A handle over a real staged file, with what its owner sees. */
async function openIn (folder: Folder, change: (staged: StagedWriter) => StagedWriter = staged => staged): Promise<{ file: FileHandle, owner: Owner }> {
  const owner: Owner = { released: 0 }
  const staged = change(await openLocalWriter(folder.file('a')))
  const check = (): void => { if (owner.reset !== undefined) throw owner.reset }
  return { file: openWriteHandle(folder.file('a'), staged, { check, release: () => { owner.released++ } }), owner }
}

/** The n-th write fails. */
function failing (n: number, error: Error) {
  return (staged: StagedWriter): StagedWriter => {
    let writes = 0
    return { ...delegated(staged), write: async chunk => { if (++writes === n) throw error; await staged.write(chunk) } }
  }
}

describe('openWriteHandle()', () => {
  it('appends strings and bytes in the order of the calls and publishes at close(), once', async () => {
    await using folder = await Folder.make()
    let commits = 0
    const { file, owner } = await openIn(folder, staged => ({ ...delegated(staged), commit: () => { commits++; return staged.commit() } }))
    const written = await Promise.all([file.write('grüße '), file.write(Buffer.from('all ')), file.write('!')])
    assert.deepEqual(written.map(({ bytesWritten }) => bytesWritten), [8, 4, 1])
    assert.equal(file.size, 13)
    await Promise.all([file.close(), file.commit(), file.close()])
    await file.close()
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'grüße all !')
    assert.deepEqual([await folder.names(), owner.released, commits], [['a'], 1, 1])
    await assert.rejects(file.write('x'), { code: 'FORKFS_CLOSED' })
  })

  it('publishes what was written before close(), also where nobody waited for it', async () => {
    await using folder = await Folder.make()
    const { file } = await openIn(folder)
    const written = Promise.all([file.write('first '), file.write('second')])
    await file.close()
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'first second')
    assert.deepEqual((await written).map(({ bytesWritten }) => bytesWritten), [6, 6])
  })

  it('publishes nothing where a write that nobody waited for failed', async () => {
    await using folder = await Folder.make()
    const broken = new Error('broken')
    const { file } = await openIn(folder, failing(2, broken))
    const written = Promise.allSettled([file.write('first '), file.write('second')])
    await assert.rejects(file.close(), broken)
    assert.deepEqual((await written).map(({ status }) => status), ['fulfilled', 'rejected'])
    assert.deepEqual(await folder.names(), [])
  })

  it('takes the further arguments of node:fs as far as they append', async () => {
    await using folder = await Folder.make()
    const { file } = await openIn(folder)
    const write = file.write.bind(file) as (...args: unknown[]) => Promise<{ bytesWritten: number }>
    await write(Buffer.from('abcdef'), 1, 2)
    await write('4142', null, 'hex')
    await write(Buffer.from('xy'), 0, 1, 4)
    await assert.rejects(write(Buffer.from('x'), 0, 1, 0), { code: 'FORKFS_NOT_SUPPORTED' })
    await assert.rejects(write(Buffer.from('x'), 0, 2), RangeError)
    await assert.rejects(write(17), TypeError)
    await file.close()
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'bcABx')
  })

  it('drops everything when a write fails; later writes, commit() and close() reject with its error', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'old')
    const broken = new Error('broken')
    const { file, owner } = await openIn(folder, failing(2, broken))
    const results = await Promise.allSettled([file.write('1'), file.write('2'), file.write('3')])
    assert.deepEqual(results.map(result => result.status === 'rejected' ? result.reason : 'taken'), ['taken', broken, broken])
    for (const use of [() => file.write('4'), () => file.commit(), () => file.close(), () => file.close()]) await assert.rejects(use, error => error === broken)
    assert.deepEqual([await folder.names(), await readFile(folder.file('a'), 'utf8'), owner.released], [['a'], 'old', 1])
  })

  it('drops everything when commit() fails', async () => {
    await using folder = await Folder.make()
    const broken = new Error('broken')
    const { file, owner } = await openIn(folder, staged => ({ ...delegated(staged), commit: () => Promise.reject(broken) }))
    await file.write('x')
    await assert.rejects(file.close(), error => error === broken)
    assert.deepEqual([await folder.names(), owner.released], [[], 1])
  })

  it('abort() leaves nothing, rejects queued writes with its reason, and lets close() resolve', async () => {
    await using folder = await Folder.make()
    const held = gate()
    const { file, owner } = await openIn(folder, staged => ({
      ...delegated(staged), write: async chunk => { await held.opened; await staged.write(chunk) }
    }))
    const reason = new Error('enough')
    const writes = Promise.allSettled([file.write('1'), file.write('2')])
    const aborting = Promise.all([file.abort(reason), file.abort(new Error('later'))])
    held.open()
    await aborting
    assert.deepEqual((await writes).map(result => result.status), ['rejected', 'rejected'])
    await assert.rejects(file.write('3'), error => error === reason)
    await assert.rejects(file.commit())
    await file.close()
    assert.deepEqual([await folder.names(), owner.released], [[], 1])
  })

  it('abort() has no effect after commit()', async () => {
    await using folder = await Folder.make()
    const { file } = await openIn(folder)
    await file.write('x')
    await file.commit()
    await file.abort()
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'x')
  })

  it('drops what was not closed when it is disposed, with one warning if bytes are lost by it', async () => {
    await using folder = await Folder.make()
    const warned = once(process, 'warning') as Promise<[Error]>
    {
      const { file } = await openIn(folder)
      await using _empty = file
    }
    {
      const { file } = await openIn(folder)
      await using disposed = file
      await disposed.write('lost')
    }
    const [warning] = await warned
    assert.equal(warning.name, 'ForkfsWarning')
    assert.ok(warning.message.startsWith('4 bytes'))
    assert.deepEqual(await folder.names(), [])
  })

  it('rejects with FORKFS_RESET after a reset, publishes nothing and does not touch what is staged', async () => {
    await using folder = await Folder.make()
    let aborts = 0
    const { file, owner } = await openIn(folder, staged => ({ ...delegated(staged), abort: async () => { aborts++ } }))
    await file.write('x')
    owner.reset = new FsError('FORKFS_RESET', 'another epoch')
    for (const use of [() => file.write('y'), () => file.commit(), () => file.abort(), () => file.stat(), () => file.close()]) await assert.rejects(use, { code: 'FORKFS_RESET' })
    await file[Symbol.asyncDispose]()
    assert.deepEqual([aborts, owner.released, (await folder.names()).includes('a')], [0, 1, false])
  })

  it('refuses to read and to be cloned', async () => {
    await using folder = await Folder.make()
    const { file } = await openIn(folder)
    for (const use of [() => file.read(new Uint8Array(1)), () => file.readRange(0, 1), () => file.readFile()]) await assert.rejects(use, { code: 'FORKFS_NOT_SUPPORTED' })
    for (const use of [() => file.readLines(), () => file.createReadStream()]) assert.throws(use, { code: 'FORKFS_NOT_SUPPORTED' })
    for (const use of [() => structuredClone(file), () => JSON.stringify(file)]) assert.throws(use, { code: 'FORKFS_UNCLONEABLE' })
    await file.abort()
  })
})
