import { addFixture } from './place.js'
import type { Place } from './place.js'
import { run } from './run.js'

/** It can be imported and required, and an instance travels to a worker thread. @param node the binary that runs it */
export async function checkUsage (place: Place, node = process.execPath): Promise<void> {
  const { folder, manifest } = place
  const names = Object.keys(manifest.exports).filter(name => name !== './package.json' && name !== './register').map(name => name.replace('.', 'forkfs'))
  const code = `for (const name of ${JSON.stringify(names)}) require(name); require('forkfs').filesystem('memory')`
  await run({ cwd: folder }, node, '--no-warnings', '--input-type=commonjs', '--eval', code)
  const program = await addFixture(place, 'program.js')
  if ((await run({ cwd: folder }, node, program)).trim() !== 'hello') throw new Error('the worker of the installed package did not read what was written')
  console.log(`imported, required and read through a worker thread on Node ${(await run({ cwd: folder }, node, '--version')).trim()}`)
}
