import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { portChannel } from '../channel.js'
import type { Channel } from '../channel.js'
import { portDataChannel } from '../data-channel.js'
import { noticeKind, outputVerb } from '../envelope.js'
import type { Envelope } from '../envelope.js'
import type { Exit } from '../errors.js'
import { threadMark } from '../marks.js'
import type { ResolvedWorkerOptions } from '../options.js'
import { Output } from '../output.js'
import { threadArgv } from './exec-argv.js'
import { stepMs, within } from './host.js'
import type { Host } from './host.js'

/** Output comes as notices (see bootstrap). Node passes on the rest: reading `thread.stdout` here would keep this process alive. */
export function startThread (options: ResolvedWorkerOptions): Host {
  const { port1, port2 } = new MessageChannel()
  const output = new Output()
  const execArgv = options.execArgv ?? threadArgv(process.execArgv)
  let thread: Worker
  try {
    thread = new Worker(options.entry, {
      workerData: { [threadMark]: port2 },
      transferList: [port2],
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
      trackUnmanagedFds: true
    })
  } catch (error) {
    port1.close()
    throw error
  }
  const channel = drainable(port1, output)
  const exited = watch(thread, channel, output)
  const kill = async (): Promise<void> => {
    void thread.terminate()
    await exited
  }
  return {
    channel,
    output,
    title: `worker thread ${thread.threadId}`,
    exited,
    openData () {
      const data = new MessageChannel()
      return { data: portDataChannel(data.port1), port: data.port2 }
    },
    async stop () {
      if (!await within(stepMs, exited)) await kill()
    },
    kill,
    ref () { thread.ref() },
    unref () {
      thread.unref()
      port1.unref()
    }
  }
}

type Drainable = Channel & { drain (): void }

/** A channel whose rest can be read when the thread has ended, and whose output notices go to `output`. */
function drainable (port: MessagePort, output: Output): Drainable {
  const channel = portChannel(port)
  let deliver: (message: Envelope) => void = () => {}
  return {
    ...channel,
    listen (onMessage, onClose) {
      deliver = message => {
        if (message[0] === noticeKind && message[1] === outputVerb) {
          const { stream, text } = message[2] as { stream: 'stdout' | 'stderr', text: string }
          output.write(stream, text)
        } else {
          onMessage(message)
        }
      }
      channel.listen(deliver, onClose)
      port.unref()
    },
    drain () {
      for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) deliver(received.message as Envelope)
      port.close()
    }
  }
}

function watch (thread: Worker, channel: Drainable, output: Output): Promise<Exit> {
  let failure: Error | undefined
  thread.on('error', error => {
    failure = error instanceof Error ? error : new Error(String(error))
    output.write('stderr', `${failure.stack ?? failure.message}\n`) // as a process would: threads leave it to us
  })
  return new Promise(resolve => {
    thread.on('exit', exitCode => {
      channel.drain()
      resolve({ exitCode, signal: null, error: failure })
    })
  })
}
