import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isFsError } from '../../../lib/errors/fs-error.js'
import { ErrorReply, escapeXml, fitsXml, resolve, XmlReader } from '../../../implementations/s3/xml.js'
import { bytes, element, leaf, write } from './fixtures/xml-model.js'
import type { Model } from './fixtures/xml-model.js'

const protocol = (error: unknown): boolean => isFsError(error, 'FORKFS_PROTOCOL')

/** Everything the reader sees, as the model that it should have come from. */
function readBack (reader: XmlReader, name: string): Model {
  if (name === 'leaf') return leaf(name, reader.text())
  const children: Model[] = []
  for (let child = reader.child(); child !== undefined; child = reader.child()) children.push(readBack(reader, child))
  return element(name, children)
}

const texts = fc.string({ unit: 'binary', maxLength: 12 }).filter(text => !/[\ufffe\uffff]/.test(text))
const models = fc.letrec<{ tree: Model, leaf: Model }>(tie => ({
  leaf: texts.map(text => leaf('leaf', text)),
  tree: fc.tuple(fc.constantFrom('a', 'b.c', 'Long-Name'), fc.array(fc.oneof({ depthSize: 'small', maxDepth: 3 }, tie('leaf'), tie('tree')), { maxLength: 4 }))
    .map(([name, children]) => element(name, children))
})).tree

describe('XmlReader', () => {
  it('reads what was written, whatever form it was written in', () => {
    fc.assert(fc.property(models, fc.infiniteStream(fc.nat()), (model, noise) => {
      const reader = new XmlReader(bytes(write(model, noise)))
      assert.deepEqual(readBack(reader, reader.root()), model)
      reader.end()
    }), { numRuns: 400 })
  })

  it('skips what it is told to skip, without looking at it', () => {
    fc.assert(fc.property(models, models, fc.infiniteStream(fc.nat()), (model, unknown, noise) => {
      const reader = new XmlReader(bytes(write(element('root', [unknown, model]), noise)))
      reader.expect('root')
      reader.child()
      reader.skip()
      assert.deepEqual(readBack(reader, reader.child()!), model)
      assert.equal(reader.child(), undefined)
      reader.end()
    }))
  })

  it('rejects every document that is cut off', () => {
    const whole = '<?xml version="1.0"?><r a="1>2"><!-- c --><leaf>x&amp;y<![CDATA[<z>]]></leaf><a><leaf/></a></r>'
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => {
        const reader = new XmlReader(whole.slice(0, length))
        readBack(reader, reader.root())
        reader.end()
      }, protocol, whole.slice(0, length))
    }
    const reader = new XmlReader(whole)
    assert.deepEqual(readBack(reader, reader.root()), element('r', [leaf('leaf', 'x&y<z>'), element('a', [leaf('leaf', '')])]))
  })

  it('rejects document types, unknown references and what is not well-formed', () => {
    for (const text of [
      '<!DOCTYPE r [<!ENTITY e "x">]><r><leaf>&e;</leaf></r>', '<r><leaf>&e;</leaf></r>', '<r><leaf>a & b</leaf></r>', '<r><leaf>&#xd800;</leaf></r>',
      '<r><leaf>x</lead></r>', '<r><leaf>x</leafs></r>', '<r></r><r></r>', '<r></r>x', 'x<r></r>', '</r>', 'not XML', '', '<r><a>text</a></r>', '<r><leaf><b/></leaf></r>',
      '<html><body>502 Bad Gateway<br></body></html>', '<r a=1></r>', '<r a="1></r>', '< r></r>', '{"error":"json"}', '<r><!ELEMENT x></r>'
    ]) {
      assert.throws(() => {
        const reader = new XmlReader(bytes(text))
        readBack(reader, reader.root())
        reader.end()
      }, protocol, text)
    }
  })

  it('rejects a hostile depth', () => {
    assert.throws(() => {
      const reader = new XmlReader('<a>'.repeat(1000) + '</a>'.repeat(1000))
      reader.root()
      reader.skip()
    }, protocol)
  })

  it('rejects bytes that are not UTF-8', () => {
    assert.throws(() => new XmlReader(Buffer.from('<r>\u00e9</r>', 'latin1')), protocol)
  })

  it('never crashes otherwise', () => {
    const pieces = fc.constantFrom('<', '>', '/', '<a>', '</a>', '<b/>', '&amp;', '&', '<!--', '-->', '<![CDATA[', ']]>', '<?', '?>', '"', ' ', 'x', '<!DOCTYPE')
    fc.assert(fc.property(fc.array(pieces, { maxLength: 12 }), parts => {
      try {
        const reader = new XmlReader(parts.join(''))
        reader.root()
        reader.skip()
        reader.end()
      } catch (error) {
        assert.ok(protocol(error), String(error))
      }
    }), { numRuns: 2000 })
  })

  describe('expect()', () => {
    it('throws ErrorReply with the fields of an <Error>', () => {
      assert.throws(() => { new XmlReader('<Error><Code>SlowDown</Code><x><y/></x><Message>a&lt;b</Message></Error>').expect('R') },
        (error: unknown) => error instanceof ErrorReply && error.fields['Code'] === 'SlowDown' && error.fields['Message'] === 'a<b' && !('x' in error.fields))
    })

    it('rejects another document', () => { assert.throws(() => { new XmlReader('<html></html>').expect('R') }, protocol) })
  })
})

describe('escapeXml()', () => {
  it('survives the way back for every text that XML can carry, and refuses the others', () => {
    fc.assert(fc.property(fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom('\0', '\r', '\n', '\t', '\x1b', '\ud800', '\ufffe', '&', '<')), maxLength: 12 }), text => {
      if (!fitsXml(text)) {
        assert.throws(() => escapeXml(text), (error: unknown) => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
        return
      }
      const escaped = escapeXml(text)
      assert.match(escaped, /^[^<>"'\r\n\t]*$/)
      assert.equal(resolve(escaped), text)
    }))
    assert.equal(fitsXml('\x01'), false)
    assert.equal(fitsXml('\udc00\ud800'), false)
    assert.equal(fitsXml('a\t\r\n\u{1f600}'), true)
  })
})
