import { createRequire } from 'node:module'
import { join } from 'node:path'
import { startS3Server } from '../../test/servers/index.js'
import { addFixture } from './place.js'
import type { Place } from './place.js'
import { run } from './run.js'
import type { Tools } from './tools.js'

interface Esbuild { build (options: object): Promise<unknown> }

/** A startup snapshot of a bundled application holds instances, and they work in the process that wakes. */
export async function checkSnapshot (place: Place, tools: Tools, node = process.execPath): Promise<void> {
  const { folder } = place
  const app = await addFixture(place, 'snapshot.js')
  const { build } = createRequire(tools.path('x.js'))('esbuild') as Esbuild
  const [outfile, blob] = [join(folder, 'snapshot.cjs'), join(folder, 'snapshot.blob')]
  await build({ entryPoints: [app], outfile, bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'silent' })
  await run({ cwd: folder }, node, '--snapshot-blob', blob, '--build-snapshot', outfile)
  const server = await startS3Server({ anonymous: true })
  try {
    await server.put('test', 'a', Buffer.from('awake'))
    const printed = (await run({ cwd: folder }, node, '--snapshot-blob', blob, server.endpoint)).trim()
    if (printed !== '1 true in memory awake FORKFS_NETWORK') throw new Error(`the snapshot of the packed package woke with other words: ${printed}`)
  } finally {
    await server.close()
  }
  console.log(`a startup snapshot of the packed package wakes on Node ${(await run({ cwd: folder }, node, '--version')).trim()}`)
}
