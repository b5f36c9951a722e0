import assert from 'node:assert/strict'
import { FsError, withContext } from '../../../lib/errors/index.js'
import { kindOf } from '../../../lib/errors/kind-of.js'

describe('FsError', () => {
  it('owns the fields that are known, and no empty ones', () => {
    assert.deepEqual(Object.keys(new FsError('ENOENT', 'gone')).sort(), ['code', 'operation', 'retry'])
    const error = withContext(new FsError('ENOENT', 'gone', { status: 404 }), { operation: 'info', path: 'a/b' })
    assert.deepEqual({ ...error }, { code: 'ENOENT', operation: 'info', path: 'a/b', retry: 'never', status: 404 })
  })
})

describe('kindOf()', () => {
  it('names classes of the platform, and tells a promise by what is missing', () => {
    const values = [null, undefined, 1, 'a', [], {}, new URL('file:///a'), new ArrayBuffer(1), new Float32Array(1), () => {}]
    assert.deepEqual(values.map(kindOf), ['null', 'undefined', 'number', 'string', 'array', 'object', 'URL', 'ArrayBuffer', 'Float32Array', 'function'])
    assert.match(kindOf(Promise.resolve()), /await/)
  })
})
