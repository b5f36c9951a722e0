/** The bare channels of Node: says what it is told, over the port of a thread or the channel of a child. */
import { parentPort } from 'node:worker_threads'

if (parentPort !== null) parentPort.on('message', value => { parentPort!.postMessage(value) })
else process.on('message', (value: unknown) => { process.send!(value instanceof Uint8Array ? value.length : value) })
