/** Run cases of the table: each alone on its own server, many servers side by side. */
import { AssertionError } from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFsError } from '../../lib/errors/index.js'
import type { FileSystem } from '../../lib/filesystem/filesystem.js'
import { randomHex } from '../../lib/owner/index.js'
import type { FaultRule } from '../servers/index.js'
import { eventually } from '../eventually.js'
import { faultsOf } from './faults.js'
import type { Store } from './stores.js'
import type { Case, Result, Scene, VerbForm, WireRequest } from './types.js'

/** No run may take longer, whatever its fault is: the deadlines that it is given are shorter. */
const overdueMs = 20_000
/** How long the other side may need to see that a connection is gone. */
const settleMs = 3000

function sceneOf (store: Store, fs: FileSystem, base: string, run: string, folder: string): Scene {
  const { big, huge, many } = store
  return { fs, base, big, huge, many, fill: () => store.fill(base), local: join(folder, run), bucket: `bucket-${run}`, stored: name => store.stored(base, name) }
}

/** The kinds of request that a verb makes where nothing goes wrong. */
async function requestsOf (store: Store, verb: VerbForm, folder: string): Promise<WireRequest[]> {
  const run = `probe-${randomHex(6)}`
  const base = await store.seed(run, false)
  const fs = store.open(verb.given === undefined ? {} : { retry: { baseMs: 1, maxMs: 4 } }, false)
  await store.resetCounters()
  if (verb.given !== undefined) await store.addFault(verb.given)
  await verb.run(sceneOf(store, fs, base, run, folder))
  await fs.close()
  await store.clearFaults()
  await store.forget(base)
  const found = new Map<string, WireRequest>()
  for (const request of await store.requests()) {
    const kind = store.describe(request)
    found.set(kind.label, kind)
  }
  return [...found.values()]
}

/**
 * All cases; without `full` the first verb that makes a kind of request meets all faults, and the others the core of them. For stores
 * that are brief, of verbs that make the same requests only the first meets any.
 */
function casesOf (store: Store, requests: ReadonlyMap<VerbForm, readonly WireRequest[]>, full: boolean): Case[] {
  const cases: Case[] = []
  const covered = new Set<string>()
  const shown = new Set<string>()
  for (const [verb, made] of requests) {
    const together = `${made.map(({ label }) => label).join()} ${verb.only?.join()} ${verb.from}`
    if (!full && store.brief === true && shown.has(together)) continue
    shown.add(together)
    let first = verb.from === undefined
    for (const request of made) {
      if (verb.only?.includes(request.label) === false) continue
      const kind = `${request.label} ${verb.from}`
      const all = full || (!covered.has(kind) && verb.briefly !== true)
      covered.add(kind).add(`${request.label} undefined`)
      for (const fault of faultsOf[store.name]) {
        if (!fault.fits(request, store.name) || (!all && fault.core !== true)) continue
        if (fault.unknowing === true && !first) continue
        if (verb.untimed === true && fault.clock !== undefined) continue
        const timed = fault.slow === true || (fault.clock !== undefined && !(fault.clock === 'idle' && fault.core === true))
        if (verb.heavy === true && timed) continue // what it moves takes its own time
        const modes = fault.action === 'refused' ? ['lasting'] as const : ['once', 'lasting'] as const
        for (const mode of modes) cases.push({ store: store.name, verb, request, fault, mode })
      }
      first = false
    }
  }
  return cases
}

function ruleOf (store: Store, { verb, request, fault, mode }: Case): FaultRule | undefined {
  if (fault.action === 'refused') return undefined
  const lasting = mode === 'lasting'
  const at = verb.from === undefined ? {} : lasting ? { from: verb.from } : { nth: verb.from }
  return { match: { ...store.match(request), ...at }, action: fault.action, times: lasting ? Infinity : 1 }
}

/** What became of a promise, within a time. */
async function outcomeOf (work: Promise<void>, violations: string[]): Promise<Result['outcome']> {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<'overdue'>(resolve => { timer = setTimeout(resolve, overdueMs, 'overdue') })
  try {
    if (await Promise.race([work.then(() => 'right'), overdue]) === 'overdue') violations.push('it did not end')
    return 'right'
  } catch (error) {
    if (isFsError(error)) return error.code
    violations.push(error instanceof AssertionError ? `wrong: ${error.message.split('\n').slice(0, 12).join(' ')}` : `no FsError: ${String(error)}`)
    return 'right'
  } finally {
    clearTimeout(timer)
  }
}

