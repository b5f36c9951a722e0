/** What an instance becomes when it is structured-cloned, sent over IPC or passed to JSON.stringify: plain data with one key, without secrets. */
export interface Descriptor { readonly $forkfs: DescriptorBody }

export interface DescriptorBody {
  readonly v: 1
  /** The first protocol of the class; 'mapper' and the like for what is built from filesystems. */
  readonly type: string
  readonly [field: string]: unknown
}

/** What stays at home, said so that the receiver knows: { accessKeyId: 'AKIA…' }, { headers: ['authorization'] }. Never the secret itself. */
export type Withheld = Readonly<Record<string, unknown>>

/** Under this key revive() hands a class what the sender withheld, beside the options. */
export const withheld: unique symbol = Symbol.for('forkfs.withheld.v1')

/** What a class says about itself for a descriptor. */
export interface Travel {
  /** Resolved options, plain JSON data, secrets left out. They win over the receiver's own configuration. */
  readonly options: Readonly<Record<string, unknown>>
  readonly withheld?: Withheld | undefined
}
