/** Which requests a rule is for: all given fields must fit. */
export interface FaultMatch {
  /** 'GET', 'PUT', … @defaultValue any */
  readonly method?: string | undefined
  /**
   * The S3 name of the operation, for example `GetObject` or `UploadPart`; a GCS server has those of the JSON API, `objects.getMedia` and
   * `uploads.put` among them, and the parts of a batch count as requests of their own; a file server has `GET` and `HEAD`. @defaultValue any
   */
  readonly operation?: string | undefined
  /** The exact name. @defaultValue any, and requests without one */
  readonly bucket?: string | undefined
  /** The exact key (a file server: the decoded path without its leading slash), or an expression that fits it. @defaultValue any */
  readonly key?: string | RegExp | undefined
  /** Of an UploadPart, from 1. @defaultValue any */
  readonly partNumber?: number | undefined
  /** Only the nth fitting request since the rule was added, from 1. @defaultValue every one */
  readonly nth?: number | undefined
  /** Each nth fitting request, integer >= 1. @defaultValue every one */
  readonly every?: number | undefined
  /** The nth fitting request and those after it, from 1. @defaultValue 1 */
  readonly from?: number | undefined
}

interface Applied {
  /** Whether the operation is carried out before the fault is shown. */
  readonly applied?: boolean | undefined
}

interface StatusAction extends Applied {
  readonly type: 'status'
  readonly status: number
  readonly code?: string | undefined
  readonly message?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly early?: boolean | undefined
}

/**
 * What goes wrong. Plain data. Where nothing else is said the operation is carried out and only its reply is spoilt, as when a
 * connection fails on the way back.
 */
