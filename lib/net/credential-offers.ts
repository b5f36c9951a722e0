import { FsError, isFsError } from '../errors/index.js'
import { askParent, serve } from '../owner/index.js'

/** `key`: the descriptor. `refused`: the name of the credentials that the store did not take. */
interface Question { readonly key: string, readonly refused?: string | undefined }

/** How an instance gives its credentials to a worker of ours. */
export interface CredentialOffer<C> {
  credentials (): Promise<C | undefined>
  /** The store refused the credentials of this name: give newer ones. */
  otherCredentials (refused: string): Promise<C | undefined>
}

const capacity = 1024

/**
 * Instances that were described for somebody, by their descriptor: a worker of ours that asks for credentials names the
 * descriptor it got, and the instance it came from resolves them, once for the whole node. Nobody else can ask.
 */
export class CredentialOffers<C> {
  readonly #service: string
  readonly #described = new Map<string, WeakRef<CredentialOffer<C>>>()
  #serving = false

  /** `service`: what workers ask for by name, one per protocol. */
  constructor (service: string) { this.#service = service }

  offer (key: string, offer: CredentialOffer<C>): void {
    if (!this.#serving) {
      this.#serving = true
      serve(this.#service, async (payload): Promise<C | undefined> => {
        const { key, refused } = payload as Question
        const offer = this.#described.get(key)?.deref()
        return refused === undefined ? offer?.credentials() : offer?.otherCredentials(refused)
      })
    }
    this.#described.delete(key)
    this.#described.set(key, new WeakRef(offer))
    if (this.#described.size > capacity) this.#described.delete(this.#described.keys().next().value!)
  }

  /** What the nearest parent gives for this descriptor; undefined where it gives nothing, or never described one. */
  async ask (key: string, refused: string | undefined): Promise<C | undefined> {
    try {
      return await askParent(this.#service, { key, refused }) as C | undefined
    } catch (error) {
      if (isFsError(error, 'FORKFS_NOT_SUPPORTED')) return undefined
      throw error
    }
  }
}

/** Whoever was sent here must act as its sender did. @throws FsError FORKFS_CREDENTIALS for another identity */
export function checkIdentity (protocol: string, expected: string | undefined, actual: string): void {
  if (expected === undefined || actual === expected) return
  throw new FsError('FORKFS_CREDENTIALS', `the sender of this filesystem acts as ${expected}, this owner's own credentials are ${actual}: pass the same ones here, or send with \`shareCredentials\``, { protocol })
}

/** The failure of a receiver that has no credentials at all. */
export function withoutIdentity (protocol: string, expected: string | undefined, error: unknown): unknown {
  if (expected === undefined || !isFsError(error, 'FORKFS_CREDENTIALS')) return error
  return new FsError('FORKFS_CREDENTIALS', `the sender of this filesystem acts as ${expected} and kept its keys, and this owner has none: give it the same ones, or send with \`shareCredentials\``, { protocol, cause: error })
}
