/** What a table of mistakes is made of. */
import { FileSystem, filesystem } from '../../../lib/index.js'
import type { Capabilities, ErrorCode, FileInfo, RangeRead } from '../../../lib/index.js'
import type { FileServer, GcsServer, S3Server } from '../../servers/index.js'

/** Where mistakes are made: everything is there and reachable, so that a mistake that slips through would be seen by a server. */
export interface Place {
  readonly s3: (options?: Readonly<Record<string, unknown>>) => FileSystem
  readonly gs: (options?: Readonly<Record<string, unknown>>) => FileSystem
  readonly http: (options?: Readonly<Record<string, unknown>>) => FileSystem
  readonly memory: FileSystem
  readonly local: FileSystem
  /** Right options for the server. */
  readonly options: Readonly<Record<string, unknown>>
  /** Holds 'test/a' and no other object. */
  readonly server: S3Server
  /** Holds 'test/a' and no other object. */
  readonly gcs: GcsServer
  readonly files: FileServer
  readonly folder: string
}

/**
 * A mistake; the name of what is wrong (an option, argument, variable or file), which the message has to contain; the class
 * or code of the error; and the call that makes the mistake.
 */
export type Row = readonly [mistake: string, subject: string, error: 'TypeError' | 'RangeError' | ErrorCode, call: (place: Place) => unknown]

/** Nobody may repeat it. */
export const secret = 'hunter2-secret'

export function placeOn (server: S3Server, gcs: GcsServer, files: FileServer, folder: string): Place {
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const options = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }
  return {
    s3: more => filesystem('s3', { ...options, ...more }),
    gs: more => filesystem('gs', { apiEndpoint: gcs.endpoint, ...more }),
    http: more => filesystem('http', { baseUrl: files.endpoint, ...more }),
    memory: filesystem('memory', { name: 'bad-input' }),
    local: filesystem('file'),
    options, server, gcs, files, folder
  }
}

/** What JavaScript lets through and TypeScript does not. */
export const wrong = (value: unknown): never => value as never

export class Fine extends FileSystem {
  static override readonly protocols: readonly string[] = ['fine']
  get capabilities (): Capabilities {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }
  }

  protected override async _info (name: string): Promise<FileInfo> { return Promise.resolve({ name, size: 0, type: 'file' }) }
  protected override async *_list (): AsyncGenerator<FileInfo[]> { yield await Promise.resolve([]) }
  protected override async _readRange (): Promise<RangeRead> { return Promise.resolve({ data: new Uint8Array(0), size: 0 }) }
}
