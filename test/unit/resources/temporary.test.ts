import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isFsError } from '../../../lib/errors/index.js'
import { drainFinalizers, resetForFork } from '../../../lib/owner/index.js'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import { checkSpace, deletePath, freeBytes, journalAdd, journalAddSync, retryDelete, sweep, temporaryContext } from '../../../lib/resources/index.js'

let folder: string

/** Where this process keeps its temporary files during one test. */
function machine (): void {
  let before: string | undefined
  beforeEach(async () => {
    resetForFork() // no root of another test's
    folder = await mkdtemp(join(tmpdir(), 'forkfs-temporary-'))
    before = process.env.FORKFS_TMPDIR
    process.env.FORKFS_TMPDIR = folder
  })
  afterEach(async () => {
    await drainFinalizers()
    if (before === undefined) delete process.env.FORKFS_TMPDIR
    else process.env.FORKFS_TMPDIR = before
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
}

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

describe('temporaryContext()', () => {
  machine()

  it('A18, D7: makes files 0600 in folders 0700, whatever the umask', async function () {
    if (process.platform === 'win32') this.skip()
    const umask = process.umask(0)
    try {
      const context = await temporaryContext()
      const [file, inner] = [await context.file('.bin'), await context.folder()]
      const root = dirname(context.path)
      assert.equal(await mode(file), 0o600)
      assert.equal(await mode(join(root, 'owner.json')), 0o600)
      for (const path of [inner, context.path, root, dirname(root), forkfsPath()]) assert.equal(await mode(path), 0o700, path)
      await context.close()
    } finally {
      process.umask(umask)
    }
  })

  it('D7: refuses a base that others may enter, that is a link, or that belongs to another user', async function () {
    if (process.platform === 'win32') this.skip()
    const refused = (): Promise<void> => assert.rejects(temporaryContext(), error => isFsError(error, 'EACCES'))
    await mkdir(forkfsPath(), { mode: 0o700 })
    await chmod(forkfsPath(), 0o770)
    await refused()
    await rm(forkfsPath(), { recursive: true })
    await mkdir(join(folder, 'elsewhere'), { mode: 0o700 })
    await symlink(join(folder, 'elsewhere'), forkfsPath())
    await refused()
    await rm(forkfsPath())
    if (process.getuid?.() === 0) {
      await mkdir(forkfsPath(), { mode: 0o700 })
      await chown(forkfsPath(), 65534, 65534)
      await refused()
      await chown(forkfsPath(), 0, 0)
    }
    assert.deepEqual(await readdir(join(folder, 'elsewhere')), [])
    await (await temporaryContext()).close()
  })

  it('D11: gives each context a folder of its own, and one context one folder', async () => {
    const contexts = await Promise.all([1, 2, 3].map(() => temporaryContext()))
    assert.equal(new Set(contexts.map(context => context.path)).size, 3)
    assert.equal(new Set(contexts.map(context => dirname(context.path))).size, 1)
    const [one] = contexts
    const names = await Promise.all([one!.file(), one!.file(), one!.folder()])
    assert.deepEqual(new Set(names.map(name => dirname(name))), new Set([one!.path]))
    await one!.close()
    assert.deepEqual(contexts.map(context => existsSync(context.path)), [false, true, true])
    await Promise.all(contexts.map(context => context.close()))
  })

  it('runs what was deferred once, the last first, all of it, before the folder goes; then throws what failed', async () => {
    const context = await temporaryContext()
    const order: string[] = []
    context.defer(() => { order.push(`first ${existsSync(context.path)}`) })
    context.defer(async () => { throw new Error('mine') })
    context.defer(() => { order.push('last') })
    const closing = context.close()
    assert.equal(context.close(), closing)
    await assert.rejects(closing, { message: 'mine' })
    assert.deepEqual([order, existsSync(context.path)], [['last', 'first true'], false])
    await assert.rejects(context.file(), error => isFsError(error, 'FORKFS_CLOSED'))
  })

  it('takes the first parent that has room, and rejects with ENOSPC where none has', async () => {
    const context = await temporaryContext({ parents: [join(folder, 'not there'), folder], bytes: 1000 })
    assert.ok(context.path.startsWith(folder))
    await context.close()
    await assert.rejects(temporaryContext({ bytes: Number.MAX_SAFE_INTEGER }), error => isFsError(error, 'ENOSPC'))
    await assert.rejects(temporaryContext({ bytes: -1 }), RangeError)
    await assert.rejects(temporaryContext({ parents: [] }), RangeError)
  })

  it('C9: works in folders with spaces, brackets, unicode and 200 characters', async () => {
    for (const name of ['with space', '[a-b]*', 'ünï 日本', 'x'.repeat(200), 'a/new/one']) {
      process.env.FORKFS_TMPDIR = join(folder, name)
      const context = await temporaryContext()
      await context.file('.ü')
      await context.close()
      assert.equal(existsSync(context.path), false)
    }
    process.env.FORKFS_TMPDIR = 'relative'
    await assert.rejects(temporaryContext(), error => isFsError(error, 'FORKFS_CONFIG'))
    process.env.FORKFS_TMPDIR = folder
  })

  it('is forgotten at a reset: nothing of it is deleted or written any more', async () => {
    const context = await temporaryContext()
    const file = await context.file()
    resetForFork()
    await assert.rejects(context.file(), error => isFsError(error, 'FORKFS_RESET'))
    await context.close()
    await drainFinalizers()
    assert.ok(existsSync(file))
    const other = await temporaryContext()
    assert.notEqual(dirname(other.path), dirname(context.path))
    await other.close()
  })

  it('removes its root in shutdown(), but not what the journal keeps', async () => {
    const [kept, other] = [await temporaryContext(), await temporaryContext()]
    const file = await kept.file()
    const ticket = await journalAdd({ kind: 'commit', data: 1, keeps: [file] })
    await kept.close()
    await drainFinalizers()
    assert.deepEqual([existsSync(file), existsSync(other.path)], [true, false])
    await ticket.done()
  })
})

describe('journalAdd()', () => {
  machine()

  const files = (): Promise<string[]> => readdir(join(forkfsPath(), 'journal'))

  it('has written the entry when it resolves, and removes the file with the last one done', async () => {
    const [one, two] = await Promise.all([journalAdd({ kind: 'upload', data: { key: 'a\nb' } }), journalAdd({ kind: 'upload', data: 2 })])
    const [name] = await files()
    const path = join(forkfsPath(), 'journal', name!)
    const text = await readFile(path, 'utf8')
    assert.deepEqual(text.split('\n').slice(1).map(line => (JSON.parse(line) as { data: unknown }).data), [{ key: 'a\nb' }, 2])
    assert.equal(await mode(path), 0o600)
    await Promise.all([one.done(), one.done()])
    assert.equal((await files()).length, 1)
    await two.done()
    assert.deepEqual(await files(), [])
    const three = await journalAdd({ kind: 'upload', data: 3 })
    const four = journalAddSync({ kind: 'commit', data: 4 })
    assert.equal((await files()).length, 2)
    three.doneSync()
    four.doneSync()
    assert.deepEqual(await files(), [])
  })

  it('writes where FORKFS_TMPDIR says by then, whatever is open elsewhere', async () => {
    const first = await journalAdd({ kind: 'upload', data: 1 })
    const [before] = await files()
    process.env.FORKFS_TMPDIR = join(folder, 'moved')
    await mkdir(process.env.FORKFS_TMPDIR)
    const second = await journalAdd({ kind: 'upload', data: 2 })
    const after = await files()
    assert.equal(after.length, 1)
    await first.done()
    assert.equal(existsSync(join(forkfsPath(folder), 'journal', before!)), false)
    assert.deepEqual(await files(), after)
    await second.done()
    assert.deepEqual(await files(), [])
  })

  it('rejects before anything is recorded where it can not write', async function () {
    await mkdir(forkfsPath(), { mode: 0o700 })
    await writeFile(join(forkfsPath(), 'journal'), 'in the way')
    await assert.rejects(journalAdd({ kind: 'upload', data: 1 }), error => isFsError(error, 'EACCES'))
    await rm(join(forkfsPath(), 'journal'))
    await (await journalAdd({ kind: 'upload', data: 1 })).done()
    await assert.rejects(journalAdd({ kind: '', data: 1 }), TypeError)
  })

  it('rejects with FORKFS_RESET where a reset comes while the first entry is written', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const adding = journalAdd({ kind: 'upload', data: turns }).then(() => 'added', (error: unknown) => error)
      for (let turn = 0; turn < turns; turn++) await new Promise(resolve => { setImmediate(resolve) })
      resetForFork()
      const came = await adding
      assert.ok(came === 'added' || isFsError(came, 'FORKFS_RESET'), `after ${turns} turns: ${String(came)}`)
    }
  })

  it('is another owner\'s after a reset: done() does nothing, the file stays for the sweep', async () => {
    const ticket = await journalAdd({ kind: 'upload', data: 1 })
    resetForFork()
    await ticket.done()
    assert.equal((await files()).length, 1)
    assert.equal((await sweep({ dryRun: true })).kept, 1)
  })
})