export type FaultAction =
  /** Answer with an error of the store's format; `applied` defaults to false. `early` answers before the request body is read, and closes. */
  | StatusAction
  /**
   * TCP reset: before the status line, or after that many bytes of the reply's body; with `of: 'request'` after that many bytes of the
   * request's body have been read (default 0), without carrying it out.
   */
  | { readonly type: 'reset', readonly afterBytes?: number, readonly of?: 'request' | 'reply' }
  /** The connection ends cleanly (FIN) before the status line, or after that many bytes of the body, short of Content-Length. */
  | { readonly type: 'cut', readonly afterBytes?: number }
  /**
   * Silence: a new connection is accepted and never read (`connect`), no reply (`headers`), or a reply that stops after `afterBytes` of
   * its body (`body`). For `ms` milliseconds, or until the connection ends. A `connect` rule fits every connection that is opened.
   */
  | { readonly type: 'stall', readonly at: 'connect' | 'headers' | 'body', readonly afterBytes?: number, readonly ms?: number } & Applied
  /** Wait before carrying out; with `applied: true` before the reply. */
  | { readonly type: 'delay', readonly ms: number } & Applied
  /** Content-Length says `by` bytes more (default 1) or less than are sent; the connection ends after the body. */
  | { readonly type: 'wrongLength', readonly by?: number }
  /** Content-Range reads as `value`, or is shifted by one byte. */
  | { readonly type: 'wrongContentRange', readonly value?: string }
  /** A 206 without its Content-Range. */
  | { readonly type: 'noContentRange' }
  /** The whole content with status 200. */
  | { readonly type: 'ignoreRange' }
  /** Another ETag than the object's, new each time, or `value`. */
  | { readonly type: 'changeEtag', readonly value?: string }
  /** Status 200 with an error document inside, as Complete and Copy give; `applied` defaults to false. */
  | { readonly type: 'errorInside', readonly code?: string, readonly message?: string } & Applied
  /** Bytes that are no document: `text`, or 512 bytes of noise. */
  | { readonly type: 'garbage', readonly text?: string }
  /** A document type with nested entities in front of the XML, used in its first element. */
  | { readonly type: 'entities' }
  /** Content-Encoding: gzip, asked for or not. */
  | { readonly type: 'gzip' }
  /** Transfer-Encoding: chunked, no Content-Length. */
  | { readonly type: 'chunked' }
  /** An HTTP/1.0 reply that ends with the connection; `length: true` keeps Content-Length. */
  | { readonly type: 'http10', readonly length?: boolean }
  /** Bytes that are no HTTP at all: `text`, or the greeting of another protocol; then the connection ends. */
  | { readonly type: 'noHttp', readonly text?: string }
  /** A status line, then header lines without an end, one every `tickMs` milliseconds (default 10). */
  | { readonly type: 'slowHead', readonly tickMs?: number }
  /** `count` (default 1) interim replies (103) before the reply, one every `tickMs` milliseconds (default 1). */
  | { readonly type: 'interim', readonly count?: number, readonly tickMs?: number }
  /** That many more header lines (default 2,000) of 64 bytes. */
  | { readonly type: 'headerFlood', readonly count?: number }
  /** Body in pieces of `bytesPerTick` (default 1) every `tickMs` milliseconds (default 10). */
  | { readonly type: 'trickle', readonly bytesPerTick?: number, readonly tickMs?: number }
  /** 307 with Location `to`, or 301 PermanentRedirect naming `region`. Not carried out. */
  | { readonly type: 'redirect', readonly to?: string, readonly region?: string, readonly status?: number }
  /** A header of the reply reads as `value`, or is missing. */
  | { readonly type: 'header', readonly name: string, readonly value?: string | readonly string[] }
  /** Fields of a JSON reply read as these; `undefined` removes one. */
  | { readonly type: 'json', readonly set: Readonly<Record<string, unknown>> }
  /** One byte of the reply's body is another, under headers that do not know: the one at `at` (default 0). */
  | { readonly type: 'flipByte', readonly at?: number }
  /** GCS: only the first `bytes` of an upload's chunk are stored. With a `reset` beside it: as when the connection breaks in the middle. */
  | { readonly type: 'persist', readonly bytes: number }
  /** GCS: the upload's session is no more, for this request and all later ones: `status` (default 404). */
  | { readonly type: 'loseSession', readonly status?: number }
  /** GCS: a page of a listing without entries, and a token for the same place. */
  | { readonly type: 'emptyPage' }
  /** GCS, for a request inside of a batch: it is carried out, its reply is left out. */
  | { readonly type: 'omit' }
  /** GCS, for a batch: the replies come in another order. */
  | { readonly type: 'shuffle' }
  /** RequestTimeTooSkewed from a server whose clock is `ms` milliseconds ahead. Not carried out. */
  | { readonly type: 'clockSkew', readonly ms: number }

/**
 * What goes wrong, and with which requests. Plain data, but for a `key` that is an expression. Unknown names and actions are a TypeError of
 * addFault().
 */
export interface FaultRule {
  /** @defaultValue every request */
  readonly match?: FaultMatch | undefined
  /** How often the rule fires before it is used up. @defaultValue 1, with `every` and `from` Infinity */
  readonly times?: number | undefined
  /** One action, or several that fit together (a delay and a status). */
  readonly action: FaultAction | readonly FaultAction[]
}

/** What a request is about, as far as rules ask. */
export interface FaultSubject {
  readonly method: string
  readonly operation: string
  readonly bucket?: string | undefined
  readonly key?: string | undefined
  readonly partNumber?: number | undefined
}

type ActionType = FaultAction['type']

const types: ReadonlySet<string> = new Set<ActionType>(['status', 'reset', 'cut', 'stall', 'delay', 'wrongLength', 'wrongContentRange',
  'noContentRange', 'ignoreRange', 'changeEtag', 'errorInside', 'garbage', 'entities', 'gzip', 'chunked', 'http10', 'headerFlood',
  'trickle', 'redirect', 'clockSkew', 'noHttp', 'slowHead', 'interim',
  'header', 'json', 'flipByte', 'persist', 'loseSession', 'emptyPage', 'omit', 'shuffle'])
const matchFields: ReadonlySet<string> = new Set<keyof FaultMatch>(['method', 'operation', 'bucket', 'key', 'partNumber', 'nth', 'every', 'from'])

