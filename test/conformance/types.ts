import type { Capabilities, CommonOptions, FileSystem } from '../../lib/index.js'

/** What the suite needs of mocha, vitest (`after: afterAll`) or node:test. */
export interface Runner {
  describe (title: string, body: () => void): unknown
  it (title: string, test: () => Promise<void>): unknown
  after (hook: () => Promise<void>): unknown
}

/** Where one case takes place. */
export interface Space {
  readonly fs: FileSystem
  /** An empty directory that no other case uses; it need not exist where the store keeps no empty directories. */
  readonly root: string
  /** Called when the case is over, before the suite closes `fs`. */
  cleanup? (): Promise<void>
}

export type HarnessName = 'direct' | 'prefix' | 'revived' | 'worker'

export interface ConformanceOptions {
  /** A filesystem for one case. The options are what the case asks for (`onForeignOwner`, `maxConcurrency`): pass them to the constructor. */
  create (options: CommonOptions): Promise<Space>
  /** Put files below the root of a store that can not be written through the filesystem. Full paths. @defaultValue fs.pipe() */
  readonly populate?: ((space: Space, files: ReadonlyMap<string, Uint8Array>) => Promise<void>) | undefined
  /**
   * Where the cases run: on the instance as it is; on a directory deep below the root; rebuilt from its descriptor in this
   * thread; rebuilt in a worker thread. The last two need an implementation whose descriptor suffices there: registered, with
   * its credentials at hand. @defaultValue all four
   */
  readonly harnesses?: readonly HarnessName[] | undefined
  /** Modules that a worker imports first, for example the one that registers the implementation. */
  readonly modules?: ReadonlyArray<string | URL> | undefined
  /**
   * '//', '.' and '..' are parts of a name here, as in object stores; 'refused': the store behind it takes no such names (EINVAL).
   * @defaultValue false: they are resolved, as in a tree of directories
   */
  readonly opaqueKeys?: boolean | 'refused' | undefined
  /** Composed and decomposed letters are one name here, as on macOS. @defaultValue false */
  readonly foldsUnicode?: boolean | undefined
  /** Paths are URLs: names are percent-encoded in them, `?` begins a query and is no wildcard, a closing slash counts. @defaultValue false */
  readonly urls?: boolean | undefined
  /** Directories are pages with links: listings tell no sizes, and a directory can be read as its page. @defaultValue false */
  readonly indexPages?: boolean | undefined
  /** Where local ends of get() and put() are made. @defaultValue os.tmpdir() */
  readonly scratch?: string | undefined
  /** What must not be seen in descriptors, tokens, `inspect` and errors. */
  readonly secrets?: readonly string[] | undefined
}

/** How names stand in paths. */
export type Spelling = Pick<ConformanceOptions, 'urls'>
export type Capability = keyof Capabilities

/** What a case sees. */
export interface Context {
  /** In the worker harness a stand-in that sends plain calls to the instance there. */
  readonly fs: FileSystem
  readonly root: string
  readonly options: ConformanceOptions
  /** The path of a name below the root. */
  at (name: string): string
  /** The path of a pattern below the root: its wildcards stay as they are. */
  patternAt (name: string): string
  /** The name below the root of a path that the filesystem gave. */
  under (path: string): string
  /** Write files by their names below the root, with their directories. */
  seed (files: Readonly<Record<string, string | Uint8Array>>): Promise<void>
  /** The text of a file; undefined where there is none. */
  text (name: string): Promise<string | undefined>
  /** Sorted names of all files below a directory, relative to it. */
  files (directory?: string): Promise<string[]>
  /** A second instance in the same place, with options of its own; closed with the case. Not in the worker harness. */
  another (options: CommonOptions): Promise<{ readonly fs: FileSystem, at (name: string): string }>
  /** A private local folder, removed with the case. */
  folder (): Promise<string>
}

export interface CaseOptions {
  /** Without one of these the case tests the refusal instead. */
  readonly needs?: readonly Capability[] | undefined
}
