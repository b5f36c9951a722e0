/** Children that hold locks and are killed. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inTemporaryFolder, ObedientChild, startChild } from '../support.js'
import type { Command } from './fixtures/holder.child.js'

const program = fileURLToPath(new URL('./fixtures/holder.child.js', import.meta.url))

export class Holder extends ObedientChild<Command> {
  /** It makes a once-directory, and hangs in it. */
  readonly making: Promise<void>

  constructor (child: ChildProcess) {
    super(child)
    this.making = this.heard(-1)
  }
}

/** With temporary folders of their own, so that nothing of the machine's is seen or touched. */
export class Stage {
  readonly folder: string
  readonly holders: Holder[] = []

  constructor (folder: string) { this.folder = folder }

  get directory (): string { return join(this.folder, 'locks') }

  async holder (env: Record<string, string> = {}, via: readonly string[] = []): Promise<Holder> {
    const holder = new Holder(startChild(program, { env, via }))
    this.holders.push(holder)
    await holder.ready
    return holder
  }
}

export function onStage (fn: (stage: Stage) => Promise<void>, name = 'forkfs-locks-'): Promise<void> {
  return inTemporaryFolder(name, async folder => {
    const stage = new Stage(folder)
    try {
      await fn(stage)
    } finally {
      await Promise.all(stage.holders.map(holder => holder.kill()))
    }
  })
}