interface Entry {
  readonly match: FaultMatch
  readonly actions: readonly FaultAction[]
  readonly atConnect: boolean
  left: number
  seen: number
}

/** An action by its type, with the fields of that type. */
export type ActionOf<T extends ActionType> = Extract<FaultAction, { readonly type: T }>

/** The first action of that type. */
export function findAction<T extends ActionType> (actions: readonly FaultAction[], type: T): ActionOf<T> | undefined {
  return actions.find((action): action is ActionOf<T> => action.type === type)
}

/**
 * The rules of one server. Each request is shown to all rules, which count those that fit; the first rule that is due fires and the others
 * wait, so that two rules of one shot give their faults one after the other.
 */
export class FaultInjector {
  #entries: Entry[] = []
  readonly #held: Array<() => void> = []

  /** @throws TypeError for an unknown action or match field: a rule that never fires would make a test pass. */
  add (rule: FaultRule): void {
    const match = rule.match ?? {}
    for (const field of Object.keys(match)) {
      if (!matchFields.has(field)) throw new TypeError(`Expected a field of \`match\` to be one of ${[...matchFields].join(', ')}, got \`${field}\``)
    }
    const actions = Array.isArray(rule.action) ? rule.action as readonly FaultAction[] : [rule.action as FaultAction]
    for (const action of actions) {
      if (!types.has(action?.type)) throw new TypeError(`Expected \`action.type\` to be one of ${[...types].join(', ')}, got \`${String(action?.type)}\``)
    }
    const left = rule.times ?? (match.every === undefined && match.from === undefined ? 1 : Infinity)
    if (!(left >= 1)) throw new RangeError(`Expected \`times\` to be >= 1, got \`${String(rule.times)}\` (${typeof rule.times})`)
    const atConnect = actions.some(action => action.type === 'stall' && action.at === 'connect')
    this.#entries.push({ match, actions, atConnect, left, seen: 0 })
  }

  /** No rule is left; what `hold` was told ends. */
  clear (): void {
    this.#entries = []
    for (const end of this.#held.splice(0)) end()
  }

  /** Whether a rule asks for a key: then it must be known, whatever that costs. */
  get wantsKeys (): boolean { return this.#entries.some(({ match }) => match.key !== undefined) }

  /** Something that lasts as long as the rules do. */
  hold (end: () => void): void { this.#held.push(end) }

  /** The actions for a request, empty for most. */
  take (subject: FaultSubject): readonly FaultAction[] {
    return this.#fire(entry => !entry.atConnect && fits(entry.match, subject))
  }

  /** The actions for a connection that has just been accepted. */
  takeConnection (): readonly FaultAction[] {
    return this.#fire(entry => entry.atConnect)
  }

  #fire (fit: (entry: Entry) => boolean): readonly FaultAction[] {
    if (this.#entries.length === 0) return []
    let due: Entry | undefined
    for (const entry of this.#entries) {
      if (!fit(entry)) continue
      entry.seen++
      const { nth, every, from } = entry.match
      if (nth !== undefined && entry.seen !== nth) continue
      if (every !== undefined && entry.seen % every !== 0) continue
      if (from !== undefined && entry.seen < from) continue
      due ??= entry
    }
    if (due === undefined) return []
    if (--due.left === 0) this.#entries.splice(this.#entries.indexOf(due), 1)
    return due.actions
  }
}

function fits (match: FaultMatch, subject: FaultSubject): boolean {
  if (match.method !== undefined && match.method !== subject.method) return false
  if (match.operation !== undefined && match.operation !== subject.operation) return false
  if (match.bucket !== undefined && match.bucket !== subject.bucket) return false
  if (match.partNumber !== undefined && match.partNumber !== subject.partNumber) return false
  if (match.key === undefined) return true
  if (typeof match.key === 'string') return match.key === subject.key
  return subject.key !== undefined && subject.key.search(match.key) >= 0
}
