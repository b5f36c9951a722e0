import type { revive } from '../registry/revive.js'
import { isPlain } from './plain.js'

/** Not imported: see plain.ts. */
const { types } = process.getBuiltinModule('node:util')

/** What must be here for descriptors of other types than filesystems. A worker need not import what its parent did. */
const systems: Readonly<Record<string, () => Promise<unknown>>> = {
  // eslint-disable-next-line forkfs/layers -- a table of names, as that of the built-in protocols: loaded by the first descriptor that names it
  checkpoint: () => import('../checkpoint/index.js'),
  'shared-array': async () => {
    const [{ registerReviver }, { reviveSharedArray }] = await Promise.all([import('../registry/revive.js'), import('../resources/segments/index.js')])
    registerReviver('shared-array', reviveSharedArray)
  }
}

let reviver: typeof revive | undefined
const loaded = new Set<string>()
/** Settles when what earlier arrivals need is here; never rejects. */
let loading: Promise<void> | undefined

/**
 * The types of the descriptors that lie in plain data. Asked before the registry is loaded: a worker that gets none never loads it.
 * Without recursion, so that no depth of data can end the stack.
 */
function descriptorTypes (value: unknown): ReadonlySet<unknown> | undefined {
  if (isPlain(value)) return undefined
  let found: Set<unknown> | undefined
  const seen = new Set<object>([value as object])
  for (const item of seen) { // a set that grows while it is walked
    if (Object.hasOwn(item, '$forkfs')) (found ??= new Set()).add((item as { $forkfs: { type?: unknown } | null }).$forkfs?.type)
    for (const part of parts(item)) {
      if (typeof part === 'object' && part !== null) seen.add(part)
    }
  }
  return found
}

function parts (value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return []
  if (types.isMap(value)) return [...value.keys(), ...value.values()]
  return types.isSet(value) ? value : Object.values(value)
}

const missing = (type: unknown): type is string => typeof type === 'string' && Object.hasOwn(systems, type) && !loaded.has(type)

async function load (wanted: ReadonlySet<unknown>): Promise<void> {
  reviver ??= (await import('../registry/revive.js')).revive
  for (const type of wanted) {
    if (!missing(type)) continue
    await systems[type]!()
    loaded.add(type)
  }
}

/**
 * What arrived from our own worker or parent, with descriptors made live. Settles in the order of the calls: while something is being
 * loaded for one of them, later ones wait with it.
 */
export function arrive (value: unknown): unknown {
  const wanted = descriptorTypes(value)
  const live = (): unknown => wanted === undefined ? value : reviver!(value, { allowModules: true })
  const ready = wanted === undefined || (reviver !== undefined && ![...wanted].some(missing))
  if (loading === undefined) {
    if (ready) return live()
    return begin(load(wanted)).then(live)
  }
  if (ready) return loading.then(live)
  return begin(loading.then(() => load(wanted))).then(live)
}

/** Later arrivals wait for it, however it ends. */
function begin (work: Promise<void>): Promise<void> {
  const settled = work.then(() => {}, () => {}).finally(() => { if (loading === settled) loading = undefined })
  loading = settled
  return work
}
