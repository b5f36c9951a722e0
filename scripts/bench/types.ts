/** What the parts of the benchmark tell each other. Everything that a measuring process gets is plain data. */

/** What one measuring process saw, warm-up left out. */
export interface Sample {
  /** Requests, keys, samples: what the case counts. */
  readonly ops: number
  readonly bytes: number
  readonly wallMs: number
  /** User and system time of the process with all its threads, and of programs it started. */
  readonly cpuMs: number
  readonly rssMiB: number
}

export interface Sizes {
  readonly smallObjects: number
  readonly bigBytes: number
  readonly keys: number
  readonly shards: number
  readonly shardBytes: number
  readonly ranges: number
  readonly uploadBytes: number
  /** Of one file of the checkpoint. */
  readonly checkpointFileBytes: number
}

/** Where everything is that a measuring process needs. */
export interface Stage {
  readonly quick: boolean
  readonly sizes: Sizes
  /** Serves the objects and the listing. */
  readonly endpoint: string
  /** The same with 20 ms before each answer. */
  readonly slowEndpoint: string
  /** Takes multipart uploads and forgets them. */
  readonly sinkEndpoint: string
  /** Speaks the JSON API of Google Cloud Storage. */
  readonly gcsEndpoint: string
  readonly minio: { readonly endpoint: string, readonly accessKeyId: string, readonly secretAccessKey: string } | undefined
  /** Folder of peers that are not in the repository. */
  readonly cache: string
  /** A Python that has webdataset. */
  readonly python: string | undefined
  /** Packages that it has. */
  readonly pythonPackages: readonly string[]
}

export interface Subject {
  readonly id: string
  readonly label: string
  /** Undefined: always there. Otherwise why it can not run here, or undefined when it can. */
  readonly missing?: ((stage: Stage) => string | undefined) | undefined
}

/** Samples of one round by subject. */
export type Round = ReadonlyMap<string, Sample>

export interface Target { readonly sign: '>=' | '<=', readonly value: number }

/** A number that is compared with a target in every round. */
export interface Goal {
  readonly text: string
  readonly of: (round: Round) => number | undefined
  readonly target?: Target | undefined
  readonly unit?: 'x' | 'ns' | 'ms' | '/s' | 'MiB' | undefined
}

export type Unit = 'ops/s' | 'MiB/s' | 'ms' | 'ns'

export interface Case {
  readonly name: string
  readonly title: string
  /** One paragraph: what is done and what is counted. */
  readonly how: (sizes: Sizes) => string
  readonly unit: Unit
  /** What one operation is, in the singular. */
  readonly op: string
  /** The subject that others are divided by in the table. */
  readonly baseline: string
  readonly subjects: readonly Subject[]
  readonly goals: readonly Goal[]
  readonly measure: (subject: string, stage: Stage) => Promise<Sample>
}

export interface Job { readonly case: string, readonly subject: string, readonly stage: Stage }
