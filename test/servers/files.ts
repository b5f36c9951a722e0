import { FileService } from './file-service.js'
import { HttpService } from './http.js'
import type { Counters, Reached, RecordedRequest } from './counters.js'
import type { FaultRule } from './faults.js'
import type { ServiceOptions } from './http.js'
import type { ListingStyle } from './listing-page.js'

/** What the server does and leaves out. All can be changed while it runs, with `set`. */
export interface FileServerSwitches {
  /** Range requests are honoured, and `Accept-Ranges: bytes` says so. @defaultValue true */
  readonly ranges?: boolean | undefined
  /** HEAD is answered, refused with 405, answered without Content-Length, or with one that is 7 bytes too long. @defaultValue 'ok' */
  readonly head?: 'ok' | 'refused' | 'noLength' | 'wrongLength' | undefined
  /** Content-Length is sent; otherwise replies are chunked. @defaultValue true */
  readonly contentLength?: boolean | undefined
  /** Replies carry an ETag, or a weak one. @defaultValue true */
  readonly etag?: boolean | 'weak' | undefined
  /** Replies carry Last-Modified. @defaultValue true */
  readonly lastModified?: boolean | undefined
  /** HTML listings of folders; false: 404. @defaultValue 'apache' */
  readonly listing?: ListingStyle | false | undefined
  /** Content-Encoding: gzip for clients that accept it, or for all. Ranges are then ignored. @defaultValue false */
  readonly gzip?: boolean | 'always' | undefined
  /** Requests must carry it; others get 401. @defaultValue none */
  readonly auth?: { readonly user: string, readonly password: string } | { readonly bearer: string } | undefined
  /**
   * Decoded path (without its leading slash) to a Location, which may be relative or on another server; status 302 unless it says. @defaultValue {}
   */
  readonly redirects?: Readonly<Record<string, { readonly to: string, readonly status?: 301 | 302 | 303 | 307 | 308 }>> | undefined
  /** Sent with each reply. @defaultValue {} */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What a file server has, how it answers, and where it listens. */
export interface FileServerOptions extends FileServerSwitches, ServiceOptions {
  /** Contents by decoded path, without a leading slash. @defaultValue {} */
  readonly files?: Readonly<Record<string, Uint8Array | string>> | undefined
  /** Serve this folder too; `files` hide what it holds. @defaultValue none */
  readonly root?: string | undefined
}

/** The control side of a file server. */
export interface FileServer extends AsyncDisposable {
  /** `http://host:port` */
  readonly endpoint: string
  /** As it was given. */
  readonly host: string
  /** The one that it got. */
  readonly port: number
  /** Put a file; `modified` in milliseconds since 1970, default now; `headers` go with its replies. */
  put (path: string, data: Uint8Array | string, options?: { readonly headers?: Readonly<Record<string, string>>, readonly modified?: number }): void
  /** From then on 404. */
  delete (path: string): void
  /** Change switches; those not named stay. */
  set (switches: FileServerSwitches): void
  /** Add a rule behind those that are there. @throws TypeError for an unknown action or match field */
  addFault (rule: FaultRule): Promise<void>
  /** No rule is left. */
  clearFaults (): Promise<void>
  /** Since the start, or resetCounters(). */
  counters (): Promise<Counters>
  /** The last 1,000 requests with their headers, oldest first: what arrived here and what did not. */
  requests (): Promise<readonly RecordedRequest[]>
  /** Counters and requests start again. */
  resetCounters (): Promise<void>
  /** Resolves as soon as it is so; waits for ever where it never is. */
  reached (wanted: Reached): Promise<void>
  /** Destroy all connections and stop listening. Idempotent. */
  close (): Promise<void>
}

/** Start a plain file server in this process, on a free port of the loopback interface unless the options say otherwise. */
export async function startFileServer (options: FileServerOptions = {}): Promise<FileServer> {
  const files = new FileService(options)
  const service = await HttpService.start(files, options)
  const host = options.host ?? '127.0.0.1'
  const endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${service.port}`
  files.origin = endpoint
  return {
    endpoint,
    host,
    port: service.port,
    put: (path, data, { headers, modified } = {}) => { files.put(path, data, headers, modified) },
    delete: path => { files.delete(path) },
    set: switches => { files.set(switches) },
    addFault: async rule => { service.faults.add(rule) },
    clearFaults: async () => { service.faults.clear() },
    counters: async () => service.counters.snapshot(),
    requests: async () => service.counters.recorded(),
    resetCounters: async () => { service.counters.reset() },
    reached: wanted => service.counters.reached(wanted),
    close: () => service.close(),
    [Symbol.asyncDispose]: () => service.close()
  }
}
