import { createReadStream } from 'node:fs'
import { fromNodeError } from '../errors/index.js'

const blockBytes = 1024 * 1024

/** SHA-256 of a local file in hex. Memory: 1 MiB. @throws `signal.reason` */
export async function sha256OfFile (path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: blockBytes, signal })) hash.update(chunk as Buffer)
  } catch (error) {
    signal?.throwIfAborted() // Node's AbortError has it as its cause only
    throw fromNodeError(error, { path })
  }
  return hash.digest('hex')
}
