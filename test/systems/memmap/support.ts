/** What the tests of shared arrays share. */
import { execFile } from 'node:child_process'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPeer } from '../../../lib/owner/peers.js'
import type { Scenario } from './fixtures/scenarios.child.js'

export const tasks = new URL('./fixtures/tasks.js', import.meta.url)
const child = fileURLToPath(new URL('./fixtures/scenarios.child.js', import.meta.url))

export const onLinux = process.platform === 'linux'
/** Whether a program finds the optional peer koffi: a devDependency, which `--import without-koffi.js` hides. */
export const koffiIsHere = findPeer('koffi') !== undefined

/** The segments that a process has open in a folder: each once, by inode. */
export function segmentsOf (folder: string, pid: number = process.pid): string[] {
  const found = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const path = `/proc/${pid}/fd/${fd}`
      if (readlinkSync(path).startsWith(`${folder}/`)) found.add(String(statSync(path).ino))
    } catch { /* the descriptor that reads the folder */ }
  }
  return [...found]
}

export async function withFolder<T> (fn: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-memmap-'))
  try {
    return await fn(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

export interface Run { readonly code: number, readonly stderr: string, readonly value: unknown }

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Commands in a namespace of its own, before the program starts. */
  readonly mounts?: readonly string[] | undefined
  readonly timeoutMs?: number | undefined
}

/** Run a scenario in a process of its own, which dies with the time limit. `value`: what it returned. */
export function run (scenario: Scenario, args: readonly unknown[] = [], { env, mounts, timeoutMs = 60_000 }: RunOptions = {}): Promise<Run> {
  const command = [process.execPath, '--expose-gc', child, scenario, JSON.stringify(args)]
  const whole = mounts === undefined ? command : ['unshare', '-Urm', '/bin/sh', '-c', `${mounts.join(' && ')} && exec "$@"`, 'sh', ...command]
  return new Promise(resolve => {
    const options = { env: { ...process.env, ...env }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 24 } as const
    execFile(whole[0]!, whole.slice(1), options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stderr, value: stdout === '' ? undefined : JSON.parse(stdout) as unknown })
    })
  })
}
