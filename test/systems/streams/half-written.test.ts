import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shutdown } from '../../../lib/index.js'
import { openStream, recover, withStream } from '../../../lib/streams/index.js'
import { endings } from './fixtures/half.js'
import type { Ending, Half } from './fixtures/half.js'
import { code, onPlace, warningsOf } from './support.js'
import type { Place } from './support.js'

const old = 'old and whole'

/** Where streams go, seen from beside them. */
interface Target {
  uri (name: string): string
  put (name: string, text: string): Promise<void>
  text (name: string): Promise<string | undefined>
  /** What is there beside the objects. */
  beside (): Promise<unknown[]>
}

type Kind = 's3' | 'local'

async function targetOn (place: Place, kind: Kind): Promise<Target> {
  if (kind === 's3') {
    return {
      uri: name => `s3://data/${name}`,
      put: (name, text) => place.server.put('data', name, text),
      text: name => place.text(name),
      beside: async () => [await place.staged(), await place.journalled(), await place.server.uploads('data')].flat()
    }
  }
  const folder = join(place.folder, 'objects')
  await mkdir(folder)
  return {
    uri: name => join(folder, name),
    put: (name, text) => writeFile(join(folder, name), text),
    text: name => readFile(join(folder, name), 'utf8').catch(() => undefined),
    beside: async () => [...(await readdir(folder)).filter(name => name.startsWith('.')), ...await place.staged(), ...await place.journalled()]
  }
}

type Outcome = Readonly<Partial<Record<Ending, { readonly ended: string | undefined, readonly recovered: string | undefined }>>>

/** One process for each ending, all at once. @returns the objects when they have ended, and after recover() */
async function endAll (place: Place, kind: Kind, list: readonly Ending[], half: Omit<Half, 'ending'>): Promise<Outcome> {
  const target = await targetOn(place, kind)
  if (half.flag === 'w') for (const ending of list) await target.put(ending, old)
  await Promise.all(list.map(async ending => {
    const { code: exit, errors } = await place.child({ action: 'half', uri: target.uri(ending), half: { ...half, ending } }).ended
    assert.equal(exit, endings[ending], `${ending}: ${errors}`)
  }))
  const ended = await Promise.all(list.map(ending => target.text(ending)))
  assert.deepEqual((await recover(place.options)).failures, [])
  const recovered = await Promise.all(list.map(ending => target.text(ending)))
  assert.deepEqual(await target.beside(), [])
  return Object.fromEntries(list.map((ending, at) => [ending, { ended: ended[at], recovered: recovered[at] }]))
}

function same (list: readonly Ending[], text: string | undefined): Outcome {
  return Object.fromEntries(list.map(ending => [ending, { ended: text, recovered: text }]))
}

describe('a stream that is half written when its process ends', function () {
  this.timeout(60_000)

  const all = Object.keys(endings) as Ending[]
  const byError: readonly Ending[] = ['uncaught', 'rejection', 'handled', 'thread']

  for (const kind of ['s3', 'local'] as const) {
    it(`leaves the old object with withStream, whatever ends the process (${kind})`, () => onPlace(async place => {
      assert.deepEqual(await endAll(place, kind, all, { by: 'withStream', flag: 'w' }), same(all, old))
    }))

    it(`leaves nothing where nothing was with withStream and 'wx' (${kind})`, () => onPlace(async place => {
      const list: readonly Ending[] = ['uncaught', 'exit', 'empty', 'sigterm']
      assert.deepEqual(await endAll(place, kind, list, { by: 'withStream', flag: 'wx' }), same(list, undefined))
    }))

    it(`leaves the old object with openStream when an error that nobody caught ends the process (${kind})`, () => onPlace(async place => {
      assert.deepEqual(await endAll(place, kind, byError, { by: 'openStream', flag: 'w' }), same(byError, old))
    }))
  }

  it('is taken for whole with openStream and onDispose: commit at the natural end, in shutdown() and at process.exit() (A9)', () => onPlace(async place => {
    assert.deepEqual(await endAll(place, 's3', ['empty', 'sigterm', 'exit'], { by: 'openStream', flag: 'w' }), {
      empty: { ended: 'half ', recovered: 'half ' },
      sigterm: { ended: 'half ', recovered: 'half ' },
      exit: { ended: old, recovered: 'half ' }
    })
  }))
})

describe('a stream that is whole when its process ends', function () {
  this.timeout(30_000)

  it('is published by recover() when process.exit() comes while it is closed, also with onDispose: abort', () => onPlace(async place => {
    await place.child({ action: 'exit-closing', uri: 's3://data/a', options: { onDispose: 'abort' } }).ended
    assert.equal((await recover(place.options)).committed, 1)
    assert.deepEqual([await place.text('a'), await place.staged()], ['whole', []])
  }))
})

describe('shutdown()', function () {
  this.timeout(30_000)

  for (const kind of ['s3', 'local'] as const) {
    it(`while withStream's function is at work drops what was written, says so, and withStream rejects with FORKFS_CLOSED (${kind})`, () => onPlace(async place => {
      const target = await targetOn(place, kind)
      await target.put('a', old)
      for (const onDispose of ['commit', 'abort'] as const) {
        const warnings = await warningsOf(async () => {
          await assert.rejects(withStream(target.uri('a'), 'w', async stream => {
            await stream.write('half ')
            await shutdown()
          }, { ...place.options, onDispose }), code('FORKFS_CLOSED'))
        })
        assert.equal(warnings.length, onDispose === 'commit' ? 1 : 0)
        assert.deepEqual([await target.text('a'), await target.beside()], [old, []])
      }
    }))
  }

  it('publishes what was closed before it, and makes the close() of a dropped stream reject', () => onPlace(async place => {
    const dropped = await openStream('s3://data/a', 'w', { ...place.options, onDispose: 'abort' })
    await dropped.write('text')
    const closed = await openStream('s3://data/b', 'w', { ...place.options, onDispose: 'abort' })
    await closed.write('text')
    const closing = closed.close()
    await shutdown()
    await closing
    await assert.rejects(dropped.close(), code('FORKFS_CLOSED'))
    assert.deepEqual([await place.text('a'), await place.text('b')], [undefined, 'text'])
  }))
})

describe('an error that nobody caught', function () {
  this.timeout(30_000)

  it('is no end for a stream whose process goes on: close() publishes it', () => onPlace(async place => {
    for (const [key, options] of [['a', place.options], ['b', { ...place.options, onDispose: 'abort' }]] as const) {
      const stream = await openStream(`s3://data/${key}`, 'w', options)
      await stream.write('text')
      ;(process as EventEmitter).emit('uncaughtExceptionMonitor', new Error('handled by the application'), 'uncaughtException')
      await stream.close()
      assert.equal(await place.text(key), 'text')
    }
  }))
})
