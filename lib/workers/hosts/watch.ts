import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { onReset } from '../../owner/index.js'

/**
 * A worker process leaves when its channel ends, unless its only thread is busy for ever, or stopped. A shell waits for those: its pipe
 * brings the ids of all workers of this thread, the last line counts, and ends with this thread, however that dies. Who is still there
 * two seconds later is killed with what it started. Not on stdin: bash takes a socket there for a login and reads its start files.
 */
const script = `
while read -r line <&3; do workers=$line; done
for pause in 1 1 0; do
  left=
  for id in $workers; do kill -0 "$id" 2>/dev/null && left="$left $id"; done
  workers=$left
  if [ -z "$workers" ]; then exit; fi
  sleep $pause
done
for id in $workers; do kill -9 "-$id" 2>/dev/null; done
`

interface Watcher { readonly child: ChildProcess, readonly pipe: Socket }

const workers = new Set<number>()
let watcher: Watcher | undefined

/** Have a worker process ended after this thread. @returns to be called when it is gone */
export function watchOver (pid: number): () => void {
  if (process.platform === 'win32') return () => {}
  onReset(forget) // adding it again is nothing
  workers.add(pid)
  tell()
  return () => {
    if (workers.delete(pid)) tell()
  }
}

/** Nobody is left: it ends, too. */
function tell (): void {
  if (workers.size > 0) watcher ??= start()
  watcher?.pipe.write(`${[...workers].join(' ')}\n`)
  if (workers.size > 0) return
  watcher?.pipe.end()
  watcher = undefined
}

/** Without a shell (some container images have none) workers are on their own. */
function start (): Watcher | undefined {
  try {
    const { spawn } = process.getBuiltinModule('node:child_process')
    const { PATH = '/usr/bin:/bin' } = process.env
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], detached: true, cwd: '/', env: { PATH } })
    const pipe = child.stdio[3] as Socket
    const started: Watcher = { child, pipe }
    const onEnd = (): void => { if (watcher === started) watcher = undefined } // the next change starts another
    child.once('error', onEnd)
    child.once('exit', onEnd)
    pipe.on('error', () => {})
    child.unref()
    pipe.unref()
    return started
  } catch {
    return undefined // no descriptors
  }
}

/** The workers go with their owner. */
function forget (mode: 'drop' | 'forget'): object {
  if (mode === 'drop') watcher?.pipe.destroy()
  watcher = undefined
  workers.clear()
  return {}
}
