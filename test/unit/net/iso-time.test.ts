import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isoTime } from '../../../lib/net/iso-time.js'

describe('isoTime()', () => {
  it('agrees with Date on every form and moment', () => {
    fc.assert(fc.property(fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), date => {
      const text = date.toISOString()
      for (const form of [text, `${text.slice(0, 19)}Z`, `${text.slice(0, 23)}456Z`, `${text.slice(0, 23)}+00:00`]) assert.deepEqual(isoTime(form), new Date(form), form)
    }))
    const odd = ['2024-02-29T12:00:00Z', '2024-02-30T00:00:00Z', '2023-02-29T00:00:00.000Z', '2024-04-31T00:00:00Z', '2023-02-28T23:59:59.999Z', '2024-01-31T24:00:00.000Z', '1969-12-31T23:59:59.999Z', 'Wed, 12 Oct 2009 17:50:00 GMT', '2024-01-01']
    for (const form of odd) assert.deepEqual(isoTime(form), new Date(form), form)
  })

  it('goes from one month to another and back', () => {
    for (const form of ['2024-01-05T00:00:00Z', '2024-02-05T00:00:00Z', '2023-02-05T00:00:00Z', '2024-01-05T00:00:00Z']) assert.deepEqual(isoTime(form), new Date(form), form)
  })

  it('gives nothing for what is no date', () => {
    for (const text of ['', 'x', '2024-13-01T00:00:00Z', '2024-00-01T00:00:00Z', '2024-01-00T00:00:00Z', '2024-02-32T00:00:00Z', '2024-01-01T25:00:00Z', '2024-01-01T00:60:00Z', '2024-01-01T00:00:60.000Z']) {
      assert.equal(isoTime(text), undefined, text)
    }
  })
})
