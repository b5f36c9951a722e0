import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import type { Progress } from '../../../lib/index.js'
import { pattern } from '../bytes.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'
import { calls, possible } from './calls.js'

const reason = Object.freeze({ why: 'the caller has had enough' })
const isReason = (error: unknown): boolean => error === reason

/** Let everything run that was put off, so that what lands late has landed. */
async function settle ({ fs, at }: Context): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    await fs.exists(at('nothing'))
  }
}

/** Aborts when the first item is done: a place in the middle that needs no clock. */
function abortAfterFirst (controller: AbortController): Progress {
  return { setSize: () => {}, advance: () => { controller.abort(reason) } }
}

export function aborted (suite: Suite): void {
  suite.family('a signal that is aborted before the call', suite => {
    for (const { name, needs, call } of calls) {
      suite.here(`rejects ${name} with its reason untouched, sends nothing and changes nothing`, async context => {
        const { fs, at, seed, text, files } = context
        await seed({ file: 'old' })
        const before = fs.stats.requests
        await assert.rejects(call(fs, at('file'), at('fresh'), { signal: AbortSignal.abort(reason) }), isReason)
        assert.equal(fs.stats.requests, before)
        await settle(context)
        assert.deepEqual([await text('file'), await files()], ['old', ['file']])
      }, { needs })
    }

    suite.here('rejects get and put too', async ({ fs, at, seed, folder }) => {
      const local = await folder()
      await seed({ file: 'old' })
      const signal = AbortSignal.abort(reason)
      await assert.rejects(fs.get(at('file'), `${local}/file`, { signal }), isReason)
      await assert.rejects(fs.put(`${local}/file`, at('fresh'), { signal }), isReason)
      assert.deepEqual(await readdir(local), [])
      assert.equal(await fs.exists(at('fresh')), false)
    })
  })

  suite.family('a signal that is aborted midway', suite => {
    suite.here('settles every verb with the reason, or with the whole result; a rejected write leaves the old file', async context => {
      const { fs, at, seed, text, files } = context
      const unchanged: string[] = []
      for (const { name, needs, call } of possible(fs)) {
        for (const turns of [0, 1, 3]) {
          const place = `${name}-${turns}`
          await seed({ [`${place}/file`]: 'old' })
          const controller = new AbortController()
          const done = call(fs, at(`${place}/file`), at(`${place}/fresh`), { signal: controller.signal }).then(() => true, (error: unknown) => {
            assert.equal(error, reason, `${place} rejects with something else`)
            return false
          })
          for (let turn = 0; turn < turns; turn++) await Promise.resolve()
          controller.abort(reason)
          const succeeded = await done
          if (!succeeded && needs.includes('write') && name !== 'pipe') unchanged.push(place)
        }
      }
      await settle(context)
      for (const place of unchanged) assert.deepEqual([await text(`${place}/file`), await files(place)], ['old', ['file']], place)
    })

    suite.here('stops a write that has not been published', async context => {
      const { fs, at, seed, text, files } = context
      await seed({ file: 'old' })
      const controller = new AbortController()
      const writing = fs.pipeFile(at('file'), pattern(2_000_000), { signal: controller.signal })
      controller.abort(reason)
      await assert.rejects(writing, isReason)
      await settle(context)
      assert.deepEqual([await text('file'), await files()], ['old', ['file']])
    }, { needs: ['write'] })

    suite.here('stops an open write, which drops everything', async context => {
      const { fs, at, seed, text, files } = context
      await seed({ file: 'old' })
      const controller = new AbortController()
      await assert.rejects(fs.withFile(at('file'), 'w', async file => {
        await file.write('half')
        controller.abort(reason)
        await file.write('more')
      }, { signal: controller.signal }), isReason)
      await settle(context)
      assert.deepEqual([await text('file'), await files()], ['old', ['file']])
    }, { needs: ['write'] })

    suite.here('stops streams in both directions', async context => {
      const { fs, at, seed, files } = context
      await seed({ file: pattern(100_000) })
      for (const open of [(signal: AbortSignal) => fs.createReadStream(at('file'), { signal, highWaterMark: 1000 }), (signal: AbortSignal) => fs.readable(at('file'), { signal })]) {
        const controller = new AbortController()
        const stream = open(controller.signal)
        controller.abort(reason)
        await assert.rejects(async () => { for await (const chunk of stream) void chunk }, isReason)
      }
      if (!fs.capabilities.write) return
      const controller = new AbortController()
      const writer = fs.writable(at('fresh'), { signal: controller.signal }).getWriter()
      await writer.write(pattern(1000))
      controller.abort(reason)
      await assert.rejects(writer.closed, isReason)
      await settle(context)
      assert.deepEqual(await files(), ['file'])
    })

    suite.here('stops a listing between its entries', async ({ fs, at, seed }) => {
      await seed({ 'd/a': '', 'd/b': '', 'd/c': '' })
      const controller = new AbortController()
      let seen = 0
      await assert.rejects(async () => {
        for await (const entry of fs.list(at('d'), { signal: controller.signal })) {
          assert.ok(entry.name)
          seen++
          controller.abort(reason)
        }
      }, isReason)
      assert.equal(seen, 1)
    })

    suite.here('stops bulk verbs after the item that is under way, and nothing lands later', async context => {
      const { fs, at, patternAt, seed, files, folder } = context
      const local = await folder()
      const source = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`s/${index}`, 'x']))
      await seed(source)
      type Bulk = (options: { readonly signal: AbortSignal, readonly progress: Progress, readonly maxConcurrency: 1 }) => Promise<unknown>
      const verbs: Record<string, Bulk> = {
        get: options => fs.get(at('s'), `${local}/s`, { ...options, recursive: true }),
        cat: options => fs.cat(patternAt('s/*'), options),
        catRanges: options => fs.catRanges(Object.keys(source).map(name => ({ path: at(name), start: 0, end: 1 })), options)
      }
      await mkdir(`${local}/put`)
      for (const name of Object.keys(source)) await writeFile(`${local}/put/${name.slice(2)}`, 'x')
      if (fs.capabilities.write) {
        verbs['put'] = options => fs.put(`${local}/put`, at('put'), { ...options, recursive: true })
        verbs['cp'] = options => fs.cp(at('s'), at('cp'), { ...options, recursive: true })
        verbs['pipe'] = options => fs.pipe(Object.fromEntries(Object.keys(source).map(name => [at(`pipe-${name.slice(2)}`), 'x'])), options)
      }
      for (const [name, verb] of Object.entries(verbs)) {
        const controller = new AbortController()
        await assert.rejects(verb({ signal: controller.signal, progress: abortAfterFirst(controller), maxConcurrency: 1 }), isReason, name)
      }
      const landed = await files()
      for (const place of fs.capabilities.write ? ['put/', 'cp/', 'pipe-'] : []) assert.equal(landed.filter(name => name.startsWith(place)).length, 1, place)
      await settle(context)
      assert.deepEqual(await files(), landed)
      assert.equal((await readdir(`${local}/s`)).length, 1)
    })

    suite.here('is let go of when a call is over', async ({ fs, at, seed }) => {
      const { signal } = new AbortController()
      for (const { name, call } of possible(fs)) {
        await seed({ [`${name}/file`]: 'old' })
        await call(fs, at(`${name}/file`), at(`${name}/fresh`), { signal })
        assert.equal(getEventListeners(signal, 'abort').length, 0, name)
      }
    })
  })
}
