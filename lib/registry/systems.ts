import { FsError } from '../errors/index.js'

/** Types of descriptors of the systems above, by the folder of the system and the name under which it is published. */
const systems: ReadonlyMap<string, string> = new Map([['checkpoint', 'checkpoint'], ['shared-array', 'memmap']])

/**
 * Import, synchronously, the system that such a descriptor belongs to, which then knows its type: whoever gets one need not know what its
 * sender uses, and whoever gets none never loads it. It lies beside this file as published, in a folder of its own as compiled.
 * @throws FsError FORKFS_NOT_LOADED where it is not `known` then: in a bundle
 */
export function requireSystem (type: string, known: () => boolean): void {
  const name = systems.get(type)
  if (name === undefined) return
  const failures: unknown[] = []
  for (const path of [`./${name}.js`, `../${name}/index.js`]) {
    try {
      process.getBuiltinModule('node:module').createRequire(import.meta.url)(path)
      if (known()) return
    } catch (error) {
      failures.push(error)
    }
  }
  const cause = new AggregateError(failures)
  throw new FsError('FORKFS_NOT_LOADED', `a descriptor of type '${type}' came: import 'forkfs/${name}' here`, { operation: 'revive', cause })
}
