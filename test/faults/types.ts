import type { FileSystem } from '../../lib/filesystem/filesystem.js'
import type { ErrorCode } from '../../lib/errors/index.js'
import type { FaultRule } from '../servers/index.js'

export type StoreName = 's3' | 'gs' | 'http' | 'http without ranges'

/** What the answer to a kind of request carries: nothing of use (a HEAD, a PUT), the content of an object, or a document. */
export type Answer = 'head' | 'empty' | 'content' | 'document'

/** A kind of request on the wire, as the store's server names it. */
export interface WireRequest {
  readonly operation: string
  /** As the table names it. */
  readonly label: string
  readonly answer: Answer
  /** A range was asked for. */
  readonly ranged: boolean
}

export type Stage = 'connect' | 'head' | 'body'

/** One way in which an exchange goes wrong. */
export interface Fault {
  /** Unique, as the table names it. */
  readonly name: string
  readonly stage: Stage
  /** 'refused': no server listens at all. */
  readonly action: FaultRule['action'] | 'refused'
  /** What ends it: that clock is set short. */
  readonly clock?: 'idle' | 'deadline' | undefined
  /** The reply takes a time in proportion to its length. */
  readonly slow?: boolean | undefined
  /** It comes before the server knows what is asked of it. */
  readonly unknowing?: boolean | undefined
  /** One of the few that every verb meets in `npm run test:systems`; the others only the first verb that makes such a request. */
  readonly core?: boolean | undefined
  /** An answer that is not worth another try: what the request was to end may stay. */
  readonly final?: boolean | undefined
  /** Whether it can happen to such a request. */
  fits (request: WireRequest, store: StoreName): boolean
}

/** Where one run of one verb takes place: objects of its own below `base`, which hold what `content` and `text` say. */
export interface Scene {
  readonly fs: FileSystem
  /** Path of a directory with `a`, `text`, `old` and `dir/one`, `dir/two`, `dir/sub/three` in it. */
  readonly base: string
  /** Path of an object of 8 MiB and 100 bytes. */
  readonly big: string
  /** Path of an object of 16 MiB and 100 bytes: heavy forms only. */
  readonly huge: string
  /** Path of a directory whose listing takes more than one request: 1,002 empty objects, on the web two directories with `content` in each. */
  readonly many: string
  /** Put 1,002 empty objects below `many` in `base`. */
  fill (): Promise<void>
  /** Path of a local file that is not there. */
  readonly local: string
  /** Unique among runs: the name of a bucket to make. */
  readonly bucket: string
  /** What the store holds below `base`; undefined: nothing. */
  stored (name: string): Promise<Uint8Array | undefined>
}

/** One form of a public verb. */
export interface VerbForm {
  readonly name: string
  /** Do it and check the result: throws AssertionError when it is not right. */
  run (scene: Scene): Promise<void>
  /** What holds however it ends. */
  holds? (scene: Scene): Promise<void>
  /** Only faults of these requests, as the table names them. @defaultValue all that it makes */
  readonly only?: readonly string[] | undefined
  /** Only the few faults that are for every verb, unless all are asked for. */
  readonly briefly?: boolean | undefined
  /** It moves mebibytes: its clocks run slower. */
  readonly heavy?: boolean | undefined
  /** Faults come with the nth request of their kind. @defaultValue 1 */
  readonly from?: number | undefined
  /** It sends so much that a clock takes minutes to run out. */
  readonly untimed?: boolean | undefined
  /** What makes it send its requests: a lost answer after which it asks, a store that has no such call. */
  readonly given?: FaultRule | undefined
}

export type Mode = 'once' | 'lasting'

export interface Case {
  readonly store: StoreName
  readonly verb: VerbForm
  readonly request: WireRequest
  readonly fault: Fault
  readonly mode: Mode
}

export interface Result extends Case {
  readonly outcome: 'right' | ErrorCode
  readonly milliseconds: number
  /** What must not be: wrong bytes, an error without a code, something left behind. */
  readonly violations: readonly string[]
}
