/** What a machine has to offer to some tests: without it they are left out. */
import { execFileSync } from 'node:child_process'

/** Whether this user may start programs in namespaces of their own. */
export function canUnshare (...flags: readonly string[]): boolean { return works('unshare', [...flags, 'true']) }

/** Whether this user may mount file systems of its own. */
export const canMount = process.platform === 'linux' && works('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/dev/shm'])

/** Whether this user may start programs as another one. */
export const canBeAnotherUser = process.getuid?.() === 0

/** Whether a redis server can be started. */
export const hasRedisServer = works('redis-server', ['--version'])

function works (command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 5000 })
    return true
  } catch {
    return false
  }
}
