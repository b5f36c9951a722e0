import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileSystem } from '../../../lib/index.js'
import type { FaultyStore, ObjectServer, SharedOptions, Store } from './stores.js'

/** What the tests of one describe stand on: set before each test, or before all of them. */
export interface FaultyStage<Fs extends FileSystem = FileSystem, Server = ObjectServer, Options = SharedOptions> {
  readonly server: Server
  readonly fs: Fs
  open (options?: Options): Fs
}

/** A server and a filesystem on it, new for each test. */
export function faultyStage<Fs extends FileSystem, Server, Options> (open: () => Promise<FaultyStore<Fs, Server, Options>>): FaultyStage<Fs, Server, Options> {
  let store: FaultyStore<Fs, Server, Options>
  beforeEach(async () => { store = await open() })
  afterEach(() => store.close())
  return {
    get server () { return store.server },
    get fs () { return store.fs },
    open: options => store.open(options)
  }
}

/** A store with two empty buckets, for all tests. */
export interface StoreStage<Fs extends FileSystem = FileSystem, Options = SharedOptions> {
  readonly store: Store<Fs, Options>
  readonly fs: Fs
}

export function storeStage<Fs extends FileSystem, Options> (open: () => Promise<Store<Fs, Options>>): StoreStage<Fs, Options> {
  let store: Store<Fs, Options>
  let fs: Fs
  before(async () => {
    store = await open()
    fs = store.open()
  })
  after(() => store.close())
  return {
    get store () { return store },
    get fs () { return fs }
  }
}

/** A folder for the files of a describe, gone with it. */
export function tempFolder (): { readonly path: string } {
  let path: string
  before(async () => { path = await mkdtemp(join(tmpdir(), 'forkfs-test-')) })
  after(() => rm(path, { recursive: true }))
  return { get path () { return path } }
}
