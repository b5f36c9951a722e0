import { randomBytes } from 'node:crypto'
import { FsError } from '../../../lib/errors/index.js'
import { Bytes } from '../bytes.js'
import { HttpService } from '../http.js'
import { sortedUploads } from './list.js'
import { seed } from './objects.js'
import { S3Service } from './service.js'
import { S3State } from './state.js'
import { md5 } from './store.js'
import type { Counters, Reached, RecordedRequest } from '../counters.js'
import type { FaultRule } from '../faults.js'
import type { S3Credential } from './auth.js'
import type { S3ServerOptions } from './options.js'

/** An upload that was neither completed nor aborted. */
export interface OpenUpload {
  /** Of the object that it would become. */
  readonly key: string
  /** What the client got from CreateMultipartUpload. */
  readonly uploadId: string
  /** Sizes in bytes by part number. */
  readonly parts: Readonly<Record<number, number>>
}

/** The control side of a server, the same for one in this process and one in a child. */
export interface S3Server extends AsyncDisposable {
  /** `http://host:port` */
  readonly endpoint: string
  /** As it was given. */
  readonly host: string
  /** The one that it got. */
  readonly port: number
  /** Of the server, and of buckets that name no other. */
  readonly region: string
  /** The first of the credentials that were accepted at the start; '' where there were none. */
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of the same; undefined where they are not temporary. */
  readonly sessionToken: string | undefined
  /** The process that serves. */
  readonly pid: number
  /** Add a rule behind those that are there. @throws TypeError for an unknown action or match field */
  addFault (rule: FaultRule): Promise<void>
  /** No rule is left. */
  clearFaults (): Promise<void>
  /** Since the start, or resetCounters(). */
  counters (): Promise<Counters>
  /** The last 1,000 requests, oldest first. */
  requests (): Promise<readonly RecordedRequest[]>
  /** Counters and requests start again. */
  resetCounters (): Promise<void>
  /** Resolves as soon as it is so; waits for ever where it never is. */
  reached (wanted: Reached): Promise<void>
  /** Put an object past HTTP. The bucket must exist. `data` is kept, not copied, by a server in this process. */
  put (bucket: string, key: string, data: Uint8Array | string, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Put the same content under many keys. */
  putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void>
  /** The current content; undefined where there is no object. */
  get (bucket: string, key: string): Promise<Uint8Array | undefined>
  /** In the order of a listing. */
  keys (bucket: string, prefix?: string): Promise<readonly string[]>
  /** Multipart uploads that are open, in the order of a listing. */
  uploads (bucket: string): Promise<readonly OpenUpload[]>
  /** End the open uploads of keys with that prefix, as a lifecycle rule does. @returns how many there were */
  expireUploads (bucket: string, prefix?: string): Promise<number>
  /** Set the server's clock that many milliseconds ahead. */
  setClock (skewMs: number): Promise<void>
  /** Replace the credentials that are accepted. */
  setCredentials (credentials: readonly S3Credential[]): Promise<void>
  /** Stop the server's process (SIGSTOP). Rejects with FORKFS_NOT_SUPPORTED in this process, as do `resume` and `kill`. */
  pause (): Promise<void>
  /** Let it go on (SIGCONT). */
  resume (): Promise<void>
  /** End the server's process at once (SIGKILL). */
  kill (): Promise<void>
  /** Destroy all connections, stop listening, end the child. Idempotent. */
  close (): Promise<void>
}

/** Start an S3 server in this process, on a free port of the loopback interface unless the options say otherwise. */
export async function startS3Server (options: S3ServerOptions = {}): Promise<S3Server> {
  const random = randomBytes(6).toString('hex')
  const credentials = options.credentials ?? [{ accessKeyId: `test-access-key-${random}`, secretAccessKey: `test-secret-key-${random}` }]
  const state = new S3State(options, credentials)
  const service = await HttpService.start(new S3Service(state), options)
  return new LocalS3Server(state, service, options.host ?? '127.0.0.1', credentials[0])
}

class LocalS3Server implements S3Server {
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly pid: number = process.pid
  readonly #state: S3State
  readonly #service: HttpService

  constructor (state: S3State, service: HttpService, host: string, credential: S3Credential | undefined) {
    this.#state = state
    this.#service = service
    this.host = host
    this.port = service.port
    this.endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`
    this.region = state.region
    this.accessKeyId = credential?.accessKeyId ?? ''
    this.secretAccessKey = credential?.secretAccessKey ?? ''
    this.sessionToken = credential?.sessionToken
  }

  async addFault (rule: FaultRule): Promise<void> { this.#service.faults.add(rule) }

  async clearFaults (): Promise<void> { this.#service.faults.clear() }

  async counters (): Promise<Counters> { return this.#service.counters.snapshot() }

  async requests (): Promise<readonly RecordedRequest[]> { return this.#service.counters.recorded() }

  async resetCounters (): Promise<void> { this.#service.counters.reset() }

  reached (wanted: Reached): Promise<void> { return this.#service.counters.reached(wanted) }

  async put (bucket: string, key: string, data: Uint8Array | string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const body = Bytes.of(data)
    seed(this.#state.bucket(bucket), key, body, headers, this.#state.stamp(), this.#state.opaqueEtags ? randomBytes(16) : md5(body))
  }

  async putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void> {
    const body = Bytes.of(data)
    const etag = md5(body)
    const target = this.#state.bucket(bucket)
    for (const key of keys) seed(target, key, body, {}, this.#state.stamp(), etag)
  }

  async get (bucket: string, key: string): Promise<Uint8Array | undefined> {
    return this.#state.bucket(bucket).current(key)?.body.toUint8Array()
  }

  async keys (bucket: string, prefix = ''): Promise<readonly string[]> { return this.#state.bucket(bucket).keys.all(prefix) }

  async uploads (bucket: string): Promise<readonly OpenUpload[]> {
    return sortedUploads(this.#state.bucket(bucket)).map(({ key, uploadId, parts }) => {
      return { key, uploadId, parts: Object.fromEntries([...parts.values()].map(part => [part.number, part.body.size])) }
    })
  }

  async expireUploads (bucket: string, prefix = ''): Promise<number> {
    const { uploads } = this.#state.bucket(bucket)
    const ended = [...uploads.values()].filter(({ key }) => key.startsWith(prefix))
    for (const { uploadId } of ended) uploads.delete(uploadId)
    return ended.length
  }

  async setClock (skewMs: number): Promise<void> { this.#state.skewMs = skewMs }

  async setCredentials (credentials: readonly S3Credential[]): Promise<void> { this.#state.authenticator.replace(credentials) }

  async pause (): Promise<void> { throw notHere('pause') }

  async resume (): Promise<void> { throw notHere('resume') }

  async kill (): Promise<void> { throw notHere('kill') }

  close (): Promise<void> { return this.#service.close() }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }
}

function notHere (operation: string): FsError {
  return new FsError('FORKFS_NOT_SUPPORTED', 'the server runs in this process; use spawnS3Server()', { operation })
}
