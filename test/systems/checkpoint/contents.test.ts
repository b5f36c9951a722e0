import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { filesystem, isFsError } from '../../../lib/index.js'
import { canMount } from '../../capabilities.js'
import { code, contentsOf, onStage, sample, sampleNames } from './support.js'
import type { Contents, Stage } from './support.js'

const listing = async (folder: string): Promise<string[]> => (await readdir(folder, { recursive: true })).sort()
const read = (checkpoint: Checkpoint, options = {}): Promise<readonly string[]> => checkpoint.asDirectory(async folder => contentsOf(folder).names, options)

/** Rejects with it as a shared copy and as a copy at a place, and leaves nothing. */
async function refuses (stage: Stage, checkpoint: Checkpoint, expected: string): Promise<void> {
  const before = await listing(stage.folder)
  await assert.rejects(read(checkpoint), code(expected))
  await assert.rejects(checkpoint.toDirectory(join(stage.folder, 'new/place')), code(expected))
  assert.deepEqual((await listing(stage.folder)).filter(name => !before.includes(name) && !/^tmp\/forkfs-\d+(\/(checkpoints(\/\.locks(\/\.key)?)?|journal|locks(\/.*)?))?$/.test(name)), [])
  assert.deepEqual(await stage.copies(), [])
}

