import type { ServiceOptions } from '../http.js'
import type { S3Credential } from './auth.js'

/** A bucket that is there at the start. */
export interface S3BucketOptions {
  /** As it stands in URLs. */
  readonly name: string
  /** Another region than the server's: requests that are signed for the server's region get a 301 with x-amz-bucket-region. @defaultValue the server's */
  readonly region?: string | undefined
  /** Anybody may read and list. @defaultValue false */
  readonly publicRead?: boolean | undefined
}

/** Plain data: it crosses to the child process of `spawnS3Server()`. */
export interface S3ServerOptions extends ServiceOptions {
  /** What signatures must name; others get 400 with the right one. @defaultValue 'us-east-1' */
  readonly region?: string | undefined
  /** The buckets that exist at the start. @defaultValue ['test'] */
  readonly buckets?: readonly (string | S3BucketOptions)[] | undefined
  /** Names of buckets that keep versions; they are made where `buckets` lacks them. @defaultValue [] */
  readonly versioning?: readonly string[] | undefined
  /** Replaces the credentials that are made up at the start. The first is the one that the server's fields name. @defaultValue one pair, random */
  readonly credentials?: readonly S3Credential[] | undefined
  /** Requests without a signature may do everything. @defaultValue false */
  readonly anonymous?: boolean | undefined
  /** Smallest part of a multipart upload but the last, in bytes. @defaultValue 5 MiB, as S3 */
  readonly minPartBytes?: number | undefined
  /** Hosts below which the first label is a bucket. @defaultValue ['s3.localhost', 'localhost'] */
  readonly domains?: readonly string[] | undefined
  /** ETags that are no MD5, as S3 gives them for encrypted objects; large uploads cost less. @defaultValue false */
  readonly opaqueEtags?: boolean | undefined
}
