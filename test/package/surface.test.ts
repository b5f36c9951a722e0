import assert from 'node:assert/strict'
import * as forkfs from '../../lib/index.js'

describe('the public names of forkfs', () => {
  it('are these: a new one is a promise, a lost one breaks users', () => {
    assert.deepEqual(Object.keys(forkfs).sort(), [
      'FileSystem', 'FsError', 'Mapper', 'availableProtocols', 'clearInstanceCache', 'configure', 'currentOwner', 'decodeError', 'encodeError', 'escapeGlob',
      'filesystem', 'getMapper', 'isFileSystem', 'isFsError', 'loadImplementation', 'open', 'openFiles', 'openLocal', 'registerImplementation', 'resetForFork',
      'revive', 'reviving', 'shutdown', 'urlToFs'
    ])
  })
})
