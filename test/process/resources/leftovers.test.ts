import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { OwnerTag } from '../../../lib/owner/index.js'
import { handleLeftovers, releaseOwner, sweep, temporaryContext } from '../../../lib/resources/index.js'
import { canUnshare } from '../../capabilities.js'
import { namesIn, onMachine } from './support.js'

interface Made { readonly path: string, readonly file: string, readonly folder: string }

describe('what dead owners leave', function () {
  this.timeout(20_000)

  it('C7, D2: is removed by the next sweep after a kill; what the living have is left alone', () => onMachine(async machine => {
    const [dead, alive] = await Promise.all([machine.owner(), machine.owner()])
    const [lost, kept] = await Promise.all([dead.ask<Made>({ verb: 'context' }), alive.ask<Made>({ verb: 'context' })])
    await alive.ask({ verb: 'sweep' }) // its own in the background is over, too: one sweep at a time
    await dead.kill()
    assert.ok(existsSync(lost.file))
    const report = await sweep()
    assert.deepEqual([report.swept, report.roots, report.failures], [true, 1, []])
    assert.deepEqual(await namesIn(machine.roots), [dirname(kept.path).split('/').at(-1)])
    assert.ok(existsSync(kept.file))
  }))

  it('is removed in the background when the next process makes its first temporary folder', () => onMachine(async machine => {
    const dead = await machine.owner()
    const { path } = await dead.ask<Made>({ verb: 'context' })
    await dead.kill()
    const next = await machine.owner()
    await next.ask({ verb: 'context' })
    void next.ask({ verb: 'end' })
    await next.exited // it waits for the sweep as for any work
    assert.equal(existsSync(dirname(path)), false)
    assert.deepEqual(await namesIn(machine.roots), [])
  }))

  it('is removed at exit and at the natural end by its owner itself', () => onMachine(async machine => {
    for (const verb of ['exit', 'end'] as const) {
      const owner = await machine.owner()
      await owner.ask({ verb: 'context' })
      void owner.ask({ verb })
      await owner.exited
      assert.deepEqual(await namesIn(machine.roots), [], verb)
    }
  }))

  it('is handed on: an entry that was on disk when the owner was killed reaches its handler, once', () => onMachine(async machine => {
    const owner = await machine.owner()
    await owner.ask({ verb: 'journal', data: { key: 'a', uploadId: '1' } })
    await owner.ask({ verb: 'journal', data: { key: 'b', uploadId: '2' } })
    await owner.ask({ verb: 'done' })
    await owner.kill()
    const [name] = await namesIn(machine.journals)
    await appendFile(join(machine.journals, name!), '\n{"id":"torn","kind":"upl') // as a crash in the middle of a line leaves it
    const seen: unknown[] = []
    const withdraw = handleLeftovers('upload', async leftover => {
      seen.push([leftover.data, leftover.owner.pid])
      return 'done'
    })
    try {
      assert.deepEqual([(await sweep()).done, (await sweep()).done], [1, 0])
    } finally {
      withdraw()
    }
    assert.deepEqual(seen, [[{ key: 'b', uploadId: '2' }, owner.child.pid]])
    assert.deepEqual(await namesIn(machine.journals), [])
  }))

  for (const end of ['kill', 'exit'] as const) {
    it(`is kept with its files when its owner writes it down and ends (${end}) while somebody sweeps`, () => onMachine(async machine => {
      const [dead, late] = [await machine.owner(), await machine.owner()]
      await dead.ask({ verb: 'journal', data: 'of a dead one' })
      const made = await late.ask<Made>({ verb: 'context' })
      await late.ask({ verb: 'sweep', log: join(machine.folder, 'log') }) // its own in the background is over, too: one sweep at a time
      await dead.kill()
      let ended = false
      const withdraw = handleLeftovers('upload', async ({ data }) => {
        if (ended) return 'keep'
        assert.equal(data, 'of a dead one')
        ended = true // journals are being read, temporary folders are not looked at yet
        if (end === 'kill') {
          await late.ask({ verb: 'journal', data: 'whole', path: made.file, keep: true })
          await late.kill()
        } else {
          await late.ask({ verb: 'journal at exit', data: 'whole', path: made.file })
          void late.ask({ verb: 'exit' })
          await late.exited
        }
        return 'done'
      })
      try {
        await sweep()
        assert.deepEqual([ended, existsSync(made.file), (await namesIn(machine.journals)).length], [true, true, 1])
        assert.deepEqual([(await sweep()).kept, existsSync(made.file)], [1, true])
      } finally {
        withdraw()
      }
    }))
  }

  it('is kept for a later sweep where nobody handles it, or the handler fails, with the files that it keeps', () => onMachine(async machine => {
    const owner = await machine.owner()
    const [kept, other] = [await owner.ask<Made>({ verb: 'context' }), await owner.ask<Made>({ verb: 'context' })]
    await owner.ask({ verb: 'journal', data: 'staged', path: kept.file, keep: true })
    await owner.kill()
    assert.deepEqual([(await sweep()).kept, existsSync(kept.file), existsSync(other.path)], [1, true, false])
    const failing = handleLeftovers('upload', async () => { throw new Error('the store is away') })
    const report = await sweep()
    failing()
    assert.deepEqual([report.kept, report.failures.length, existsSync(kept.file)], [1, 1, true])
    const withdraw = handleLeftovers('upload', async () => 'done')
    await sweep()
    withdraw()
    assert.deepEqual([...await namesIn(machine.roots), ...await namesIn(machine.journals)], [])
  }))

  it('is removed where a kill fell into the making of a journal, or of a lock\'s file, and the dead owner is named; without a name when it is old', () => onMachine(async machine => {
    const [dead, alive] = await Promise.all([machine.owner(), machine.owner()])
    for (const owner of [dead, alive]) await owner.ask({ verb: 'journal', data: 'begun' })
    await dead.kill()
    const names = await namesIn(machine.journals)
    const unfinished = names.map(name => join(machine.journals, `.new-${name}`)) // before the last step: rename()
    for (const [at, path] of unfinished.entries()) await rename(join(machine.journals, names[at]!), path)
    const record = (await readFile(unfinished.find(path => path.includes(`-${dead.child.pid}.`))!, 'utf8')).split('\n')[0]!
    const [torn, old] = ['.new-1.0.x.1-aa.jsonl', '.new-1.0.x.1-bb.jsonl'].map(name => join(machine.journals, name)) as [string, string]
    for (const path of [torn, old]) await writeFile(path, record.slice(0, 40))
    await utimes(old, new Date(), new Date(Date.now() - 16 * 60_000))
    const lock = join(machine.journals, '../locks/a')
    await mkdir(lock, { recursive: true, mode: 0o700 })
    await writeFile(join(lock, `.new-${dead.child.pid}.0.x.1-cc`), record)
    assert.deepEqual((await sweep()).failures, [])
    assert.deepEqual(await namesIn(machine.journals), [`.new-${names.find(name => name.startsWith(`${alive.child.pid}.`))}`, '.new-1.0.x.1-aa.jsonl'].sort())
    assert.deepEqual(await namesIn(dirname(lock)), [])
  }))

  it('A9: survives process.exit() where an exit handler wrote it down', () => onMachine(async machine => {
    const owner = await machine.owner()
    const [kept, other] = [await owner.ask<Made>({ verb: 'context' }), await owner.ask<Made>({ verb: 'context' })]
    await owner.ask({ verb: 'journal at exit', data: 'commit me', path: kept.file })
    void owner.ask({ verb: 'exit' })
    await owner.exited
    assert.equal(await readFile(kept.file, 'utf8'), 'bytes')
    assert.equal(existsSync(other.path), false)
    const seen: unknown[] = []
    const withdraw = handleLeftovers('commit', async leftover => {
      seen.push(await readFile(leftover.keeps![0]!, 'utf8'))
      return 'done'
    })
    await sweep()
    withdraw()
    assert.deepEqual(seen, ['bytes'])
    assert.deepEqual([...await namesIn(machine.roots), ...await namesIn(machine.journals)], [])
  }))

  it('is swept by one process at a time: no entry is handled twice', () => onMachine(async machine => {
    const log = join(machine.folder, 'log')
    const dead = await machine.owner()
    for (const key of ['a', 'b', 'c']) await dead.ask({ verb: 'journal', data: key })
    await dead.kill()
    const sweepers = await Promise.all([machine.owner(), machine.owner(), machine.owner()])
    const reports = await Promise.all(sweepers.map(sweeper => sweeper.ask<{ done: number }>({ verb: 'sweep', log })))
    await sweepers[0]!.ask({ verb: 'sweep', log }) // should all have seen each other and withdrawn
    assert.deepEqual((await readFile(log, 'utf8')).trim().split('\n').sort(), ['"a"', '"b"', '"c"'])
    assert.ok(reports.every(report => report.done === 0 || report.done === 3))
  }))

  it('is left alone in another pid namespace until it was not touched for a quarter of an hour', async function () {
    if (!canUnshare('-Urpf')) this.skip()
    await onMachine(async machine => {
      const owner = await machine.owner({}, ['unshare', '-Urpf', '--kill-child'])
      const { path } = await owner.ask<Made>({ verb: 'context' })
      await owner.kill()
      assert.equal((await sweep()).roots, 0)
      await utimes(join(dirname(path), 'owner.json'), new Date(), new Date(Date.now() - 16 * 60_000))
      assert.equal((await sweep()).roots, 1)
    })
  })

  it('A11: stays when its owner called resetForFork(): files of another epoch are nobody\'s to remove while the process lives', () => onMachine(async machine => {
    const owner = await machine.owner()
    const { file } = await owner.ask<Made>({ verb: 'context' })
    await owner.ask({ verb: 'reset' })
    assert.equal((await sweep()).roots, 0)
    void owner.ask({ verb: 'exit' })
    await owner.exited
    assert.ok(existsSync(file))
    assert.equal((await sweep()).roots, 1)
  }))
})

describe('releaseOwner()', function () {
  this.timeout(20_000)

  it('removes what a killed child held, at once, and nothing of a live one or of the caller', () => onMachine(async machine => {
    const own = await temporaryContext()
    const [dead, alive] = await Promise.all([machine.owner(), machine.owner()])
    const [lost, kept] = await Promise.all([dead.ask<Made>({ verb: 'context' }), alive.ask<Made>({ verb: 'context' })])
    const [deadTag, aliveTag] = await Promise.all([dead.ask<OwnerTag>({ verb: 'owner' }), alive.ask<OwnerTag>({ verb: 'owner' })])
    await dead.kill()
    await releaseOwner(deadTag)
    await releaseOwner(aliveTag)
    assert.deepEqual([existsSync(dirname(lost.path)), existsSync(kept.file), existsSync(own.path)], [false, true, true])
    await own.close()
  }))
})
