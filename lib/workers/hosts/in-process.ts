import { directChannels } from '../channel.js'
import { directDataChannels } from '../data-channel.js'
import type { DataChannel } from '../data-channel.js'
import type { Exit } from '../errors.js'
import type { ResolvedWorkerOptions } from '../options.js'
import { Output } from '../output.js'
import { WorkerServer } from '../server.js'
import type { Host } from './host.js'

/** No reset here: the worker is this very owner. Killing it only closes the channel; a function that runs goes on. */
export function startInProcess (_options: ResolvedWorkerOptions): Host {
  const [parent, worker] = directChannels()
  let leave!: (exit: Exit) => void
  const exited = new Promise<Exit>(resolve => { leave = resolve })
  const end = (exitCode: number): void => {
    parent.close()
    leave({ exitCode, signal: null })
  }
  let theirs: DataChannel | undefined
  void new WorkerServer(worker, { openData: () => theirs!, leave () { end(0) } })
  return {
    channel: parent,
    output: new Output(),
    title: 'in-process worker',
    exited,
    openData () {
      const [data, other] = directDataChannels()
      theirs = other
      return { data }
    },
    async stop () { await exited },
    async kill () {
      end(1)
      await exited
    },
    ref () {},
    unref () {}
  }
}
