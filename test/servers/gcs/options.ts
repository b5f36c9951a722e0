import type { ServiceOptions } from '../http.js'

/** A bucket that is there at the start. */
export interface GcsBucketOptions {
  /** As it stands in URLs. */
  readonly name: string
  /** Replaced and deleted objects stay, reachable by their generation. @defaultValue false */
  readonly versioning?: boolean | undefined
  /** Requests must name the project that is billed (`userProject`); others get 400. @defaultValue false */
  readonly requesterPays?: boolean | undefined
  /** Anybody may read and list. @defaultValue false */
  readonly publicRead?: boolean | undefined
  /** `storageLayout` says that folders are real. Nothing else changes. @defaultValue false */
  readonly hierarchical?: boolean | undefined
  /** What the bucket's resource says. @defaultValue 'US' */
  readonly location?: string | undefined
  /** Of the bucket, and of objects that name none. @defaultValue 'STANDARD' */
  readonly storageClass?: string | undefined
}

/** Plain data: it crosses to the child process of `spawnGcsServer()`. */
export interface GcsServerOptions extends ServiceOptions {
  /** Owner of the buckets. @defaultValue 'test-project' */
  readonly projectId?: string | undefined
  /** The buckets that exist at the start. @defaultValue ['test'] */
  readonly buckets?: readonly (string | GcsBucketOptions)[] | undefined
  /**
   * Requests without a token may do everything: clients send none to a custom endpoint unless they are told to. A token that is sent is
   * checked all the same. @defaultValue true
   */
  readonly anonymous?: boolean | undefined
  /** Lifetime of the tokens that the server gives out, in seconds. @defaultValue 3600 */
  readonly tokenSeconds?: number | undefined
  /** A token is good for that many requests, then for none. @defaultValue Infinity */
  readonly tokenRequests?: number | undefined
  /** Bytes that one call of a rewrite copies; the client must call again until it is done. @defaultValue Infinity */
  readonly rewriteBytes?: number | undefined
  /** Writes of one object in a second before 429, as the real service has 1. @defaultValue Infinity */
  readonly objectWritesPerSecond?: number | undefined
}
