import assert from 'node:assert/strict'
import { createContext, runInContext } from 'node:vm'
import { filesystem, getMapper, isFileSystem, isFsError, Mapper, revive, reviving } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'

const code = (wanted: string) => (error: unknown): boolean => isFsError(error) && error.code === wanted

describe('revive()', () => {
  let fs: FileSystem
  beforeEach(() => { fs = filesystem('memory', { name: 'revived' }) })

  it('gives the instance of this owner for descriptors in objects, arrays, Maps and Sets', () => {
    const value = structuredClone({ fs, list: [1, fs], map: new Map([['k', fs], ['n', 1]] as Array<[string, unknown]>), set: new Set<unknown>([fs]), bytes: new Uint8Array(2), none: null })
    const back = revive(value) as { fs: FileSystem, list: unknown[], map: Map<string, unknown>, set: Set<unknown>, bytes: Uint8Array }
    for (const found of [back.fs, back.list[1], back.map.get('k'), [...back.set][0]]) assert.equal(found, fs)
    assert.equal(back, value as unknown)
    assert.deepEqual(back.bytes, new Uint8Array(2))
  })

  it('takes cycles, live instances and plain values as they are', () => {
    const cycle: Record<string, unknown> = { fs: structuredClone(fs) }
    cycle['self'] = cycle
    const back = revive(cycle) as typeof cycle
    assert.equal(back['self'], back)
    assert.equal(back['fs'], fs)
    assert.equal(revive(fs), fs)
    for (const plain of [1, 'x', null, undefined, true]) assert.equal(revive(plain), plain)
  })

  it('takes objects of another realm, as test runners with vm contexts send', () => {
    const foreign = runInContext('({ deep: [JSON.parse(text)] })', createContext({ text: JSON.stringify(fs) })) as { deep: unknown[] }
    assert.equal((revive(foreign) as typeof foreign).deep[0], fs)
  })

  it('ignores further keys of a descriptor', () => {
    assert.equal(revive({ ...structuredClone(fs), extra: 'ignored', constructor: 'x' }), fs)
  })

  it('revives a mapper with its filesystem', async () => {
    const mapper = await getMapper('memory://dir', { memory: { name: 'revived' } })
    await mapper.set('key', new Uint8Array([7]))
    assert.deepEqual(Object.keys(mapper), ['$forkfs'])
    for (const sent of [structuredClone(mapper), JSON.parse(JSON.stringify(mapper))]) {
      const back = revive(sent) as Mapper
      assert.ok(back instanceof Mapper)
      assert.deepEqual(await back.get('/key'), new Uint8Array([7]))
      assert.equal(await back.get('none'), undefined)
      assert.equal(back.filesystem, fs)
    }
  })

  const hostile: ReadonlyArray<readonly [what: string, descriptor: unknown, code: string]> = [
    ['nothing', undefined, 'FORKFS_DESCRIPTOR'],
    ['null', null, 'FORKFS_DESCRIPTOR'],
    ['a text', 'memory', 'FORKFS_DESCRIPTOR'],
    ['a list', [], 'FORKFS_DESCRIPTOR'],
    ['no version', { type: 'memory' }, 'FORKFS_DESCRIPTOR'],
    ['another version', { v: 2, type: 'memory' }, 'FORKFS_DESCRIPTOR'],
    ['no type', { v: 1 }, 'FORKFS_DESCRIPTOR'],
    ['a type that is no text', { v: 1, type: { toString: () => 'memory' } }, 'FORKFS_DESCRIPTOR'],
    ['an unknown type', { v: 1, type: 'nope' }, 'FORKFS_UNKNOWN_PROTOCOL'],
    ['a type that is a module', { v: 1, type: 'node:child_process' }, 'FORKFS_DESCRIPTOR'],
    ['options that are a list', { v: 1, type: 'memory', options: [] }, 'FORKFS_DESCRIPTOR'],
    ['an unknown option', { v: 1, type: 'memory', options: { evil: 1 } }, 'FORKFS_DESCRIPTOR'],
    ['an option of a wrong kind', { v: 1, type: 'memory', options: { name: 5 } }, 'FORKFS_DESCRIPTOR'],
    ['an endpoint that is none', { v: 1, type: 's3', options: { endpoint: 'file:///etc' } }, 'FORKFS_DESCRIPTOR'],
    ['a dispatcher', { v: 1, type: 's3', options: { dispatcher: {} } }, 'FORKFS_DESCRIPTOR'],
    ['__proto__ as an option', { v: 1, type: 'memory', options: JSON.parse('{"__proto__":{"name":"x"}}') as unknown }, 'FORKFS_DESCRIPTOR'],
    ['a module with credentials', { v: 1, type: 's3', options: { credentialsModule: 'file:///tmp/evil.mjs' } }, 'FORKFS_NOT_ALLOWED'],
    ['a mapper without a filesystem', { v: 1, type: 'mapper', root: 'x' }, 'FORKFS_DESCRIPTOR'],
    ['a mapper whose root is no text', { v: 1, type: 'mapper', fs: { $forkfs: { v: 1, type: 'memory' } }, root: 5 }, 'FORKFS_DESCRIPTOR']
  ]
  for (const [what, descriptor, wanted] of hostile) {
    it(`ends in ${wanted} for a descriptor with ${what}`, () => {
      assert.throws(() => revive({ $forkfs: descriptor }), code(wanted))
    })
  }

  it('runs no getter and reads no inherited descriptor', () => {
    let ran = 0
    const trap = { get inner (): unknown { ran++; return { $forkfs: {} } } }
    assert.equal(revive(trap), trap)
    Object.defineProperty(trap, '$forkfs', { get: () => { ran++; return {} }, enumerable: true })
    assert.throws(() => revive(trap), code('FORKFS_DESCRIPTOR'))
    assert.equal(ran, 0)
    assert.equal(isFileSystem(revive(Object.create({ $forkfs: { v: 1, type: 'memory' } }))), false)
  })

  it('ends in FORKFS_DESCRIPTOR for data that is too deep, not in a stack overflow', () => {
    let deep: unknown = { $forkfs: { v: 1, type: 'memory' } }
    for (let level = 0; level < 100_000; level++) deep = [deep]
    assert.throws(() => revive(deep), code('FORKFS_DESCRIPTOR'))
  })

  it('holds to allowedProtocols', () => {
    assert.equal(revive(structuredClone(fs), { allowedProtocols: ['memory'] }), fs)
    assert.throws(() => revive(structuredClone(fs), { allowedProtocols: ['s3'] }), code('FORKFS_NOT_ALLOWED'))
  })

  it('holds to allowedProtocols by implementation: aliases are allowed together, unknown types are not', () => {
    const local = filesystem('file')
    for (const allowed of ['file', 'local']) {
      assert.equal(revive(structuredClone(local), { allowedProtocols: [allowed] }), local)
      assert.equal(revive({ $forkfs: { v: 1, type: 'local' } }, { allowedProtocols: [allowed] }), local)
    }
    assert.throws(() => revive(structuredClone(filesystem('http')), { allowedProtocols: ['https'] }), code('FORKFS_NOT_ALLOWED'))
    for (const type of ['constructor', '__proto__', 'nosuch', 'File']) {
      assert.throws(() => revive({ $forkfs: { v: 1, type } }, { allowedProtocols: ['file', 'other'] }), code('FORKFS_NOT_ALLOWED'))
    }
  })

  it('lets a module with credentials through with allowModules, without importing it', () => {
    assert.ok(isFileSystem(revive({ $forkfs: { v: 1, type: 's3', options: { credentialsModule: 'file:///nowhere/none.mjs' } } }, { allowModules: true })))
  })
})

describe('reviving()', () => {
  it('hands live arguments on, with this and the name of the task', async () => {
    const fs = filesystem('memory', { name: 'reviving' })
    const task = reviving(async function work (this: unknown, input: { fs: FileSystem }, other: number) { return Promise.resolve([this, input.fs, other]) })
    const self = {}
    assert.equal(task.name, 'work')
    assert.deepEqual(await task.call(self, structuredClone({ fs }) as never, 3), [self, fs, 3])
    assert.throws(() => reviving(5 as never), TypeError)
  })
})
