import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { serialize } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { decodeError, encodeError, registerErrorClass } from '../../../lib/errors/codec.js'
import { FsError, isFsError } from '../../../lib/errors/index.js'

type Loose = Error & Record<string, unknown>

/** Through JSON, the narrowest channel. */
function cross (error: unknown): Loose {
  const encoded = encodeError(error)
  const viaClone = decodeError(structuredClone(encoded))
  const viaJson = decodeError(JSON.parse(JSON.stringify(encoded)))
  assert.deepEqual(viaClone, viaJson)
  return viaJson as Loose
}

function thrown (fn: () => unknown): unknown {
  try { fn() } catch (error) { return error }
  throw new Error('nothing was thrown')
}

describe('encodeError(), decodeError()', () => {
  for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    it(`keep class, name, message, code and fields of a ${type.name}`, () => {
      const error = cross(Object.assign(new type('broken'), { code: 'E_X', count: 3 }))
      assert.ok(error instanceof type)
      assert.equal(error.name, type.name)
      assert.equal(error.message, 'broken')
      assert.deepEqual({ ...error, remoteStack: undefined }, { code: 'E_X', count: 3, remoteStack: undefined })
    })
  }

  it('keep code, errno, syscall and path of what node:fs throws', () => {
    const original = thrown(() => readFileSync('/no/such/file')) as NodeJS.ErrnoException
    const error = cross(original) as Loose & NodeJS.ErrnoException
    assert.equal(error.code, 'ENOENT')
    assert.equal(error.path, '/no/such/file')
    assert.equal(error.syscall, 'open')
    assert.equal(error.errno, original.errno)
  })

  it('keep an FsError whole: brand, code, operation, path, protocol, retry, status, requestId, message', () => {
    const original = new FsError('FORKFS_BACKEND', 'the server failed', { operation: 'info', path: 'b/k', protocol: 's3', retry: 'exhausted', status: 503, requestId: 'R1', cause: new Error('socket') })
    const error = cross(original)
    assert.ok(isFsError(error, 'FORKFS_BACKEND'))
    assert.ok(error instanceof FsError)
    assert.equal(error.name, 'FsError')
    assert.equal(error.message, original.message)
    assert.equal(error.condition, original.condition)
    for (const key of ['operation', 'path', 'protocol', 'retry', 'status', 'requestId'] as const) assert.equal(error[key], original[key])
    assert.equal((error.cause as Error).message, 'socket')
    assert.equal(Object.keys(error).includes('condition'), false)
  })

  it('keep errors and their order in an AggregateError', () => {
    const error = cross(new AggregateError([new TypeError('a'), 5, new FsError('ENOENT', 'gone')], 'several')) as unknown as AggregateError
    assert.ok(error instanceof AggregateError)
    assert.ok(error.errors[0] instanceof TypeError)
    assert.equal(error.errors[1], 5)
    assert.ok(isFsError(error.errors[2], 'ENOENT'))
    assert.equal(Object.keys(error).includes('errors'), false)
  })

  for (const name of ['AbortError', 'TimeoutError', 'DataCloneError']) {
    it(`keep a DOMException named ${name}`, () => {
      const error = cross(new DOMException('stopped', name))
      assert.ok(error instanceof DOMException)
      assert.equal(error.name, name)
      assert.equal(error.message, 'stopped')
    })
  }

  it('give an unknown class as the nearest built-in one, with its own name and fields', () => {
    class Special extends RangeError {
      override name = 'Special'
      code = 'E_SPECIAL'
      when = new Date(5)
      big = 12n
      map = new Map([['a', new Set([1])]])
      bytes = new Uint8Array([1, 2, 3])
      odd = [NaN, -0, Infinity, undefined, null]
      tagged = { $t: 'date', v: 1 }
      fn = (): void => {}
      symbol = Symbol('x')
    }
    const error = cross(new Special('s'))
    assert.ok(error instanceof RangeError)
    assert.equal(error.name, 'Special')
    const { remoteStack, ...fields } = error
    assert.equal(typeof remoteStack, 'string')
    assert.deepEqual(fields, {
      code: 'E_SPECIAL',
      when: new Date(5),
      big: 12n,
      map: new Map([['a', new Set([1])]]),
      bytes: new Uint8Array([1, 2, 3]),
      odd: [NaN, -0, Infinity, undefined, null],
      tagged: { $t: 'date', v: 1 }
    })
  })

  it('keep a code that a class has in a getter', () => {
    class Coded extends Error { get code (): string { return 'E_GETTER' } }
    assert.equal(cross(new Coded('x')).code, 'E_GETTER')
  })

  it('take errors of another realm by the name of their class', () => {
    assert.ok(cross(runInNewContext('new TypeError("foreign")')) instanceof TypeError)
  })

  it('give an impostor of a registered class as what it is', () => {
    const impostor = new (class FsError extends TypeError {})('not ours')
    const error = cross(impostor)
    assert.ok(error instanceof TypeError)
    assert.equal(isFsError(error), false)
  })

  it('give registered classes as themselves', () => {
    class Mine extends Error {
      readonly size: number
      constructor (message: string, size: number) { super(message); this.size = size }
    }
    registerErrorClass('Mine', { create: (message, fields) => new Mine(message, Number(fields.size)) })
    const error = cross(new Mine('m', 7))
    assert.ok(error instanceof Mine)
    assert.equal(error.size, 7)
  })

  it('keep the remote stack apart from the local one, also across two hops', () => {
    const original = new Error('first')
    original.stack = 'Error: first\n    at far (away.js:1:1)'
    const once = cross(original)
    assert.equal(once.remoteStack, original.stack)
    assert.ok(once.stack!.startsWith('Error: first\n'))
    assert.equal(once.stack!.includes('away.js'), false)
    const twice = cross(once)
    assert.ok((twice.remoteStack as string).startsWith(original.stack))
    assert.ok((twice.remoteStack as string).includes(once.stack!))
  })

  it('keep a chain of causes up to 8 deep and end it there', () => {
    let error = new Error('0')
    for (let depth = 1; depth <= 20; depth++) error = new Error(String(depth), { cause: error })
    const names: string[] = []
    for (let current: unknown = cross(error); current instanceof Error; current = current.cause) names.push(current.message)
    assert.deepEqual(names, ['20', '19', '18', '17', '16', '15', '14', '13', '12'])
  })

  it('keep causes that are no errors', () => {
    assert.deepEqual(cross(new Error('x', { cause: { reason: [1, 'two'] } })).cause, { reason: [1, 'two'] })
  })

  it('end circular causes, fields and lists', () => {
    const error = new AggregateError([], 'round') as AggregateError & { self?: unknown, list?: unknown[] }
    error.cause = error
    error.self = { error }
    error.errors.push(error)
    error.list = [error]
    error.list.push(error.list)
    const arrived = cross(error)
    assert.equal(arrived.message, 'round')
    assert.equal(arrived.cause, undefined)
  })

  it('leave out getters that throw and keep the rest', () => {
    const error = Object.assign(new Error('kept'), { good: 1 })
    for (const key of ['bad', 'stack', 'code', 'cause']) Object.defineProperty(error, key, { enumerable: true, get () { throw new Error('gotcha') } })
    const arrived = cross(error)
    assert.equal(arrived.message, 'kept')
    assert.equal(arrived.good, 1)
    assert.equal('bad' in arrived, false)
  })

  it('answer for hostile proxies, null prototypes and revoked ones', () => {
    const trap = (): never => { throw new Error('trapped') }
    const hostile = new Proxy(new Error('x'), { get: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap, has: trap })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const value of [hostile, proxy, Object.create(null), Object.setPrototypeOf(new Error('bare'), null)]) assert.ok(cross(value) instanceof Error)
  })

  it('cut messages, stacks and fields of any size', () => {
    const error = Object.assign(new Error('x'.repeat(10_000_000)), { dump: 'y'.repeat(10_000_000), list: Array.from({ length: 100_000 }, () => 'z'.repeat(100)) })
    const encoded = JSON.stringify(encodeError(error))
    assert.ok(encoded.length < 2_000_000, String(encoded.length))
    const arrived = cross(error)
    assert.ok(arrived.message.startsWith('xxx'))
    assert.ok(arrived.message.length <= 65_536)
    assert.match(arrived.message, /10000000 characters/)
  })

  for (const [title, value] of [['null', null], ['undefined', undefined], ['a number', 5], ['a string', 'text'], ['an object', { a: [1n] }]] as const) {
    it(`keep ${title} that was thrown in the value of an error`, () => {
      const error = cross(value)
      assert.equal(error.name, 'NonErrorThrown')
      assert.ok(Object.hasOwn(error, 'value'))
      assert.deepEqual(error.value, value)
    })
  }

  it('describe a symbol or function that was thrown', () => {
    assert.equal(cross(Symbol('s')).value, 'Symbol(s)')
    assert.equal(cross(() => 1).value, 'a function')
  })

  it('never throw, whatever is encoded, and give data that JSON and v8 take', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true })
    fc.assert(fc.property(anything, (value) => {
      const encoded = encodeError(Object.assign(new Error('any'), { value }))
      JSON.stringify(encoded)
      serialize(encoded)
      assert.equal(decodeError(encoded).message, 'any')
      assert.ok(decodeError(encodeError(value)) instanceof Error)
    }), { numRuns: 300 })
  })

  it('give FORKFS_DESCRIPTOR for malformed input instead of throwing', () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 5000; depth++) deep = [deep]
    const wrong = (fields: unknown): object => ({ $error: 1, chain: ['Error'], name: 'E', message: 'x', fields })
    const malformed = [null, 5, 'text', {}, { $error: 2 }, { $error: 1 }, { $error: 1, chain: [], name: 1, message: 'x', fields: {} },
      wrong([]), wrong({ a: { $t: 'no such' } }), wrong({ deep })]
    for (const input of malformed) assert.ok(isFsError(decodeError(input), 'FORKFS_DESCRIPTOR'))
  })

  it('set no prototype from hostile input', () => {
    const hostile = JSON.parse('{"$error":1,"chain":["Error"],"name":"E","message":"m","fields":{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1},"b":2}}}') as unknown
    const error = decodeError(hostile) as Loose
    assert.equal((error as { polluted?: unknown }).polluted, undefined)
    assert.equal(Object.getPrototypeOf(error), Error.prototype)
    assert.deepEqual(error.a, { b: 2 })
    assert.equal(Object.getPrototypeOf(error.a), Object.prototype)
  })
})