describe('deleting', () => {
  it('D17: tries again while something is busy, is done when nothing is there, and gives up in the end', async function () {
    this.timeout(10_000)
    const failing = (codes: Array<string | undefined>): (() => Promise<void>) => async () => {
      const code = codes.shift()
      if (code !== undefined) throw Object.assign(new Error(code), { code })
    }
    const codes = ['EBUSY', 'EPERM', 'EACCES', undefined, 'EBUSY']
    await retryDelete(failing(codes))
    assert.deepEqual(codes, ['EBUSY'])
    await retryDelete(failing(['ENOENT']))
    await assert.rejects(retryDelete(failing(['EIO'])), { code: 'EIO' })
    await assert.rejects(retryDelete(failing(Array.from({ length: 10 }, () => 'EBUSY'))), { code: 'EBUSY' })
    await deletePath(join(tmpdir(), 'forkfs-was-never-there'))
  })
})

describe('checkSpace()', () => {
  it('refuses what would take more than nine tenths of what is free', async () => {
    const free = await freeBytes(tmpdir())
    assert.ok(free! > 0)
    await checkSpace(tmpdir(), Math.floor(free! / 2))
    await assert.rejects(checkSpace(tmpdir(), free! * 2), error => isFsError(error, 'ENOSPC'))
    assert.equal(await freeBytes('/there/is/no/such/folder'), undefined)
  })
})
