import assert from 'node:assert/strict'
import { HttpFileSystem } from '../../../implementations/http/index.js'
import type { HttpOptions } from '../../../implementations/http/index.js'
import { isFsError } from '../../../lib/errors/index.js'
import type { ErrorCode, FsError } from '../../../lib/errors/index.js'
import type { CommonOptions } from '../../../lib/filesystem/common-options.js'
import { eventually } from '../../eventually.js'
import { startFileServer } from '../../servers/index.js'
import type { FileServer, FileServerOptions, RecordedRequest } from '../../servers/index.js'

export { pattern } from '../data.js'

/** A server and filesystems on it, gone with the test. */
export class Stage {
  readonly #servers: FileServer[] = []
  readonly #instances: HttpFileSystem[] = []

  async server (options: FileServerOptions = {}): Promise<FileServer> {
    const server = await startFileServer(options)
    this.#servers.push(server)
    return server
  }

  fs (options: HttpOptions & CommonOptions = {}): HttpFileSystem {
    const fs = new HttpFileSystem({ retry: { attempts: 3, baseMs: 1, maxMs: 20 }, ...options })
    this.#instances.push(fs)
    return fs
  }

  async end (): Promise<void> {
    for (const fs of this.#instances.splice(0)) fs.reset()
    await Promise.all(this.#servers.splice(0).map(server => server.close()))
  }
}

export function equalBytes (actual: Uint8Array | Error | undefined, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array)
  assert.equal(Buffer.compare(actual, expected), 0, `${actual.length} bytes came, ${expected.length} were expected`)
}

/** The FsError of that code that a promise rejects with. */
export async function rejects (promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<FsError> {
  let result: unknown
  try {
    result = await promise
  } catch (error) {
    if (isFsError(error, ...codes)) return error
    throw error
  }
  assert.fail(`resolved with ${String(result).slice(0, 60)} instead of rejecting with ${codes.join(' or ')}`)
}

export function header ({ rawHeaders }: RecordedRequest, name: string): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]!.toLowerCase() === name) return rawHeaders[at + 1]
  return undefined
}

/** Ask until it is so: for what this side learns a moment later. What the server sees, `server.reached()` tells. */
export async function until (condition: () => Promise<boolean> | boolean, ms = 4000): Promise<void> {
  if (!await eventually(condition, ms)) assert.fail('it did not come to be')
}