describe('the contents of a checkpoint', function () {
  this.timeout(60_000)

  it('C8: local, are used where they are, and never changed or removed', () => onStage(async stage => {
    const folder = await stage.local('mine')
    const checkpoint = Checkpoint.fromDirectory(folder)
    const before = contentsOf(folder)
    assert.equal(await checkpoint.asDirectory(async path => path), folder)
    const opened = await checkpoint.asDirectory()
    assert.equal(opened.path, folder)
    await opened[Symbol.asyncDispose]()
    await assert.rejects(checkpoint.asDirectory(async () => { throw new Error('mine') }), { message: 'mine' })
    assert.deepEqual(contentsOf(folder), before)
    assert.deepEqual(await stage.copies(), [])
    const target = join(stage.folder, 'copy')
    assert.equal(await checkpoint.toDirectory(target), target)
    await writeFile(join(target, 'config.json'), '{}')
    assert.deepEqual(contentsOf(folder), before)
  }))

  it('C8: local, with a manifest, are refused when a file is missing or shorter', () => onStage(async stage => {
    const folder = await stage.local('mine')
    const checkpoint = await Checkpoint.persist(folder, folder)
    assert.equal(await checkpoint.asDirectory(async path => path, { requireComplete: true }), folder)
    await writeFile(join(folder, 'config.json'), '{}')
    await assert.rejects(checkpoint.asDirectory(), code('FORKFS_TRUNCATED'))
    await rm(join(folder, 'config.json'))
    await assert.rejects(checkpoint.asDirectory(), code('FORKFS_INCOMPLETE'))
  }))

  for (const [what, name] of [['spaces', 'a b'], ['brackets and stars', '[tmp]*'], ['letters of all kinds', 'größe-寸法-😀'], ['200 letters', 'x'.repeat(200)]] as const) {
    it(`C9: arrive in a temporary folder with ${what} in its name`, () => onStage(async stage => {
      const { path } = await stage.persisted('data/runs/1')
      const [[one], [two]] = await Promise.all((await stage.actorsOf(['process', 'thread'])).map(actor => actor.open(path))) as [[Contents], [Contents]]
      assert.deepEqual([one.names, one.path], [sampleNames, two.path])
      assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
      await Promise.all(stage.actors.map(actor => actor.leave()))
      assert.deepEqual(await stage.copies(), [])
    }, { tmp: name }))
  }

  it('C9: arrive in a temporary folder that is reached through a link', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await symlink(process.env.FORKFS_TMPDIR!, join(stage.folder, 'link'))
    process.env.FORKFS_TMPDIR = join(stage.folder, 'link')
    assert.deepEqual(await read(stage.checkpoint(path)), sampleNames)
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C13: that are not there reject with ENOENT, filesystem and path, and nothing is made', () => onStage(async stage => {
    await stage.persisted('data/runs/1')
    await assert.rejects(read(stage.checkpoint('data/runs/2')), { code: 'ENOENT', protocol: 's3', path: 'data/runs/2' })
    await assert.rejects(read(stage.checkpoint('nowhere/runs')), { code: 'ENOENT', protocol: 's3', path: 'nowhere' }) // the bucket
    for (const path of ['data/runs/2', 'nowhere/runs']) await refuses(stage, stage.checkpoint(path), 'ENOENT')
    const missing = join(stage.folder, 'missing')
    await assert.rejects(Checkpoint.fromDirectory(missing).asDirectory(), { code: 'ENOENT', protocol: 'file', path: missing })
    await refuses(stage, Checkpoint.fromDirectory(missing), 'ENOENT')
    await refuses(stage, stage.checkpoint('data/runs/1/config.json'), 'ENOTDIR')
  }))

  it('C17: that do not fit on the disk reject with ENOSPC and leave nothing; when there is room they arrive', async function () {
    if (!canMount) this.skip()
    await onStage(async stage => {
      const many = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`shards/${n}.bin`, 'x'.repeat(1000)]))
      const { path } = await stage.stored('data/runs/1', many)
      const tmp = join(stage.folder, 'small')
      await mkdir(tmp)
      const mounted = ['unshare', '-Urm', '/bin/sh', '-c', `mount -t tmpfs -o size=8m,nr_inodes=90,mode=700 none ${tmp} && exec "$@"`, 'sh']
      const actor = await stage.actor('process', { env: { FORKFS_TMPDIR: tmp }, via: mounted })
      const names = (): Promise<string> => actor.ask<string>({ verb: 'shell', directory: `find ${tmp}/*/checkpoints -path '*/.locks*' -prune -o -mindepth 1 -print` })
      await assert.rejects(actor.open(path), code('ENOSPC'))
      assert.equal(await names(), '')
      await assert.rejects(actor.ask({ verb: 'directory', path, target: `${tmp}/place` }), code('ENOSPC'))
      assert.equal(await names(), '')
      assert.equal(await actor.ask({ verb: 'shell', directory: `ls -A ${tmp} | grep -v ^forkfs- || true` }), '')
      await actor.ask({ verb: 'shell', directory: `mount -o remount,size=8m,nr_inodes=900 ${tmp}` })
      assert.equal((await actor.open(path))[0]!.names.length, 120)
      await stage.stored('data/runs/2', { big: new Uint8Array(9 << 20) })
      await stage.server.resetCounters()
      await assert.rejects(actor.open('data/runs/2'), code('ENOSPC'))
      assert.equal(await stage.gets('data/runs/2/big'), 0)
    })
  })

  it('are those of the manifest: other files beside it do not come along', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.stored('data/runs/1', { 'stale.bin': 'old', '.metadata.json': '{"a":1}' })
    assert.deepEqual(await read(stage.checkpoint(path)), [...sampleNames, '.metadata.json'].sort())
  }))

  it('without a manifest are read as they are, and refused with requireComplete', () => onStage(async stage => {
    const checkpoint = await stage.stored('data/ray/checkpoint_000001')
    assert.deepEqual(await read(checkpoint), Object.keys(sample).sort())
    await assert.rejects(read(checkpoint, { requireComplete: true }), code('FORKFS_INCOMPLETE'))
    const [loose, strict] = await Promise.allSettled([read(checkpoint, { requireComplete: true }), read(checkpoint)])
    assert.deepEqual([loose.status, strict.status], ['rejected', 'fulfilled'])
    const held = await checkpoint.asDirectory()
    await assert.rejects(read(checkpoint, { requireComplete: true }), code('FORKFS_INCOMPLETE'))
    await held.release()
    assert.deepEqual(await stage.copies(), [])
  }))

  it('with a marker and no manifest are FORKFS_INCOMPLETE for every reader', () => onStage(async stage => {
    const remote = await stage.stored('data/runs/1', { ...sample, '.checkpoint.incomplete': '{}' })
    await refuses(stage, remote, 'FORKFS_INCOMPLETE')
    const local = Checkpoint.fromDirectory(await stage.local('half', { ...sample, '.checkpoint.incomplete': 'x' }))
    await assert.rejects(local.asDirectory(), code('FORKFS_INCOMPLETE'))
    await refuses(stage, local, 'FORKFS_INCOMPLETE')
  }))

  for (const [what, change, expected] of [
    ['another size', (file: Record<string, unknown>) => ({ ...file, size: 1 }), 'FORKFS_TRUNCATED'],
    ['another hash', (file: Record<string, unknown>) => ({ ...file, sha256: '0'.repeat(64) }), 'FORKFS_CHECKSUM'],
    ['a file that is not there', (file: Record<string, unknown>) => ({ ...file, name: 'other' }), 'FORKFS_INCOMPLETE'],
    ['a name that leaves the directory', (file: Record<string, unknown>) => ({ ...file, name: '../../evil' }), 'EINVAL'],
    ['an absolute name', (file: Record<string, unknown>) => ({ ...file, name: '/tmp/evil' }), 'EINVAL'],
    ['a name with NUL', (file: Record<string, unknown>) => ({ ...file, name: 'a\0b' }), 'EINVAL'],
    ['one of its own names', (file: Record<string, unknown>) => ({ ...file, name: '.checkpoint.copy' }), 'FORKFS_PROTOCOL'],
    ['no name', () => ({}), 'FORKFS_PROTOCOL']
  ] as const) {
    it(`of which the manifest says ${what} reject with ${expected}, and leave nothing`, () => onStage(async stage => {
      const { path } = await stage.persisted('data/runs/1')
      const manifest = JSON.parse(Buffer.from((await stage.server.get('data', 'runs/1/.checkpoint.json'))!).toString()) as { files: Array<Record<string, unknown>> }
      manifest.files[0] = change(manifest.files[0]!)
      await stage.server.put('data', 'runs/1/.checkpoint.json', JSON.stringify(manifest))
      await refuses(stage, stage.checkpoint(path), expected)
    }))
  }

  it('under keys that would leave the directory are refused before any is written', () => onStage(async stage => {
    for (const [index, key] of ['../../evil', 'a/../../../evil', './a', 'a//b', '/absolute'].entries()) {
      const checkpoint = await stage.stored(`data/hostile/${index}`, { fine: 'x', [key]: 'evil' })
      await refuses(stage, checkpoint, 'EINVAL')
    }
    assert.equal(existsSync(join(stage.folder, 'evil')), false)
  }))

  it('that the store damaged on the way are not accepted', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.put('data', 'runs/1/config.json', '{"layers":3}')
    await refuses(stage, stage.checkpoint(path), 'FORKFS_CHECKSUM')
  }))

  it('that change while they are fetched without a manifest are FORKFS_CHANGED', () => onStage(async stage => {
    const checkpoint = await stage.stored('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers', ms: 500 } })
    const reading = read(checkpoint)
    await stage.server.reached({ operations: { GetObject: 5 } })
    await stage.server.put('data', 'runs/1/shards/2.bin', 'new')
    await assert.rejects(reading, code('FORKFS_CHANGED'))
    assert.deepEqual(await stage.copies(), [])
  }))

  it('are not put among files of somebody else, and those stay', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const other = await stage.persisted('data/runs/2', { a: 'b' })
    const target = join(stage.folder, 'place')
    const held = await stage.local('theirs', { precious: 'x' })
    await assert.rejects(stage.checkpoint(path).toDirectory(held), code('ENOTEMPTY'))
    assert.deepEqual(await listing(held), ['precious'])
    await mkdir(target)
    assert.equal(await other.toDirectory(target), target)
    await assert.rejects(stage.checkpoint(path).toDirectory(target), code('ENOTEMPTY'))
    assert.deepEqual(await listing(target), ['.checkpoint.copy', '.checkpoint.json', 'a'])
    await rename(target, join(stage.folder, 'elsewhere'))
    assert.equal(await stage.checkpoint(path).toDirectory(target), target)
    assert.deepEqual(await readFile(join(target, 'config.json'), 'utf8'), '{"layers":2}')
  }))

  it('of trees in memory are each thread\'s own', () => onStage(async stage => {
    const fs = filesystem('memory', { name: 'checkpoints' })
    await fs.pipe({ 'run/a': 'mine' })
    assert.equal(await new Checkpoint('run', fs).asDirectory(folder => readFile(join(folder, 'a'), 'utf8')), 'mine')
    const { path } = await new Checkpoint('memory://run', undefined).asDirectory().catch((error: unknown) => {
      assert.ok(isFsError(error, 'ENOENT'))
      return { path: '' }
    })
    assert.equal(path, '')
    assert.deepEqual(await stage.copies(), [])
  }))

  it('report files and bytes to the caller that downloads, and close each progress once', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const seen = [0, 1].map(() => ({ size: 0, done: 0, closed: 0 }))
    const [one, two] = seen.map(each => ({ setSize: (size: number) => { each.size = size }, advance: (by: number) => { each.done += by }, close: () => { each.closed++ } }))
    await stage.checkpoint(path).asDirectory(async () => { await read(stage.checkpoint(path), { progress: two }) }, { progress: one })
    assert.deepEqual(seen, [{ size: 4, done: 4, closed: 1 }, { size: 4, done: 4, closed: 1 }])
  }))
})
