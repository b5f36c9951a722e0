import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { streamChannel } from '../channel.js'
import { streamDataChannel } from '../data-channel.js'
import type { Exit } from '../errors.js'
import { processMark } from '../marks.js'
import type { ResolvedWorkerOptions } from '../options.js'
import { Output } from '../output.js'
import { stepMs, within } from './host.js'
import { mirrored } from './exec-argv.js'
import type { Host } from './host.js'
import { watchOver } from './watch.js'

/** After the process has ended: how long the rest of its answers and output may take to be read. */
const restMs = 400
const groups = process.platform !== 'win32'

function limits ({ resourceLimits }: ResolvedWorkerOptions): string[] {
  const { maxOldGenerationSizeMb, stackSizeMb } = resourceLimits ?? {}
  return [
    ...(maxOldGenerationSizeMb === undefined ? [] : [`--max-old-space-size=${Math.ceil(maxOldGenerationSizeMb)}`]),
    ...(stackSizeMb === undefined ? [] : [`--stack-size=${Math.ceil(stackSizeMb * 1024)}`])
  ]
}

export function startProcess (options: ResolvedWorkerOptions): Host {
  const execArgv = [...(options.execArgv ?? mirrored(process.execArgv)), ...limits(options)]
  const { spawn } = process.getBuiltinModule('node:child_process') // not at import: it loads the network too
  const child = spawn(process.execPath, [...execArgv, fileURLToPath(options.entry), processMark], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    detached: groups, // a group of its own, so that what it starts can be ended with it
    windowsHide: true,
    env: { ...process.env, ...options.env }
  })
  if (child.stdio === undefined as unknown) { // out of descriptors: Node gives up half-way
    child.on('error', () => {})
    throw new Error('no more descriptors for its pipes')
  }
  const output = new Output()
  const [, stdout, stderr, control, data] = child.stdio as unknown as [null, Socket, Socket, Socket, Socket]
  output.attach('stdout', stdout)
  output.attach('stderr', stderr)
  data.on('error', () => {})
  for (const pipe of [stdout, stderr, data]) pipe.unref()
  const channel = streamChannel(control)
  const exited = watch(child, control)
  if (child.pid !== undefined) child.once('exit', watchOver(child.pid))
  const kill = async (): Promise<void> => {
    signalGroup(child, 'SIGKILL')
    await exited
  }
  const refs = { ref () { child.ref(); control.ref() }, unref () { child.unref(); control.unref() } }
  return {
    channel,
    output,
    title: `worker process ${child.pid ?? ''}`.trimEnd(),
    exited,
    openData () {
      data.ref()
      return { data: streamDataChannel(data) }
    },
    async stop () {
      if (await within(stepMs, exited)) return
      child.kill('SIGTERM')
      if (!await within(stepMs, exited)) await kill()
    },
    kill,
    ...refs
  }
}

/** The process and what it started. Gone already: nothing happens. */
function signalGroup (child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (groups) process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch { /* ESRCH */ }
}

async function watch (child: ChildProcess, control: Socket): Promise<Exit> {
  const drained = Promise.all([control, child.stdout!, child.stderr!].map(stream => new Promise<void>(resolve => { stream.once('close', () => { resolve() }) })))
  const exit = await new Promise<Exit>(resolve => {
    child.on('error', error => { if (child.pid === undefined) resolve({ exitCode: null, signal: null, error }) })
    child.once('exit', (exitCode, signal) => { resolve({ exitCode, signal }) })
    control.once('close', () => { void reap(child) })
  })
  // Answers that were sent before the end still count; a grandchild that holds stdout open may not delay the news.
  if (child.pid !== undefined) await within(restMs, drained)
  control.destroy()
  return exit
}

/** Its channel is closed: it leaves by itself, or is no use any more. */
async function reap (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => { child.once('exit', resolve) })
  if (!await within(stepMs, gone)) signalGroup(child, 'SIGKILL')
}
