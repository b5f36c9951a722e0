import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { documentPath } from '../../faults/document.js'

describe('docs/errors.md', () => {
  it('has one heading with a text for each code, and none for others', async () => {
    const declared = await readFile(new URL('../../../lib/errors/fs-error.d.ts', import.meta.url), 'utf8')
    const union = /export type ErrorCode = ([^;]+);/.exec(declared)![1]!
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code!)
    assert.ok(codes.length >= 40)
    const section = /^## Codes$([^]*?)^## /m.exec(await readFile(await documentPath(), 'utf8'))![1]!
    const headings = [...section.matchAll(/^### (\w+)\n+(\S.*)$/gm)].map(([, heading]) => heading!)
    assert.deepEqual([...headings].sort(), [...codes].sort())
  })
})
