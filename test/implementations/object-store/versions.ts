import assert from 'node:assert/strict'
import { resetForFork } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { titled } from './kind.js'
import type { Kind } from './kind.js'
import { faultyStage } from './stage.js'
import type { SharedOptions } from './stores.js'

/** A bucket that keeps versions, and `versionAware`: what was seen first is read, until this owner writes, forgets or ends. */
export function versionsSuite<Fs extends FileSystem, Server, ServerOptions, Options extends SharedOptions> (kind: Kind<Fs, Server, ServerOptions, Options>): void {
  const on = faultyStage(() => kind.openFaulty(kind.versions.kept))
  const openAware = (): Fs => on.open({ versionAware: true } as unknown as Options)

  it(titled(kind, 'G12', 'reads on the version that it saw first, and a version that is named'), async () => {
    const { fs } = on
    const aware = openAware()
    await fs.pipeFile('kept/key', 'first')
    const first = await aware.info('kept/key')
    const file = await aware.open('kept/key', 'r', { cache: 'none' })
    await fs.pipeFile('kept/key', 'second')
    assert.equal(await aware.readText('kept/key'), 'first')
    assert.equal(await file.readFile('utf8'), 'first')
    await file.close()
    assert.equal(await fs.readText('kept/key'), 'second')
    aware.invalidateCache()
    assert.equal(await aware.readText('kept/key'), 'second')
    assert.equal(await aware.readText(kind.versions.named('kept/key', first)), 'first')
    await assert.rejects(aware.readText(kind.versions.named('kept/key', { versionId: 'none', etag: '17' })))
  })

  it('reads what it wrote itself, however it wrote it', async () => {
    const aware = openAware()
    await aware.pipeFile('kept/key', 'first')
    await aware.info('kept/key')
    await aware.pipeFile('kept/key', 'second')
    assert.equal(await aware.readText('kept/key'), 'second')
    const writing = await aware.open('kept/key', 'w')
    await writing.write('third')
    assert.equal(await aware.readText('kept/key'), 'second')
    await writing.close()
    assert.equal(await aware.readText('kept/key'), 'third')
    await on.fs.pipeFile('kept/other', 'other')
    await aware.cp('kept/other', 'kept/key')
    assert.equal(await aware.readText('kept/key'), 'other')
  })

  it('forgets the versions it saw at reset() and resetForFork(): another owner sees for itself', async () => {
    const aware = openAware()
    for (const reset of [() => { aware.reset() }, () => { resetForFork() }]) {
      await aware.pipeFile('kept/again', 'seen')
      await aware.info('kept/again')
      await on.fs.pipeFile('kept/again', 'newer')
      assert.equal(await aware.readText('kept/again'), 'seen')
      reset()
      assert.equal(await aware.readText('kept/again'), 'newer')
    }
  })
}
