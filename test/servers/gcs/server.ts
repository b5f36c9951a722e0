import { FsError } from '../../../lib/errors/index.js'
import { Bytes } from '../bytes.js'
import { HttpService } from '../http.js'
import { makeCredentials } from './credentials.js'
import { fieldsOf } from './resources.js'
import { GcsService } from './service.js'
import { GcsState } from './state.js'
import { Content } from './store.js'
import type { Counters, Reached, RecordedRequest } from '../counters.js'
import type { FaultRule } from '../faults.js'
import type { GcsCredentials } from './credentials.js'
import type { GcsServerOptions } from './options.js'
import type { ObjectFields } from './store.js'

/** A resumable upload that was neither finished nor cancelled. */
export interface OpenSession {
  /** Of the object that it would become. */
  readonly key: string
  /** `upload_id` of the session's URL. */
  readonly uploadId: string
  /** Bytes that the server has. */
  readonly persisted: number
}

/** The control side of a server, the same for one in this process and one in a child. */
export interface GcsServer extends AsyncDisposable {
  /** `http://host:port`, without a path: what `apiEndpoint` and STORAGE_EMULATOR_HOST take. */
  readonly endpoint: string
  /** As it was given. */
  readonly host: string
  /** The one that it got. */
  readonly port: number
  /** Owner of the buckets. */
  readonly projectId: string
  /** A token that is good from the start. */
  readonly accessToken: string
  /** The process that serves. */
  readonly pid: number
  /** Add a rule behind those that are there. @throws TypeError for an unknown action or match field */
  addFault (rule: FaultRule): Promise<void>
  /** No rule is left. */
  clearFaults (): Promise<void>
  /** Since the start, or resetCounters(). */
  counters (): Promise<Counters>
  /** Resolves as soon as it is so; waits for ever where it never is. */
  reached (wanted: Reached): Promise<void>
  /** The last 1,000 requests, oldest first. The parts of a batch are not among them. */
  requests (): Promise<readonly RecordedRequest[]>
  /** Counters and requests start again. */
  resetCounters (): Promise<void>
  /**
   * Put an object past HTTP. The bucket must exist. `data` is kept, not copied, by a server in this process.
   * @returns The generation, in decimal
   */
  put (bucket: string, key: string, data: Uint8Array | string, fields?: ObjectFields): Promise<string>
  /** Put the same content under many keys. */
  putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void>
  /** The live content; undefined where there is no object. */
  get (bucket: string, key: string): Promise<Uint8Array | undefined>
  /** Of the live object, in decimal; undefined where there is none. */
  generation (bucket: string, key: string): Promise<string | undefined>
  /** In the order of a listing. */
  keys (bucket: string, prefix?: string): Promise<readonly string[]>
  /** Resumable uploads that are open. */
  uploads (bucket: string): Promise<readonly OpenSession[]>
  /** Set the server's clock that many milliseconds ahead. */
  setClock (skewMs: number): Promise<void>
  /** Make every token that was given out worthless, `accessToken` included. */
  revokeTokens (): Promise<void>
  /** Credential files whose tokens this server accepts. The key is made at the first call. */
  credentials (): Promise<GcsCredentials>
  /** Stop the server's process (SIGSTOP). Rejects with FORKFS_NOT_SUPPORTED in this process, as do `resume` and `kill`. */
  pause (): Promise<void>
  /** Let it go on (SIGCONT). */
  resume (): Promise<void>
  /** End the server's process at once (SIGKILL). */
  kill (): Promise<void>
  /** Destroy all connections, stop listening, end the child. Idempotent. */
  close (): Promise<void>
}

/** Start a GCS server in this process, on a free port of the loopback interface unless the options say otherwise. */
export async function startGcsServer (options: GcsServerOptions = {}): Promise<GcsServer> {
  const state = new GcsState(options)
  const gcs = new GcsService(state)
  const service = await HttpService.start(gcs, options)
  gcs.plumbing = service
  return new LocalGcsServer(state, service, options.host ?? '127.0.0.1')
}

class LocalGcsServer implements GcsServer {
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly projectId: string
  readonly accessToken: string
  readonly pid: number = process.pid
  readonly #state: GcsState
  readonly #service: HttpService

  constructor (state: GcsState, service: HttpService, host: string) {
    this.#state = state
    this.#service = service
    this.host = host
    this.port = service.port
    this.endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`
    this.projectId = state.projectId
    this.accessToken = state.tokens.issue()
  }

  async addFault (rule: FaultRule): Promise<void> { this.#service.faults.add(rule) }

  async clearFaults (): Promise<void> { this.#service.faults.clear() }

  async counters (): Promise<Counters> { return this.#service.counters.snapshot() }

  reached (wanted: Reached): Promise<void> { return this.#service.counters.reached(wanted) }

  async requests (): Promise<readonly RecordedRequest[]> { return this.#service.counters.recorded() }

  async resetCounters (): Promise<void> { this.#service.counters.reset() }

  async put (bucket: string, key: string, data: Uint8Array | string, fields: ObjectFields = {}): Promise<string> {
    const own = fieldsOf({ contentType: 'application/octet-stream', ...fields })
    return String(this.#state.store(this.#state.bucket(bucket), key, new Content(Bytes.of(data)), own).generation)
  }

  async putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void> {
    const content = new Content(Bytes.of(data))
    const target = this.#state.bucket(bucket)
    for (const key of keys) this.#state.store(target, key, content, { contentType: 'application/octet-stream' })
  }

  async get (bucket: string, key: string): Promise<Uint8Array | undefined> {
    return this.#state.bucket(bucket).live(key)?.content.body.toUint8Array()
  }

  async generation (bucket: string, key: string): Promise<string | undefined> {
    const generation = this.#state.bucket(bucket).live(key)?.generation
    return generation === undefined ? undefined : String(generation)
  }

  async keys (bucket: string, prefix = ''): Promise<readonly string[]> { return this.#state.bucket(bucket).names.all(prefix) }

  async uploads (bucket: string): Promise<readonly OpenSession[]> {
    return [...this.#state.sessions.values()].filter(one => one.bucket === bucket && one.state === 'open' && one.object === undefined)
      .map(({ name, id, persisted }) => ({ key: name, uploadId: id, persisted: persisted.size }))
  }

  async setClock (skewMs: number): Promise<void> { this.#state.skewMs = skewMs }

  async revokeTokens (): Promise<void> { this.#state.tokens.revoke() }

  credentials (): Promise<GcsCredentials> { return makeCredentials(this.#state.tokens, this.endpoint) }

  async pause (): Promise<void> { throw notHere('pause') }

  async resume (): Promise<void> { throw notHere('resume') }

  async kill (): Promise<void> { throw notHere('kill') }

  close (): Promise<void> { return this.#service.close() }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }
}

function notHere (operation: string): FsError {
  return new FsError('FORKFS_NOT_SUPPORTED', 'the server runs in this process; use spawnGcsServer()', { operation })
}
