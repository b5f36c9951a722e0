import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { filesOf } from '../../test/patterns.js'
import { root, run } from './run.js'
import { checkSnapshot } from './snapshot.js'
import { nodes } from './tools.js'
import type { Tools } from './tools.js'
import type { Place } from './place.js'
import { checkUsage } from './usage.js'

/** What leans on Node itself: threads, processes, clones, snapshots, streams, sockets, locks, imports; and one whole implementation. The rest is logic. */
const leaning = [
  'dist/test/{owner,process/travel}/**/*.test.js', 'dist/test/implementations/memory/*.test.js',
  'dist/test/package/import.test.js', 'dist/test/package/surface.test.js', 'dist/test/unit/{owner,registry,workers,net}/*.test.js',
  'dist/test/unit/file/{streams,local}*.test.js'
]
/** On the newest line besides: what stands on those. */
const standing = ['dist/test/process/{locks,resources,workers}/*.test.js', 'dist/test/systems/{streams,checkpoint}/*.test.js']

/**
 * The installed package on other versions of Node, and the suites of this repository: on the lowest version none (the one that runs
 * this check has run them all), on later lines those that lean on Node, on the newest a little more.
 * @param whole all suites on all versions, which takes minutes for each
 */
export async function checkEngines (place: Place, tools: Tools, whole: boolean): Promise<void> {
  for (const version of nodes) {
    const node = tools.path(`node-${version}`, 'bin', 'node')
    if (!await access(node).then(() => true, () => false)) {
      console.log(`Node ${version}: left out, its binary is for Linux on x64`)
      continue
    }
    await checkUsage(place, node)
    await checkSnapshot(place, tools, node)
    const files = (whole ? ['dist/test/**/*.test.js'] : version === nodes[0] ? [] : version === nodes.at(-1) ? [...leaning, ...standing] : leaning).flatMap(filesOf)
    if (files.length === 0) continue
    const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js')
    const printed = await run({ cwd: root }, node, mocha, '--parallel', '--jobs', '3', '--reporter', 'dot', ...files)
    console.log(`${whole ? 'all suites' : `the suites that lean on Node (${files.length} files)`}, on ${version}: ${/\d+ passing.*/.exec(printed)?.[0] ?? printed}`)
  }
}
