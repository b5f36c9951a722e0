import type { Server, Socket } from 'node:net'
import { isNodeError } from '../../errors/index.js'
import { ownerRecord } from '../../owner/liveness.js'
import { pause, until } from '../../owner/wait.js'
import { backoffMs } from './driver.js'
import type { LockDriver, LockPlace, Token } from './driver.js'

/**
 * Linux: the lock is an abstract unix socket. The kernel lets one process listen on a name and frees it when that process is gone,
 * however it went; whoever waits is connected to the holder and hears its end at once, also while the holder's loop is blocked. It
 * counts within one network namespace.
 */

/** The kernel's limit. Shorter names are padded by some versions of libuv and not by others: they would be different locks. */
const nameLength = 108

function digest (place: LockPlace, purpose: string): string {
  return process.getBuiltinModule('node:crypto').createHmac('sha512', place.secret).update(`${purpose}\0${place.name}`).digest('hex')
}

/** Strangers can neither guess nor squat it. */
function address (place: LockPlace): string { return `\0forkfs-${digest(place, 'socket')}`.slice(0, nameLength) }

/** Resolves with undefined where another listens. */
function listen (path: string): Promise<Server | undefined> {
  const { createServer } = process.getBuiltinModule('node:net')
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => {
      if (isNodeError(error) && error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    // Without `exclusive` the workers of a cluster would share one socket of their primary: all of them would hold the lock.
    server.listen({ path, exclusive: true }, () => { resolve(server) })
  })
}

function hold (server: Server): Token {
  const waiting = new Set<Socket>()
  server.unref()
  server.on('error', () => {})
  server.on('connection', socket => {
    waiting.add(socket)
    socket.unref()
    socket.on('error', () => {})
    socket.on('close', () => { waiting.delete(socket) })
    socket.resume()
  })
  const drop = (): void => {
    server.close() // first: whoever wakes must find the name free
    for (const socket of waiting) socket.destroy()
  }
  return { drop, async release () { drop() } }
}

/** Until the holder is gone, or did not answer: then the name is worth another try. Gives whether there was a connection. */
function holderGone (path: string, signal: AbortSignal): Promise<boolean> {
  const { connect } = process.getBuiltinModule('node:net')
  return until<boolean>(signal, resolve => {
    const socket = connect({ path })
    let connected = false
    socket.on('error', () => {}) // refused, reset, queue full: 'close' follows
    socket.once('connect', () => { connected = true })
    socket.once('close', () => { resolve(connected) })
    socket.resume()
    return () => { socket.destroy() }
  })
}

export const socketDriver: LockDriver = {
  name: 'socket',
  label: place => `socket:${ownerRecord().netNamespace}:${digest(place, 'label').slice(0, 16)}`,
  async take (place, signal, once) {
    const path = address(place)
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      const server = await listen(path)
      if (server !== undefined) {
        const token = hold(server)
        if (!signal.aborted) return token
        token.drop()
        throw signal.reason
      }
      if (once) return undefined
      if (await holderGone(path, signal)) attempt = 0
      else if (attempt > 0) await pause(backoffMs(attempt), signal)
    }
  }
}
