import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { currentOwner, sameOwner } from './realm.js'
import type { OwnerTag } from './realm.js'
import { onReset } from './reset.js'

/**
 * Whether the owner that a file names still lives. A pid says it only together with the start time and inside one pid namespace of one
 * boot; everywhere else an owner lives until nobody has touched its file for a quarter of an hour (see touch.ts).
 */

/** What a file that names an owner records. Plain JSON; fields that this system does not tell are null. */
export interface OwnerRecord extends OwnerTag {
  readonly host: string
  /** Random per boot of the kernel. Linux. */
  readonly bootId: string | null
  /** Inodes: equal where two processes share the namespace. Linux. */
  readonly pidNamespace: number | null
  readonly netNamespace: number | null
  /** In clock ticks since boot, as /proc says it. Linux. */
  readonly processStart: number | null
  /** The kernel's id of the thread, and when it began: a dead thread of a live process can be told. Linux. */
  readonly task: number | null
  readonly taskStart: number | null
  /** When the process began, in ms since 1970: for systems without the above. */
  readonly startedAt: number
}

/** `unknown`: this process can not tell. */
export type Verdict = 'alive' | 'dead' | 'unknown'

/** How long an owner that nobody can look up counts as alive after its file was last touched. */
export const untouchedMs = 15 * 60_000

let own: OwnerRecord | undefined
/** Realm ids that ended in this thread: they live no more, though their process does. */
const ended = new Set<string>()

onReset(() => {
  if (own !== undefined) ended.add(own.realm)
  own = undefined
  return {}
})

function attempt<T> (read: () => T): T | null {
  try { return read() } catch { return null }
}

interface Stat { readonly state: string, readonly start: number }

/** The name may hold spaces and parentheses: fields are counted behind the last one. */
function readStat (path: string): Stat | null {
  return attempt(() => {
    const text = readFileSync(path, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, start: Number(fields[19]) }
  })
}

function namespaceOf (name: string): number | null { return attempt(() => statSync(`/proc/self/ns/${name}`).ino) }

/** In a container that sees the /proc of another pid namespace, what is found there under a pid is somebody else. */
function procIsOurs (): boolean { return attempt(() => readlinkSync('/proc/self')) === String(process.pid) }

/** The record of the owner that calls, made once per epoch. */
export function ownerRecord (): OwnerRecord {
  if (own !== undefined && sameOwner(own, currentOwner())) return own
  const task = attempt(() => Number(/(\d+)$/.exec(readlinkSync('/proc/thread-self'))![1]))
  own = Object.freeze({
    ...currentOwner(),
    host: process.getBuiltinModule('node:os').hostname(),
    bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    pidNamespace: namespaceOf('pid'),
    netNamespace: namespaceOf('net'),
    processStart: readStat('/proc/self/stat')?.start ?? null,
    task,
    taskStart: task === null ? null : readStat('/proc/thread-self/stat')?.start ?? null,
    startedAt: Math.round(Date.now() - process.uptime() * 1000)
  })
  return own
}

const numbers = ['pid', 'threadId', 'epoch', 'startedAt'] as const
const nullable = ['pidNamespace', 'netNamespace', 'processStart', 'task', 'taskStart'] as const

/** What JSON.parse gave, as a record; undefined where it is none (another version's, or damaged). */
export function toOwnerRecord (value: unknown): OwnerRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Record<string, unknown>
  const good = numbers.every(name => Number.isSafeInteger(record[name])) && (record.pid as number) > 0 &&
    nullable.every(name => record[name] === null || Number.isSafeInteger(record[name])) && (record.task === null || (record.task as number) > 0) &&
    typeof record.realm === 'string' && typeof record.host === 'string' && (record.bootId === null || typeof record.bootId === 'string')
  return good ? record as unknown as OwnerRecord : undefined
}

let place: { readonly of: OwnerRecord, readonly name: string | undefined } | undefined

/**
 * A name, 12 hexadecimal digits, for where a pid means what it means here: one pid namespace of one boot. For files that have room for
 * little: with a pid it does not tell a process from a later one of that pid. Undefined where the system does not say.
 */
export function pidPlace (): string | undefined {
  const record = ownerRecord()
  if (place?.of !== record) {
    const { bootId, pidNamespace } = record
    const known = bootId !== null && pidNamespace !== null
    place = { of: record, name: known ? process.getBuiltinModule('node:crypto').createHash('sha256').update(`${bootId} ${pidNamespace}`).digest('hex').slice(0, 12) : undefined }
  }
  return place.name
}

/** Certain: no process of that pid is there, and there was one. False where this process can not tell, and for a pid that is used again. */
export function isProcessGone (pid: number, itsPlace: string | undefined): boolean {
  return itsPlace !== undefined && itsPlace === pidPlace() && !exists(pid)
}

function exists (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' // EPERM: it is another user's
  }
}

const gone = (stat: Stat): boolean => stat.state === 'Z' || stat.state === 'X'

/** One pid namespace of one boot, and /proc shows it. */
function byStat (record: OwnerRecord): Verdict {
  if (!exists(record.pid)) return 'dead'
  const stat = readStat(`/proc/${record.pid}/stat`)
  if (stat === null || record.processStart === null) return 'unknown' // hidden from us
  if (gone(stat) || stat.start !== record.processStart) return 'dead'
  if (record.task === null || record.taskStart === null) return record.threadId === 0 ? 'alive' : 'unknown'
  const task = readStat(`/proc/${record.pid}/task/${record.task}/stat`)
  // No such thread in a process that we can see: it has ended.
  return task === null || gone(task) || task.start !== record.taskStart ? 'dead' : 'alive'
}

/** One machine as far as one can tell, but pids are all there is. */
function byPid (record: OwnerRecord, self: OwnerRecord): Verdict {
  if (!exists(record.pid)) return 'dead'
  if (record.pid === self.pid) return Math.abs(record.startedAt - self.startedAt) > 2000 ? 'dead' : 'unknown'
  const bootedAt = Date.now() - process.getBuiltinModule('node:os').uptime() * 1000
  return record.startedAt < bootedAt - 60_000 ? 'dead' : 'unknown'
}

/** What can be known of it from here. Synchronous, some 50 us. */
export function verdictOf (record: OwnerRecord): Verdict {
  const self = ownerRecord()
  if (sameOwner(record, self)) return 'alive'
  if (record.bootId !== self.bootId || record.pidNamespace !== self.pidNamespace) return 'unknown'
  if (record.pid === self.pid && record.processStart === self.processStart && ended.has(record.realm)) return 'dead'
  if (self.bootId === null || self.pidNamespace === null) return record.host === self.host ? byPid(record, self) : 'unknown'
  return procIsOurs() ? byStat(record) : byPid(record, self)
}

/**
 * Whether it counts as alive.
 * @param touchedAt when its file was last touched (mtime in ms); decides where nothing else does. Default: just now
 */
export function isAlive (record: OwnerRecord, touchedAt?: number): boolean {
  const verdict = verdictOf(record)
  if (verdict !== 'unknown') return verdict === 'alive'
  return touchedAt === undefined || Date.now() - touchedAt < untouchedMs
}
