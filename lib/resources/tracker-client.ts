import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addFinalizer, askParent, currentOwner, hasParent, onReset, ownerName } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { onRelease } from '../owner/release.js'
import { deletePath } from './delete.js'
import { encodeFrame } from './tracker-frames.js'
import { trackerFd, trackerMark, trackerService } from './tracker-mark.js'

export type TrackedKind = 'file' | 'folder'

/**
 * Named resources that other processes know by path. Each has a count over all who hold it: this thread, and the workers of ours, which
 * ask it. Register what exists, not what will.
 */
export interface Tracker {
  /** One holder more. The first one starts the tracker process (some 50 ms), which deletes the path should this process be killed. */
  register (path: string, kind: TrackedKind): Promise<void>
  /** One holder less; the last one deletes it. @returns whether it was deleted. Not registered: nothing happens */
  release (path: string): Promise<boolean>
  /** Forget it, whatever its count: somebody else deletes it. */
  unregister (path: string): Promise<void>
}

/** One relaunch: a tracker that dies twice is being killed on purpose, or can not run here. */
const maxLaunches = 2

interface Resource { readonly kind: TrackedKind, readonly holders: Map<string, number> }
interface Live { readonly child: ChildProcess, readonly pipe: Socket }

class TrackerClient {
  readonly #resources = new Map<string, Resource>()
  #live: Live | undefined
  #launches = 0
  #withdraw: Array<() => void> = []
  #ended = false

  async register (path: string, kind: TrackedKind, holder: string): Promise<void> {
    this.#begin()
    let resource = this.#resources.get(path)
    if (resource === undefined) {
      resource = { kind, holders: new Map() }
      this.#resources.set(path, resource)
      resource.holders.set(holder, 1)
      await this.#announce(path, kind)
      return
    }
    resource.holders.set(holder, (resource.holders.get(holder) ?? 0) + 1)
  }

  async release (path: string, holder: string): Promise<boolean> {
    const resource = this.#resources.get(path)
    const count = resource?.holders.get(holder)
    if (resource === undefined || count === undefined) {
      process.getBuiltinModule('node:util').debuglog('forkfs')('released once too often: %s', path)
      return false
    }
    if (count > 1) resource.holders.set(holder, count - 1)
    else resource.holders.delete(holder)
    if (resource.holders.size > 0) return false
    this.#resources.delete(path)
    if (hasParent()) return await this.#ask('release', path) === true
    await deletePath(path) // before the tracker forgets it: killed in between, it is deleted all the same
    await this.#send({ verb: 'unregister', path })
    return true
  }

