import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { canUnshare } from '../../capabilities.js'
import { encodeFrame } from '../../../lib/resources/tracker-frames.js'
import { eventually } from '../../eventually.js'
import { processExists } from '../support.js'
import { onMachine, trackersOf } from './support.js'

const entry = fileURLToPath(new URL('../../../lib/resources/tracker-process.js', import.meta.url))

/** Whether the process has a handler for the signal. */
function catches (pid: number, signal: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return caught !== null && (BigInt(`0x${caught[1]}`) >> BigInt(signal - 1) & 1n) === 1n
}

describe('the tracker', function () {
  this.timeout(20_000)

  before(function () { if (process.platform !== 'linux') this.skip() })

  it('D2, D14: deletes what is registered within two seconds after its owner was killed, whatever the name, and ends', () => onMachine(async machine => {
    const owner = await machine.owner()
    const folder = join(machine.folder, 'a folder')
    const paths = ['plain', 'mit Umläuten 日本', 'two\nlines', 'sp ace'].map(name => join(machine.folder, name))
    await owner.ask({ verb: 'track', path: folder, kind: 'folder' })
    for (const path of [...paths, join(folder, 'inside')]) await owner.ask({ verb: 'track', path, kind: 'file' })
    const [pid] = await trackersOf(owner.child.pid!)
    assert.ok(pid !== undefined)
    await owner.kill()
    assert.ok(await eventually(() => ![...paths, folder].some(path => existsSync(path)), 2000))
    assert.ok(await eventually(() => !processExists(pid), 2000))
  }))

  it('D13: counts: registered twice it goes with the second release; a third is nothing; unregistered it stays', () => onMachine(async machine => {
    const owner = await machine.owner()
    const [twice, mine] = [join(machine.folder, 'twice'), join(machine.folder, 'mine')]
    await owner.ask({ verb: 'track', path: twice, kind: 'file' })
    await owner.ask({ verb: 'track', path: twice, kind: 'file' })
    await owner.ask({ verb: 'track', path: mine, kind: 'file' })
    await owner.ask({ verb: 'track', path: mine, kind: 'file' })
    assert.deepEqual([await owner.ask({ verb: 'untrack', path: twice }), existsSync(twice)], [false, true])
    assert.deepEqual([await owner.ask({ verb: 'untrack', path: twice }), existsSync(twice)], [true, false])
    assert.equal(await owner.ask({ verb: 'untrack', path: twice }), false)
    await owner.ask({ verb: 'forget', path: mine })
    writeFileSync(twice, 'another with the same name')
    void owner.ask({ verb: 'end' })
    await owner.exited
    assert.deepEqual([owner.stderr, existsSync(mine), existsSync(twice)], ['', true, true])
  }))

  it('D12: killed it is started again, with one warning, and what was registered before is deleted all the same', () => onMachine(async machine => {
    const owner = await machine.owner()
    const [early, late] = [join(machine.folder, 'early'), join(machine.folder, 'late')]
    await owner.ask({ verb: 'track', path: early, kind: 'file' })
    const [first] = await trackersOf(owner.child.pid!)
    process.kill(first!, 'SIGKILL')
    assert.ok(await eventually(() => owner.stderr.includes('ForkfsWarning'), 3000))
    await owner.ask({ verb: 'track', path: late, kind: 'file' })
    await owner.kill()
    assert.ok(await eventually(() => !existsSync(early) && !existsSync(late), 3000))
    assert.equal(owner.stderr.split('ForkfsWarning').length, 2)
  }))

  for (const [verb, end] of [['end', 'at its natural end'], ['exit', 'at process.exit()']] as const) {
    it(`D12: leaves nothing of an owner that is pid 1, with which all processes end, ${end}`, async function () {
      if (!canUnshare('-Urpf')) this.skip()
      await onMachine(async machine => {
        const owner = await machine.owner({}, ['unshare', '-Urpf', '--kill-child'])
        assert.equal((await owner.ask<{ pid: number }>({ verb: 'owner' })).pid, 1)
        const folder = join(machine.folder, 'folder')
        await owner.ask({ verb: 'track', path: folder, kind: 'folder' })
        await owner.ask({ verb: 'track', path: join(folder, 'tracked'), kind: 'file' })
        const { path } = await owner.ask<{ path: string }>({ verb: 'context' })
        void owner.ask({ verb }).catch(() => {})
        await owner.exited
        assert.deepEqual([existsSync(folder), existsSync(path), owner.stderr], [false, false, ''])
      })
    })
  }

  it('D13: tells of a release too many by one line for NODE_DEBUG=forkfs', () => onMachine(async machine => {
    const owner = await machine.owner({ NODE_DEBUG: 'forkfs' })
    const path = join(machine.folder, 'file')
    await owner.ask({ verb: 'track', path, kind: 'file' })
    assert.deepEqual([await owner.ask({ verb: 'untrack', path }), await owner.ask({ verb: 'untrack', path })], [true, false])
    assert.ok(await eventually(() => owner.stderr.endsWith('\n'), 3000))
    assert.equal(owner.stderr.split('\n').filter(line => line.startsWith('FORKFS ') && line.includes(path)).length, 1)
  }))

  it('D12: ignores SIGINT and SIGTERM', () => onMachine(async machine => {
    const owner = await machine.owner()
    const path = join(machine.folder, 'file')
    await owner.ask({ verb: 'track', path, kind: 'file' })
    const [pid] = await trackersOf(owner.child.pid!)
    await owner.ask({ verb: 'track', path: `${path}2`, kind: 'file' })
    assert.ok(await eventually(() => catches(pid!, 3), 3000)) // SIGQUIT, which Node itself does not catch: it is up
    process.kill(pid!, 'SIGINT')
    process.kill(pid!, 'SIGTERM')
    await owner.kill()
    assert.ok(await eventually(() => !existsSync(path) && !existsSync(`${path}2`), 3000)) // it was there to do it
    assert.equal(owner.stderr, '')
  }))

  it('D13: survives garbage, unknown verbs and relative paths between good frames', () => onMachine(async machine => {
    const path = join(machine.folder, 'file')
    const stray = join(machine.folder, 'stray')
    await mkdir(stray)
    writeFileSync(path, '')
    const tracker = spawn(process.execPath, [entry, 'forkfs-tracker'], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'], cwd: machine.folder })
    const exited = once(tracker, 'exit')
    const pipe = tracker.stdio[3] as Writable
    pipe.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]))
    pipe.write(encodeFrame({ verb: 'explode', path: stray } as never))
    pipe.write(encodeFrame({ verb: 'register', kind: 'folder', path: 'stray' }))
    pipe.write(Buffer.concat([Buffer.from('FKT1'), Buffer.from([0x7f, 0, 0, 0]), Buffer.from('{"half')]))
    pipe.write(Buffer.from('FKT1FKT'))
    const good = encodeFrame({ verb: 'register', kind: 'file', path })
    for (const byte of good) pipe.write(Buffer.from([byte]))
    pipe.end()
    assert.deepEqual(await exited, [0, null])
    assert.deepEqual([existsSync(path), existsSync(stray)], [false, true])
  }))

  it('is not started, and nothing is registered, before something is named to others (D16)', () => onMachine(async machine => {
    const owner = await machine.owner()
    await owner.ask({ verb: 'context' })
    assert.equal(await owner.ask({ verb: 'untrack', path: join(machine.folder, 'never') }), false)
    assert.deepEqual(await trackersOf(owner.child.pid!), [])
  }))

  it('outlives a reset of its owner: what another epoch registered is deleted when the process is dead, not before', () => onMachine(async machine => {
    const owner = await machine.owner()
    const path = join(machine.folder, 'file')
    await owner.ask({ verb: 'track', path, kind: 'file' })
    await owner.ask({ verb: 'reset' })
    assert.equal(await owner.ask({ verb: 'untrack', path }), false)
    assert.ok(existsSync(path))
    await owner.kill()
    assert.ok(await eventually(() => !existsSync(path), 2000))
  }))
})
