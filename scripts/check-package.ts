/**
 * The package as its users get it: packed, installed into an empty folder, imported, required, type-checked by the compilers that they
 * have, bundled, put under test runners and into a startup snapshot, on the versions of Node that they run. Prints one line per check.
 *
 * The first run installs compilers, bundlers, test runners and versions of Node into `$XDG_CACHE_HOME/forkfs-package`. With
 * `--short`, and where the registry does not answer, only what needs none of them is checked. With `--whole`, all suites run on all
 * versions of Node.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkBundles } from './check-package/bundles.js'
import { checkEngines } from './check-package/engines.js'
import { checkForm } from './check-package/form.js'
import { checkIsolation } from './check-package/isolation.js'
import { preparePlace } from './check-package/place.js'
import { checkSnapshot } from './check-package/snapshot.js'
import { findTools } from './check-package/tools.js'
import { checkTypes } from './check-package/types.js'
import { checkUsage } from './check-package/usage.js'

async function main (): Promise<void> {
  const { values: { short, whole } } = parseArgs({ options: { short: { type: 'boolean', default: false }, whole: { type: 'boolean', default: false } } })
  const tools = short ? undefined : await findTools()
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-package-'))
  try {
    const place = await preparePlace(folder, tools === undefined)
    await checkUsage(place)
    await checkTypes(place, tools)
    await checkForm(place)
    if (tools === undefined) {
      console.log(`left out: other compilers, bundlers, test runners, versions of Node${short ? '' : '; the registry does not answer'}`)
    } else {
      await checkSnapshot(place, tools)
      await checkBundles(place, tools)
      await checkIsolation(place, tools)
      await checkEngines(place, tools, whole)
    }
    console.log(`${place.manifest.version} is fine`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
