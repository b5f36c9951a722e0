import assert from 'node:assert/strict'
import { isFsError } from '../../../lib/errors/fs-error.js'
import { CredentialSource } from '../../../lib/net/credential-source.js'
import type { CredentialKind } from '../../../lib/net/credential-source.js'

interface Key { readonly name: string, readonly expiration?: Date | undefined }

const kind: CredentialKind<Key> = { protocol: 'test', renewBeforeMs: 300_000, advice: '', check: value => value, same: (a, b) => a.name === b.name }
/** Timers that keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter(type => type === 'Timeout').length

describe('CredentialSource: waits', () => {
  it('keeps the process alive as long as somebody with a signal waits, and no longer', async () => {
    let give: (key: Key) => void = () => {}
    const source = new CredentialSource<Key>(kind, () => new Promise<Key>(resolve => { give = resolve }), { timeoutMs: 5000 })
    const [one, two] = [new AbortController(), new AbortController()]
    const reason = new Error('enough')
    await new Promise(resolve => setImmediate(resolve)) // mocha's own clock starts when it has our promise
    const before = timers()
    const nobody = source.get()
    assert.equal(timers(), before)
    const refused = [one, two].map(({ signal }) => assert.rejects(source.get(signal), error => error === reason))
    assert.equal(timers(), before + 1)
    one.abort(reason)
    await refused[0]
    assert.equal(timers(), before + 1)
    two.abort(reason)
    await refused[1]
    assert.equal(timers(), before)
    const late = source.get(new AbortController().signal)
    assert.equal(timers(), before + 1)
    give({ name: 'a' })
    assert.deepEqual([await nobody, await late, timers()], [{ name: 'a' }, { name: 'a' }, before])
  })

  it('rejects get() and refresh() with the reason of their signal, though the old credentials still work', async () => {
    let asked = 0
    const expiration = new Date(Date.now() + 60_000)
    const source = new CredentialSource<Key>(kind, () => asked++ === 0 ? { name: 'a', expiration } : new Promise(() => {}))
    const first = await source.get(new AbortController().signal)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waits = [source.get(controller.signal), source.refresh(first, controller.signal)].map(wait => assert.rejects(wait, error => error === reason))
    controller.abort(reason)
    await Promise.all(waits)
    assert.equal(asked, 2)
  })

  it('asks for others at once when the store refuses what a failed renewal left in use', async () => {
    let asked = 0
    const expiration = new Date(Date.now() + 60_000)
    const source = new CredentialSource<Key>(kind, async () => {
      if (++asked === 2) throw new Error('not now')
      return { name: `key ${asked}`, expiration }
    })
    const first = await source.get()
    assert.deepEqual([await source.get(), await source.get(), asked], [first, first, 2])
    assert.equal(await source.refresh(first), true)
    assert.equal(asked, 3)
  })

  it('rejects all who wait with ETIMEDOUT when a provider never answers, then asks anew', async () => {
    let asked = 0
    const source = new CredentialSource<Key>(kind, () => asked++ === 0 ? new Promise(() => {}) : { name: 'a' }, { timeoutMs: 20 })
    const { signal } = new AbortController()
    const late = (error: unknown): boolean => isFsError(error, 'ETIMEDOUT')
    await Promise.all([assert.rejects(source.get(signal), late), assert.rejects(source.get(), late)])
    assert.deepEqual(await source.get(signal), { name: 'a' })
  })
})
