import { decodeError } from '../errors/codec.js'
import { canMap, checkFolder, checkRef, closeFile, isSharingMode, makeSegment, notSupported, openSegment, preparePlaces } from '../resources/segments/index.js'
import type { Places, Segment, SegmentRef, SharingMode } from '../resources/segments/index.js'
import type { Channel } from './channel.js'
import type { Peer } from './peer.js'
import type { RemoteWorkerOptions, WorkerKind } from './types.js'

export interface ResolvedSharing { readonly maxBytes: number, readonly mode: SharingMode, readonly folder: string | undefined }

const defaultMaxBytes = 1 << 20

/** @returns undefined: never @throws TypeError, RangeError */
export function resolveSharing (sharing: RemoteWorkerOptions['sharing'] = {}): ResolvedSharing | undefined {
  if (typeof sharing !== 'object' || sharing === null) throw new TypeError(`Expected \`sharing\` to be an object, got \`${String(sharing)}\` (${typeof sharing})`)
  for (const name of Object.keys(sharing)) {
    if (!['maxBytes', 'mode', 'folder'].includes(name)) throw new TypeError(`Unknown option \`sharing.${name}\`: known are maxBytes, mode, folder`)
  }
  const { maxBytes = defaultMaxBytes, mode = 'r' } = sharing
  if (!isSharingMode(mode)) throw new TypeError(`Expected \`sharing.mode\` to be 'r', 'r+' or 'c', got \`${String(mode)}\` (${typeof mode})`)
  const folder = checkFolder('sharing.folder', sharing.folder)
  if (maxBytes === null) return undefined
  if (typeof maxBytes !== 'number') throw new TypeError(`Expected \`sharing.maxBytes\` to be a number >= 0 or null, got \`${String(maxBytes)}\` (${typeof maxBytes})`)
  if (!(maxBytes >= 0)) throw new RangeError(`Expected \`sharing.maxBytes\` to be a number >= 0 or null, got \`${maxBytes}\` (number)`)
  return { maxBytes, mode, folder }
}

/** Before a process shares anything: can the other side open what this one makes, and the other way round? */
export interface ProbeBody { readonly segment: SegmentRef, readonly folder: string | undefined, readonly named: boolean, readonly map: boolean }
interface ProbeAnswer { readonly opened: boolean, readonly segment: SegmentRef | undefined, readonly canMap: boolean }
/** The parent's decision. Undefined: results are copied. */
export type ShareBody = { readonly maxBytes: number, readonly named: boolean } | undefined

let warned = false

/**
 * The parent's side, before the first call. Threads need no more than to be told. Processes use segments that each finds through the
 * other's /proc, else named files, else copies, with one warning.
 * @throws FsError for a folder that can not be used; FORKFS_NOT_SUPPORTED for mode 'r+' where the worker can not map files
 */
export async function agreeOnSharing (peer: Peer, kind: WorkerKind, sharing: ResolvedSharing): Promise<void> {
  const { maxBytes, mode, folder } = sharing
  if (kind !== 'process') {
    peer.channel.share({ maxBytes, mode, back: false })
    peer.notify('share', { maxBytes, named: false } satisfies ShareBody)
    return
  }
  for (const named of process.platform === 'linux' ? [false, true] : [true]) {
    const places = await preparePlaces({ folder, named })
    if (places.candidates.length === 0 || !await probe(peer, makeSegment(new Uint8Array(1), places), { folder, named, map: mode === 'r+' })) continue
    peer.channel.share({ maxBytes, mode, back: false, places, named })
    peer.notify('share', { maxBytes, named } satisfies ShareBody)
    return
  }
  peer.notify('share', undefined)
  if (mode === 'r+') throw notSupported('this worker process can open no segment of ours')
  if (warned) return
  warned = true
  process.emitWarning('there is no folder through which processes could share arrays: large arrays are copied', 'ForkfsWarning')
}

async function probe (peer: Peer, segment: Segment, rest: Omit<ProbeBody, 'segment'>): Promise<boolean> {
  try {
    const settled = await peer.request('probe', { segment: segment.ref, ...rest } satisfies ProbeBody, { value: undefined, root: 'sharing' }).answer
    if (settled.ok === undefined) throw settled.lost()
    if (!settled.ok) throw decodeError(settled.error)
    const answer = settled.value as ProbeAnswer
    if (!answer.opened || answer.segment === undefined || !opens(answer.segment)) return false
    if (rest.map && !answer.canMap) throw notSupported('the worker process can not map files: install koffi')
    return true
  } finally {
    segment.close()
  }
}

function opens (ref: SegmentRef): boolean {
  try {
    closeFile(openSegment(checkRef(ref)))
    return true
  } catch {
    return false
  }
}

/** The worker's side. */
export class SharingServer {
  readonly #channel: Channel
  #probe: Segment | undefined
  /** A thread is not asked for any. */
  #places: Places | undefined

  constructor (channel: Channel) { this.#channel = channel }

  async probe ({ segment, folder, named, map }: ProbeBody): Promise<ProbeAnswer> {
    this.#probe?.close()
    this.#probe = undefined
    if (!opens(segment)) return { opened: false, segment: undefined, canMap: false }
    try {
      this.#places = await preparePlaces({ folder, named })
      this.#probe = makeSegment(new Uint8Array(1), this.#places)
    } catch { /* as it says */ }
    return { opened: true, segment: this.#probe?.ref, canMap: map && canMap() }
  }

  share (body: ShareBody): void {
    this.#probe?.close()
    this.#probe = undefined
    if (body === undefined) return
    const { maxBytes, named } = body
    this.#channel.share(this.#places === undefined ? { maxBytes, mode: 'c', back: true } : { maxBytes, mode: 'c', back: true, named, places: this.#places })
  }
}
