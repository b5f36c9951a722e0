import type { FileSystem } from '../../../lib/index.js'
import type { ObjectServer, SharedOptions, Stores } from './stores.js'

/** An object store as the shared suites see it: how to open one, and what its requests, credentials and habits are called. */
export interface Kind<Fs extends FileSystem = FileSystem, Server = ObjectServer, ServerOptions = { readonly buckets?: readonly unknown[] | undefined }, Options = SharedOptions>
  extends Stores<Fs, Server, ServerOptions, Options> {
  readonly protocol: 's3' | 'gs'
  /** Other names of the protocol. */
  readonly aliases: readonly string[]
  /** Whether titles name the scenario that a test stands for; the ids are those of GCS. */
  readonly named: boolean
  /** What the server calls a request: of an object's content, its metadata, a page of a listing, a small object, a part, the end of an upload that is given up. */
  readonly operations: Readonly<Record<'read' | 'look' | 'list' | 'put' | 'part' | 'cancel', string>>
  /** The store's word for a refusal, and how the code of a 503 that lasts reads. */
  readonly words: { readonly forbidden: string, readonly busy: string }
  /** A request carries an object's metadata beside its bytes. */
  readonly framesUploads: boolean
  /** A deletion of many objects tells which were missing. */
  readonly tellsMissing: boolean
  readonly versions: {
    /** A server whose bucket `kept` keeps versions. */
    readonly kept: ServerOptions
    /** The path of one version of a file. */
    named (path: string, version: { readonly etag?: string | undefined, readonly versionId?: unknown }): string
  }
  readonly credentials: {
    /** What workers ask their parent for. */
    readonly service: string
    /** The field that names credentials, and the others that they need. */
    readonly name: string
    readonly more: Readonly<Record<string, unknown>>
    /** Options that take them from a module instead of those that are given. */
    from (module: string): Options
  }
}

/** A title with the id of its scenario in front, where the store's titles have them. */
export function titled ({ named }: Pick<Kind, 'named'>, id: string, title: string): string { return named ? `${id}: ${title}` : title }
