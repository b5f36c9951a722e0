import { revive } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { CaseContext, spelt } from '../context.js'
import type { ConformanceOptions, HarnessName, Runner, Space } from '../types.js'
import { WorkerSide } from './worker.js'

/** How a case meets the filesystem. */
export interface Harness {
  readonly name: HarnessName
  /** The instance is elsewhere: plain calls only. */
  readonly remote: boolean
  enter (space: Space, options: ConformanceOptions): Promise<CaseContext>
}

const direct: Harness = {
  name: 'direct',
  remote: false,
  enter: async (space, options) => Promise.resolve(new CaseContext(space, options, space.fs, space.root))
}

const prefix: Harness = {
  name: 'prefix',
  remote: false,
  enter: async (space, options) => {
    const root = `${space.root}/${spelt('deep below/50%20é/here', options)}`
    if (space.fs.capabilities.emptyDirectories && space.fs.capabilities.write) await space.fs.makedirs(root, { existOk: true })
    return new CaseContext(space, options, space.fs, root)
  }
}

const revived: Harness = {
  name: 'revived',
  remote: false,
  enter: async (space, options) => Promise.resolve(new CaseContext(space, options, revive(structuredClone(space.fs)) as FileSystem, space.root))
}

/** The harness of a name. What it holds goes with the runner's `after`. */
export function harnessOf (name: HarnessName, options: ConformanceOptions, runner: Runner): Harness {
  if (name === 'direct') return direct
  if (name === 'prefix') return prefix
  if (name === 'revived') return revived
  const side = new WorkerSide(options.modules ?? [])
  runner.after(() => side.end())
  return {
    name: 'worker',
    remote: true,
    enter: async (space, given) => new CaseContext(space, given, await side.standIn(space.fs), space.root)
  }
}
