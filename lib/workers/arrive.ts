import type { revive } from '../registry/revive.js'

/** Not imported: from Node 22 on that reads getters of the module which load the network. */
const { types } = process.getBuiltinModule('node:util')

let reviver: typeof revive | undefined
let loading: Promise<void> | undefined

/**
 * Whether a descriptor lies in plain data. Asked before the registry is loaded: a worker that gets none never loads it.
 * Without recursion, so that no depth of data can end the stack.
 */
function holdsDescriptor (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const seen = new Set<object>([value])
  for (const item of seen) { // a set that grows while it is walked
    if (Object.hasOwn(item, '$forkfs')) return true
    for (const part of parts(item)) {
      if (typeof part === 'object' && part !== null) seen.add(part)
    }
  }
  return false
}

function parts (value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return []
  if (types.isMap(value)) return [...value.keys(), ...value.values()]
  return types.isSet(value) ? value : Object.values(value)
}

async function load (): Promise<void> {
  const [{ registerReviver, revive: loaded }, { reviveSharedArray }] = await Promise.all([import('../registry/revive.js'), import('../resources/segments/index.js')])
  registerReviver('shared-array', reviveSharedArray) // a worker need not import what its parent did
  reviver = loaded
}

/**
 * What arrived from our own worker or parent, with descriptors made live. Settles in the order of the calls: while the registry is being
 * loaded for one of them, later ones wait with it.
 */
export function arrive (value: unknown): unknown {
  const needed = holdsDescriptor(value)
  if (!needed && loading === undefined) return value
  if (reviver !== undefined) return needed ? reviver(value, { allowModules: true }) : value
  loading ??= load().finally(() => { loading = undefined })
  return loading.then(() => needed ? reviver!(value, { allowModules: true }) as unknown : value)
}
