/**
 * Servers for tests and demonstrations, on bare Node: an S3 server, a GCS server and a file server, all with faults to inject and counters to read.
 * Published as `forkfs/testing`: for tests and demonstrations, and the one entry whose import loads node:http, node:net and node:child_process.
 */
export { startS3Server } from './s3/server.js'
export { startGcsServer } from './gcs/server.js'
export { spawnGcsServer, spawnS3Server } from './spawn.js'
export type { S3Server, OpenUpload } from './s3/server.js'
export type { S3BucketOptions, S3ServerOptions } from './s3/options.js'
export type { S3Credential } from './s3/auth.js'
export type { GcsServer, OpenSession } from './gcs/server.js'
export type { GcsBucketOptions, GcsServerOptions } from './gcs/options.js'
export type { GcsCredentials } from './gcs/credentials.js'
export type { ServiceAccountKey } from './gcs/tokens.js'
export type { ObjectFields } from './gcs/store.js'
export type { FaultAction, FaultMatch, FaultRule } from './faults.js'
export type { Counters, Reached, RecordedRequest } from './counters.js'
export type { ServiceOptions } from './http.js'
export { startFileServer } from './files.js'
export type { FileServer, FileServerOptions, FileServerSwitches } from './files.js'
export type { ListingStyle } from './listing-page.js'
