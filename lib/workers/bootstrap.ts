/**
 * The entry file of worker threads and worker processes. Imported anywhere else it does nothing, so that a bundled application's entry
 * may import it first.
 */
import { isMainThread, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Socket } from 'node:net'
import { connectParent, divideAmong, drainFinalizers, resetForFork } from '../owner/index.js'
import { portChannel, streamChannel } from './channel.js'
import { portDataChannel, streamDataChannel } from './data-channel.js'
import { controlFd, dataFd, processMark, threadMark } from './marks.js'
import { noticeKind, outputVerb } from './envelope.js'
import type { Envelope } from './envelope.js'
import type { OutputStream } from './output.js'
import { WorkerServer } from './server.js'

/** How long work that must happen before the end may take: the parent loses patience after a second. */
const drainMs = 800

/** The parent has ended: so does its orphan. It asks for the end: what was left open is finished or dropped first. */
function leave (polite: boolean): void {
  if (!polite) process.exit()
  setTimeout(() => { process.exit() }, drainMs)
  void drainFinalizers().then(() => { process.exit() })
}

function serveThread (port: MessagePort): void {
  const channel = portChannel(port)
  sendOutput(port)
  const server = new WorkerServer(channel, {
    openData: dataPort => portDataChannel(dataPort as MessagePort),
    leave,
    divide: divideAmong
  })
  connectParent(question => server.ask(question))
}

/**
 * A thread's own stdout waits for the parent between chunks and loses what waits when the thread ends. Sent as notices, output comes in
 * order with the answers, all of it.
 */
function sendOutput (port: MessagePort): void {
  for (const stream of ['stdout', 'stderr'] as const satisfies readonly OutputStream[]) {
    const write = (chunk: string | Uint8Array, encoding?: BufferEncoding | (() => void), done?: () => void): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      port.postMessage([noticeKind, outputVerb, { stream, text }] satisfies Envelope)
      const callback = typeof encoding === 'function' ? encoding : done
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
    Object.defineProperty(process[stream], 'write', { value: write, writable: true, configurable: true })
  }
}

/** A pipe that is full takes the rest later. */
async function printed (): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise<void>(resolve => { stream.write('', () => { resolve() }) })
  }
}

let bytesPrinted = 0

function hasPrinted (): boolean {
  const { stdout, stderr } = process as { readonly stdout: { readonly bytesWritten?: number }, readonly stderr: { readonly bytesWritten?: number } }
  const before = bytesPrinted
  bytesPrinted = (stdout.bytesWritten ?? 0) + (stderr.bytesWritten ?? 0)
  return bytesPrinted !== before
}

async function serveProcess (): Promise<void> {
  const { Socket } = await import('node:net')
  const open = (fd: number): Socket => new Socket({ fd, readable: true, writable: true })
  const server = new WorkerServer(streamChannel(open(controlFd)), {
    openData: () => streamDataChannel(open(dataFd)),
    leave,
    printed,
    hasPrinted,
    divide: divideAmong
  })
  connectParent(question => server.ask(question))
}

function bootstrap (): void {
  const port = isMainThread ? undefined : (workerData as Record<string, MessagePort | undefined> | null | undefined)?.[threadMark]
  const isProcess = isMainThread && process.argv[2] === processMark
  if (port === undefined && !isProcess) return
  resetForFork()
  if (port !== undefined) serveThread(port)
  else void serveProcess()
}

bootstrap()
