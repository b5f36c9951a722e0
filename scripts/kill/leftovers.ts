/** What should be gone: processes and files. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, utimes } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * An environment by which all that starts from it can be found: the folder ends the PATH, the one variable that every descendant gets, trackers
 * of shared files among them.
 */
export function markedEnvironment (folder: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}${delimiter}${folder}` }
}

/** Pids of live processes whose environment names the folder, or one below it. Linux; elsewhere none is found. */
export function processesOf (folder: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').filter(name => /^\d+$/.test(name) && name !== String(process.pid)).filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(folder)
    } catch {
      return false // it ended meanwhile, or is another user's
    }
  }).map(Number)
}

/** Polled: nobody tells of the end of somebody else's process. @returns those that are still there after the limit, with their command lines */
export async function remainingProcesses (folder: string, limitMs: number): Promise<string[]> {
  for (const end = performance.now() + limitMs; ;) {
    const pids = processesOf(folder)
    if (pids.length === 0) return []
    if (performance.now() > end) return pids.map(commandOf)
    await delay(10)
  }
}

function commandOf (pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').map(part => part.split('/').at(-1)).join(' ')}`
  } catch {
    return String(pid)
  }
}

/** Only for processes that bear the mark of a folder of ours. */
export function killProcesses (folder: string): void {
  for (const pid of processesOf(folder)) {
    try { process.kill(pid, 'SIGKILL') } catch { /* it ended meanwhile */ }
  }
}

/** The secret of the names of locks: one file per folder, for good. */
const keyName = '.key'

/** Files in the folder and below, and what this process holds open there though its name may be gone. */
export async function remainingFiles (folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter(entry => !entry.isDirectory() && entry.name !== keyName).map(entry => `${entry.parentPath}/${entry.name}`)
  return [...files, ...openFiles(folder)].map(path => path.replace(`${folder}/`, ''))
}

const longAgo = new Date(Date.now() - 24 * 60 * 60_000)

/**
 * Files that a kill left half-written name no owner yet: they go by their age. Give it to them.
 * @returns whether there are any
 */
export async function ageUnfinished (folder: string, pattern: RegExp = /^\.new-/): Promise<boolean> {
  const names = (await readdir(folder, { recursive: true }).catch(() => [])).filter(name => pattern.test(basename(name)))
  for (const name of names) await utimes(join(folder, name), longAgo, longAgo)
  return names.length > 0
}

function openFiles (folder: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(`${folder}/`) ? [`descriptor ${fd} of ${path}`] : []
    } catch {
      return [] // the one that reads this folder
    }
  })
}
