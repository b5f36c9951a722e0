/** The stores that the suites of object stores run on: a server of this repository, or another one that the environment names. */
import { randomBytes } from 'node:crypto'
import type { CommonOptions, FileSystem } from '../../../lib/index.js'
import type { S3Server } from '../../servers/index.js'

/** Options that all object stores take. */
export type SharedOptions = CommonOptions & Record<string, unknown>

/** What the control sides of the servers have in common. */
export interface ObjectServer extends Pick<S3Server, 'endpoint' | 'addFault' | 'clearFaults' | 'counters' | 'requests' | 'resetCounters' | 'reached' | 'putMany' | 'get' | 'keys' | 'close'> {
  put (bucket: string, key: string, data: Uint8Array | string): Promise<unknown>
  uploads (bucket: string): Promise<readonly unknown[]>
}

export interface Store<Fs extends FileSystem = FileSystem, Options = SharedOptions> extends AsyncDisposable {
  /** Not a server of this repository: some keys are refused there, and nothing is counted. */
  readonly outside: boolean
  readonly options: Options
  /** Two empty buckets. */
  readonly bucket: string
  readonly other: string
  open (options?: Options): Fs
  close (): Promise<void>
}

/** A server of this repository with faults and counters, and a filesystem on it; short waits. */
export interface FaultyStore<Fs extends FileSystem = FileSystem, Server = ObjectServer, Options = SharedOptions> extends AsyncDisposable {
  readonly server: Server
  readonly fs: Fs
  open (options?: Options): Fs
  close (): Promise<void>
}

interface Parts<Fs, Server, ServerOptions, Options> {
  start (options: ServerOptions): Promise<Server>
  optionsOf (server: Server): Options
  make (options: Options): Fs
  /** How to start a server without a bucket. */
  readonly empty: ServerOptions
  /** Where the environment names another server: how to reach it. */
  readonly outside: Options | undefined
}

export interface Stores<Fs extends FileSystem = FileSystem, Server = ObjectServer, ServerOptions = { readonly buckets?: readonly unknown[] | undefined }, Options = SharedOptions> {
  openStore (): Promise<Store<Fs, Options>>
  openFaulty (server?: ServerOptions, options?: Options): Promise<FaultyStore<Fs, Server, Options>>
  optionsOf (server: Server): Options
}

export function storesOf<Fs extends FileSystem, Server extends ObjectServer, ServerOptions extends object, Options extends SharedOptions> (
  { start, optionsOf, make, empty, outside }: Parts<Fs, Server, ServerOptions, Options>
): Stores<Fs, Server, ServerOptions, Options> {
  const opener = (base: Options): { open: (more?: Options) => Fs, closeAll: () => Promise<unknown> } => {
    const opened: Fs[] = []
    return {
      open: more => {
        const fs = make({ ...base, ...more })
        opened.push(fs)
        return fs
      },
      closeAll: () => Promise.all(opened.map(fs => fs.close()))
    }
  }
  const openStore = async (): Promise<Store<Fs, Options>> => {
    const server = outside === undefined ? await start(empty) : undefined
    const options = outside ?? optionsOf(server!)
    const random = randomBytes(5).toString('hex')
    const [bucket, other] = [`forkfs-${random}-a`, `forkfs-${random}-b`]
    const { open, closeAll } = opener(options)
    const admin = open()
    await admin.mkdir(bucket)
    await admin.mkdir(other)
    const close = async (): Promise<void> => {
      if (server === undefined) {
        for (const name of [bucket, other]) {
          await admin.rm(name, { recursive: true })
          await admin.rmdir(name)
        }
      }
      await closeAll()
      await server?.close()
    }
    return { outside: server === undefined, options, bucket, other, open, close, [Symbol.asyncDispose]: close }
  }
  const openFaulty = async (serverOptions?: ServerOptions, options?: Options): Promise<FaultyStore<Fs, Server, Options>> => {
    const server = await start(serverOptions ?? {} as ServerOptions)
    const { open, closeAll } = opener({ ...optionsOf(server), retry: { baseMs: 1, maxMs: 20 }, ...options })
    const close = async (): Promise<void> => {
      await closeAll()
      await server.close()
    }
    return { server, fs: open(), open, close, [Symbol.asyncDispose]: close }
  }
  return { openStore, openFaulty, optionsOf }
}
