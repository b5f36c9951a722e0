import type { CommonOptions } from '../filesystem/common-options.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { GcsFileSystem, GcsOptions } from '../../implementations/gcs/index.js'
import type { HttpFileSystem, HttpOptions } from '../../implementations/http/index.js'
import type { LocalFileSystem, LocalOptions } from '../../implementations/local/index.js'
import type { MemoryFileSystem, MemoryOptions } from '../../implementations/memory/index.js'
import type { S3FileSystem, S3Options } from '../../implementations/s3/index.js'

/** Declaration-merged by implementations: protocol -> options type. */
export interface BuiltinOptions {
  file: LocalOptions
  local: LocalOptions
  memory: MemoryOptions
  http: HttpOptions
  https: HttpOptions
  s3: S3Options
  gs: GcsOptions
  gcs: GcsOptions
}

/** Declaration-merged by implementations: protocol -> class. */
export interface BuiltinFileSystems {
  file: LocalFileSystem
  local: LocalFileSystem
  memory: MemoryFileSystem
  http: HttpFileSystem
  https: HttpFileSystem
  s3: S3FileSystem
  gs: GcsFileSystem
  gcs: GcsFileSystem
}

export type FileSystemOptions<P extends string> = P extends keyof BuiltinOptions ? BuiltinOptions[P] & CommonOptions : Record<string, unknown> & CommonOptions
export type FileSystemOf<P extends string> = P extends keyof BuiltinFileSystems ? BuiltinFileSystems[P] : FileSystem

/** Options per protocol: { s3: { region: 'eu-west-1' } }. An option outside its protocol is a TypeError that says where it belongs. */
export type UrlOptions = { readonly [P in keyof BuiltinOptions]?: (BuiltinOptions[P] & CommonOptions) | undefined } & {
  /** Refuse every other protocol before any I/O (FORKFS_NOT_ALLOWED). */
  readonly allowedProtocols?: readonly string[] | undefined
}
