import assert from 'node:assert/strict'
import { nearestName } from '../../../lib/errors/index.js'

describe('nearestName()', () => {
  const protocols = ['file', 'gcs', 'gs', 'http', 'https', 'local', 'memory', 's3']

  it('finds what a slip of the finger was meant to be', () => {
    const found = ['s4', 's3a', 'htp', 'memroy', 'locla'].map(name => nearestName(name, protocols))
    assert.deepEqual(found, ['s3', 's3', 'http', 'memory', 'local'])
    assert.equal(nearestName('regoin', ['endpoint', 'region']), 'region')
  })

  it('does not take another short name for a slip', () => {
    assert.deepEqual(['az', 'ftp', 'oss', 'x'].map(name => nearestName(name, protocols)), [undefined, undefined, undefined, undefined])
  })
})