/** Attempts of a request: the last one of them must bring it where the fault comes once. */
const attempts = { once: 4, lasting: 2 }

/**
 * Uploads that may be left. One without parts for each answer to a beginning that may have been lost: nobody knows its id. One
 * with parts where its abort fails for good.
 */
async function checkUploads (store: Store, base: string, { request, fault, mode }: Case, violations: string[]): Promise<void> {
  const { empty, filled } = await store.uploads(base)
  const { operations } = await store.counters()
  const { begin, abort } = store.uploading
  const unheard = (operations[begin] ?? 0) - (request.operation === begin ? 0 : 1)
  const unaborted = request.operation === abort && (mode === 'lasting' || fault.final === true) ? 1 : 0
  if (filled > unaborted) violations.push(`${filled} uploads with parts are left`)
  if (empty > Math.max(0, unheard) + unaborted) violations.push(`${empty} uploads are left`)
}

/** Short where they are what the fault is about. */
function clocksOf ({ fault: { clock }, verb: { heavy = false } }: Case): Readonly<Record<string, unknown>> {
  if (clock === 'idle') return { idleTimeoutMs: heavy ? 800 : 500 }
  return clock === 'deadline' ? { timeoutMs: 700 } : {}
}

export async function runCase (store: Store, one: Case, number: number, folder: string): Promise<Result> {
  const { verb, fault } = one
  const refused = fault.action === 'refused'
  const run = `run-${number}`
  const base = await store.seed(run, refused)
  const fs = store.open({ retry: { attempts: attempts[one.mode], baseMs: 1, maxMs: 4 }, ...clocksOf(one) }, refused)
  const scene = sceneOf(store, fs, base, run, folder)
  const violations: string[] = []
  const rule = ruleOf(store, one)
  await store.resetCounters()
  for (const each of [verb.given, rule]) if (each !== undefined) await store.addFault(each)
  const began = performance.now()
  const outcome = await outcomeOf(verb.run(scene), violations)
  const milliseconds = performance.now() - began
  const { faults } = await store.counters()
  await store.clearFaults()
  if (rule !== undefined && faults <= (verb.given === undefined ? 0 : 1)) violations.push('the fault never came')
  // Aborted means settled: the last exchange is over when the verb is, or a moment later on the other side.
  if (!await eventually(async () => (await store.counters()).inFlight.now === 0, settleMs)) violations.push('a request is still under way')
  if (!refused) await verb.holds?.(scene).catch((error: unknown) => { violations.push(`afterwards: ${(error as Error).message.split('\n')[0]}`) })
  await checkUploads(store, base, one, violations)
  await fs.close()
  if (!await eventually(async () => (await store.counters()).sockets.open === 0, settleMs)) violations.push('a socket is left')
  await store.forget(base)
  return { ...one, outcome, milliseconds, violations }
}

export interface Table { readonly results: readonly Result[], readonly requests: ReadonlyMap<VerbForm, readonly WireRequest[]> }

/** Cases that wait for a clock cost nothing meanwhile; the others keep this thread busy, and clocks of a busy thread run out. */
const lanes = { waiting: 24, busy: 3 }

/** Run all forms on servers of one kind, many of them side by side. */
export async function runAll (open: (heavy: boolean) => Promise<Store>, verbs: readonly VerbForm[], full = false): Promise<Table> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-faults-'))
  const stores = await Promise.all(Array.from({ length: lanes.waiting + lanes.busy }, (_, lane) => open(lane >= lanes.waiting)))
  const requests = new Map<VerbForm, WireRequest[]>()
  const results: Result[] = []
  try {
    for (const verb of verbs) requests.set(verb, await requestsOf(stores.at(-1)!, verb, folder))
    const cases = casesOf(stores[0]!, requests, full)
    const waits = ({ fault, verb }: Case): boolean => fault.clock !== undefined && verb.heavy !== true
    const waiting = [...cases.keys()].filter(at => waits(cases[at]!))
    const busy = [...cases.keys()].filter(at => !waits(cases[at]!))
    await Promise.all(stores.map(async (store, lane) => {
      const queue = lane < lanes.waiting ? waiting : busy
      for (let at = queue.shift(); at !== undefined; at = queue.shift()) results[at] = await runCase(store, cases[at]!, at, folder)
    }))
  } finally {
    await Promise.all(stores.map(store => store.close()))
    await rm(folder, { recursive: true, force: true })
  }
  return { results, requests }
}