  async unregister (path: string): Promise<void> {
    if (!this.#resources.delete(path)) return
    if (hasParent()) await this.#ask('unregister', path)
    else await this.#send({ verb: 'unregister', path })
  }

  /** A worker is dead: all that it held, at once. */
  async releaseHolder (holder: string): Promise<void> {
    for (const [path, { holders }] of [...this.#resources]) {
      if (!holders.has(holder)) continue
      holders.set(holder, 1)
      await this.release(path, holder)
    }
  }

  /** In good order: the tracker deletes what is left, and ends. */
  end (): void {
    this.#ended = true
    for (const withdraw of this.#withdraw) withdraw()
    this.#live?.pipe.end()
  }

  /** After a reset: the tracker goes on for as long as this process lives; what it watches is another owner's. */
  forget (): Live | undefined {
    this.#ended = true
    for (const withdraw of this.#withdraw) withdraw()
    return this.#live
  }

  #begin (): void {
    if (this.#withdraw.length > 0) return
    const disarm = addFinalizer({
      drain: async () => {
        drop(this)
        this.#endFirst()
        this.end()
        return Promise.resolve()
      },
      exit: () => { this.#endFirst() }
    })
    this.#withdraw = [disarm, onRelease(owner => this.releaseHolder(ownerName(owner)))]
  }

  /** With pid 1, as in a container, all processes of its namespace end at once, the tracker among them: nobody is left to delete, or to read. */
  #endFirst (): void {
    if (process.pid !== 1 || hasParent()) return
    const paths = (wanted: TrackedKind): string[] => [...this.#resources].flatMap(([path, { kind }]) => kind === wanted ? [path] : [])
    for (const path of [...paths('file'), ...paths('folder').sort((a, b) => b.length - a.length)]) {
      try { rmSync(path, { recursive: true, force: true }) } catch { /* the next sweep sees to it */ }
    }
  }

  /** In a worker of ours the parent counts us as one holder, and knows when we are dead. */
  #ask (verb: keyof Tracker, path: string, kind?: TrackedKind): Promise<unknown> { return askParent(trackerService, { verb, path, kind }) }

  async #announce (path: string, kind: TrackedKind): Promise<void> {
    if (hasParent()) { await this.#ask('register', path, kind); return }
    if (this.#live === undefined && !this.#launch()) return
    await this.#send({ verb: 'register', path, kind })
  }

  async #send (frame: Parameters<typeof encodeFrame>[0]): Promise<void> {
    const live = this.#live
    if (live === undefined) return
    live.pipe.ref()
    // Written means safe: what the pipe holds is read also when this process is gone.
    await new Promise<void>(resolve => { live.pipe.write(encodeFrame(frame), () => { resolve() }) })
    live.pipe.unref()
  }

  /** @returns whether there is a tracker now */
  #launch (): boolean {
    if (this.#launches >= maxLaunches) return false
    this.#launches++
    try {
      this.#live = launch()
    } catch (error) {
      this.#launches = maxLaunches
      warn(`the tracker could not be started: ${String(error)}`)
      return false
    }
    const { child } = this.#live
    child.once('error', () => { this.#onExit(child) })
    child.once('exit', () => { this.#onExit(child) })
    return true
  }

  #onExit (child: ChildProcess): void {
    if (this.#ended || this.#live?.child !== child) return
    this.#live.pipe.destroy()
    this.#live = undefined
    if (this.#resources.size > 0 && this.#launch()) {
      for (const [path, { kind }] of this.#resources) void this.#send({ verb: 'register', path, kind })
      warn('the tracker of shared files died and was started again')
    } else if (this.#launches >= maxLaunches) {
      warn('the tracker of shared files died again: what a kill leaves now waits for the next sweep')
    }
  }
}

function warn (text: string): void { process.emitWarning(text, 'ForkfsWarning') }

/** What Node needs to start, and no credentials: it may outlive us. */
const environment = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot']

function launch (): Live {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const env = Object.fromEntries(environment.flatMap(name => process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const child = spawn(process.execPath, [fileURLToPath(new URL(/* webpackIgnore: true */ './tracker-process.js', import.meta.url)), trackerMark], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own: a Ctrl-C, or a kill of our group, does not reach it
    windowsHide: true,
    cwd: process.platform === 'win32' ? undefined : '/',
    env
  })
  if (child.stdio === undefined as unknown) { // out of descriptors: Node gives up half-way
    child.on('error', () => {})
    throw new Error('no more descriptors')
  }
  const pipe = child.stdio[trackerFd] as unknown as Socket
  pipe.on('error', () => {}) // its end is heard by 'exit'
  pipe.unref()
  child.unref()
  return { child, pipe }
}

let client: TrackerClient | undefined
/** Pipes of epochs that ended: closing one would have its tracker delete what is not ours any more. */
const forgotten: Live[] = []

function drop (gone: TrackerClient): void { if (client === gone) client = undefined }

function checkPath (path: string): void {
  if (typeof path === 'string' && isAbsolute(path) && !path.includes('\0')) return
  throw new TypeError(`Expected \`path\` to be an absolute path, got \`${String(path)}\` (${typeof path})`)
}

function checkKind (kind: unknown): asserts kind is TrackedKind {
  if (kind === 'file' || kind === 'folder') return
  throw new TypeError(`Expected \`kind\` to be 'file' or 'folder', got \`${String(kind)}\` (${typeof kind})`)
}

function local (): TrackerClient {
  client ??= new TrackerClient()
  return client
}

/** This owner's. In a worker of ours it stands on the parent's. */
export const tracker: Tracker = {
  async register (path, kind) { await perform('register', path, kind, currentOwner()) },
  async release (path) { return await perform('release', path, undefined, currentOwner()) === true },
  async unregister (path) { await perform('unregister', path, undefined, currentOwner()) }
}

async function perform (verb: keyof Tracker, path: string, kind: unknown, owner: OwnerTag): Promise<unknown> {
  checkPath(path)
  if (verb === 'register') {
    checkKind(kind)
    return local().register(path, kind, ownerName(owner))
  }
  return verb === 'release' ? client?.release(path, ownerName(owner)) : client?.unregister(path)
}

/** What a worker asks: it is one holder. */
export async function answerTracker (question: unknown, from: OwnerTag): Promise<unknown> {
  const { verb, path, kind } = question as { verb: keyof Tracker, path: string, kind: unknown }
  return perform(verb, path, kind, from)
}

onReset(mode => {
  const live = client?.forget()
  client = undefined
  if (live !== undefined && mode === 'drop') forgotten.push(live)
  return { clients: live === undefined ? 0 : 1 }
})
