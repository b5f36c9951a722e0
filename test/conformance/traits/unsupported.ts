import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'
import type { Capability } from '../types.js'
import { refusals } from './refusals.js'

const names: readonly Capability[] = ['read', 'write', 'append', 'exclusiveCreate', 'rename', 'emptyDirectories', 'sign', 'ranges']

export function unsupported (suite: Suite): void {
  suite.family('capabilities', suite => {
    suite.here('are declared, each as true or false', async ({ fs }) => {
      assert.deepEqual(Object.keys(fs.capabilities).sort(), [...names].sort())
      for (const name of names) assert.equal(typeof fs.capabilities[name], 'boolean', name)
      await Promise.resolve()
    })

    suite.here('that are false refuse with FORKFS_NOT_SUPPORTED before any I/O', async context => {
      await context.seed({ file: 'x' })
      for (const name of names) if (!context.fs.capabilities[name]) await refusals[name]?.(context)
    })
  })
}
