import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filesystem, resetForFork } from '../../../lib/index.js'
import { MiB, onPlace, pattern, warningsIn } from './support.js'

async function codesOf (fn: () => Promise<void>): Promise<string[]> { return (await warningsIn(fn)).map(({ code }) => String(code)) }

describe('an upload with parts', function () {
  this.timeout(30_000)

  it('goes on where the journal can not be written, and one warning for all of a process says that recover() will not find it', () => onPlace(async place => {
    const content = pattern(9 * MiB)
    const write = async (key: string): Promise<void> => {
      const file = await filesystem('s3', place.options.s3).open(`data/${key}`, 'w')
      await file.write(content)
      await file.close()
      assert.deepEqual(Buffer.from((await place.server.get('data', key))!), Buffer.from(content))
    }
    resetForFork() // a process that nobody has told yet
    const tmp = process.env.FORKFS_TMPDIR
    process.env.FORKFS_TMPDIR = join(place.folder, 'file')
    await writeFile(process.env.FORKFS_TMPDIR, 'no folder')
    assert.deepEqual(await codesOf(async () => { for (const key of ['a', 'b']) await write(key) }), ['FORKFS_UPLOAD_NOT_JOURNALLED'])
    process.env.FORKFS_TMPDIR = join(tmp!, 'folder')
    await mkdir(process.env.FORKFS_TMPDIR)
    assert.deepEqual(await codesOf(async () => { await write('c') }), [])
    assert.equal((await place.server.counters()).operations['CompleteMultipartUpload'], 3)
  }))
})
