import assert from 'node:assert/strict'
import {
  basename, checkDepth, commonPrefix, depth, escapeGlob, hasMagic, isBelow, join, parent, relative
} from '../../../lib/filesystem/paths.js'

describe('paths', () => {
  it('join() puts one slash between components, none behind a root', () => {
    assert.equal(join('', 'bucket'), 'bucket')
    assert.equal(join('/', 'home'), '/home')
    assert.equal(join('a', 'b', 'c/d'), 'a/b/c/d')
    assert.equal(join('a', '', 'b'), 'a//b', 'an empty component of a key is kept')
  })

  it('parent() and basename() split at the last slash, the root is its own parent', () => {
    const cases = [['a/b/c', 'a/b', 'c'], ['a', '', 'a'], ['/a', '/', 'a'], ['/', '/', ''], ['', '', ''], ['a//b', 'a/', 'b'], ['a/..', 'a', '..']] as const
    for (const [path, above, last] of cases) assert.deepEqual([parent(path), basename(path)], [above, last], path)
  })

  it('depth() counts components', () => {
    assert.deepEqual(['', '/', 'a', '/a', 'a/b', '/a/b/c', 'a//b'].map(depth), [0, 0, 1, 1, 2, 3, 3])
  })

  it('isBelow() goes by components, strictly', () => {
    assert.equal(isBelow('/source', '/sour'), false)
    assert.equal(isBelow('/sour/ce', '/sour'), true)
    assert.equal(isBelow('/sour', '/sour'), false)
    assert.equal(isBelow('a', ''), true)
    assert.equal(isBelow('', ''), false)
    assert.equal(isBelow('/a', '/'), true)
    assert.equal(isBelow('/', '/'), false)
    assert.equal(isBelow('a', '/'), false)
  })

  it('relative() undoes join(), refuses what is elsewhere', () => {
    for (const directory of ['', '/', 'a', '/a/b']) assert.equal(relative(join(directory, 'x/y'), directory), 'x/y')
    assert.equal(relative('a', 'a'), '')
    assert.throws(() => relative('ab', 'a'), RangeError)
  })

  it('commonPrefix() is the nearest shared path, component-wise', () => {
    assert.equal(commonPrefix([]), '')
    assert.equal(commonPrefix(['/path1']), '/path1')
    assert.equal(commonPrefix(['/a/b', '/a/bc']), '/a')
    assert.equal(commonPrefix(['/a', '/a/b', '/a/b/c']), '/a')
    assert.equal(commonPrefix(['/a/b/c', '/a']), '/a')
    assert.equal(commonPrefix(['/a', '/b']), '/')
    assert.equal(commonPrefix(['a', 'b/c']), '')
    assert.equal(commonPrefix(['/a', 'a']), '')
  })

  it('hasMagic() sees the three letters and nothing else', () => {
    for (const path of ['a*', 'a?b', 'a[1', '[*]']) assert.equal(hasMagic(path), true, path)
    for (const path of ['', 'a]', '{a,b}', 'a.b+c^$|(x)', 'a\\b', '!x']) assert.equal(hasMagic(path), false, path)
  })

  it('escapeGlob() brackets the three letters', () => {
    assert.equal(escapeGlob('a*b?c[1]/**'), 'a[*]b[?]c[[]1]/[*][*]')
    assert.equal(escapeGlob('a\\b]!'), 'a\\b]!')
  })

  it('checkDepth() throws TypeError for no number, RangeError below 1 or in between', () => {
    for (const good of [undefined, 1, 7]) checkDepth(good)
    for (const bad of [0, -1, 1.5, NaN, Infinity]) assert.throws(() => { checkDepth(bad) }, RangeError)
    for (const bad of ['1', null, true]) assert.throws(() => { checkDepth(bad) }, TypeError)
  })
})
