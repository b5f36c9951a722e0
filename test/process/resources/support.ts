/** Owners that are killed. */
import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import { inTemporaryFolder, ObedientChild, processExists, startChild } from '../support.js'
import type { Command } from './fixtures/owner.child.js'

const program = fileURLToPath(new URL('./fixtures/owner.child.js', import.meta.url))

export type Owner = ObedientChild<Command>

export class Machine {
  readonly folder: string
  readonly owners: Owner[] = []

  constructor (folder: string) { this.folder = folder }

  get roots (): string { return join(forkfsPath(this.folder), 'roots') }
  get journals (): string { return join(forkfsPath(this.folder), 'journal') }

  async owner (env: Record<string, string> = {}, via: readonly string[] = []): Promise<Owner> {
    const owner: Owner = new ObedientChild<Command>(startChild(program, { env, via, stderr: 'pipe' }))
    this.owners.push(owner)
    await owner.ready
    return owner
  }
}

/** A temporary folder that this process and its children take for the machine's. */
export function onMachine (fn: (machine: Machine) => Promise<void>): Promise<void> {
  return inTemporaryFolder('forkfs-resources-', async folder => {
    const machine = new Machine(folder)
    try {
      await fn(machine)
    } finally {
      await Promise.all(machine.owners.map(owner => owner.kill()))
    }
  })
}

/** Nothing there at all counts as an empty folder. */
export async function namesIn (folder: string): Promise<string[]> {
  return existsSync(folder) ? (await readdir(folder)).sort() : []
}

/** The process ids of the trackers that a process has started: other tests have theirs. */
export async function trackersOf (parent: number): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const [, parentId] = readFileSync(`/proc/${name}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')
      if (Number(parentId) === parent && readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes('forkfs-tracker') && processExists(Number(name))) found.push(Number(name))
    } catch { /* it ended meanwhile */ }
  }
  return found
}
