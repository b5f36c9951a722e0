import { close, closeSync, fstat, open, stat, unlink } from 'node:fs'
import { join } from 'node:path'
import { isNodeError } from '../../errors/index.js'
import { pause } from '../../owner/wait.js'
import { backoffMs } from './driver.js'
import type { LockDriver, Token } from './driver.js'

/**
 * A lock of the kernel on a file (OFD lock on Linux, flock on macOS, LockFileEx on Windows), through the optional peer
 * fs-native-extensions. Counts for everybody who sees the file, containers with one volume included. Bare descriptors, not
 * FileHandles: a reset has to close them synchronously.
 */
interface Native { tryLock (fd: number): boolean }

let native: Promise<Native | undefined> | undefined

/** The peer, or undefined where it is not installed or does not load here. */
export function loadNative (): Promise<Native | undefined> {
  const peer: string = 'fs-native-extensions'
  native ??= import(/* webpackIgnore: true */ peer).then((loaded: { default?: Partial<Native> }) => {
    const found = loaded.default
    return typeof found?.tryLock === 'function' ? found as Native : undefined
  }, () => undefined)
  return native
}

const { promisify } = process.getBuiltinModule('node:util')
const [openFile, closeFile, statOpen, statPath, unlinkPath] = [promisify(open), promisify(close), promisify(fstat), promisify(stat), promisify(unlink)]

/** Whether the locked file is the one that others find: the last holder may have removed it meanwhile. */
async function isCurrent (fd: number, path: string): Promise<boolean> {
  try {
    const [mine, theirs] = await Promise.all([statOpen(fd), statPath(path)])
    return mine.ino === theirs.ino && mine.dev === theirs.dev
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return false
    throw error
  }
}

async function lockFile (path: string, lock: Native): Promise<number | undefined> {
  const fd = await openFile(path, 'a+', 0o600)
  try {
    if (lock.tryLock(fd) && await isCurrent(fd, path)) return fd
  } catch (error) {
    await closeFile(fd)
    throw error
  }
  await closeFile(fd)
  return undefined
}

function hold (fd: number, path: string): Token {
  return {
    async release () {
      await unlinkPath(path).catch(() => {}) // a left file harms nobody
      await closeFile(fd)
    },
    drop () { closeSync(fd) }
  }
}

export const ofdDriver: LockDriver = {
  name: 'ofd',
  label: () => 'ofd',
  async take (place, signal, once) {
    const lock = await loadNative()
    if (lock === undefined) return undefined
    const path = join(place.folder, '.lock')
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      const fd = await lockFile(path, lock)
      if (fd !== undefined) return hold(fd, path)
      if (once) return undefined
      // The kernel could wake us, in a thread of the pool that reads files and that nobody can abort: asking again is cheaper.
      await pause(backoffMs(attempt), signal)
    }
  }
}
