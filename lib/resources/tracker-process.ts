/**
 * The entry file of the tracker: a process that lives as long as the pipe on its descriptor 3 has a writer, then deletes what is
 * registered and ends. Imported anywhere else it does nothing.
 */
import { rm } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { FrameReader } from './tracker-frames.js'
import { trackerFd, trackerMark } from './tracker-mark.js'

const attempts = 10
const intervalMs = 150

const registered = new Map<string, 'file' | 'folder'>()

async function remove (path: string): Promise<void> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      await rm(path, { recursive: true })
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || !['EPERM', 'EBUSY', 'EACCES', 'ENOTEMPTY'].includes(code ?? '')) return
      await new Promise(resolve => { setTimeout(resolve, intervalMs) })
    }
  }
}

/** Everybody is gone: files first, the folders that held them last, the deepest first. */
async function end (): Promise<void> {
  const paths = (kind: string): string[] => [...registered].flatMap(([path, each]) => each === kind ? [path] : [])
  await Promise.all(paths('file').map(remove))
  for (const folder of paths('folder').sort((a, b) => b.length - a.length)) await remove(folder)
  process.exit()
}

async function serve (): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {}) // they go to the whole group
  const { Socket } = await import('node:net')
  const reader = new FrameReader(frame => {
    if (!isAbsolute(frame.path)) return
    if (frame.verb === 'register') registered.set(frame.path, frame.kind)
    else registered.delete(frame.path)
  })
  const pipe = new Socket({ fd: trackerFd, readable: true, writable: false })
  pipe.on('data', chunk => { reader.push(chunk) })
  pipe.on('error', () => {}) // 'close' follows
  pipe.once('close', () => { void end() })
}

if (process.argv[2] === trackerMark) void serve()
