import { serve } from '../../lib/owner/index.js'
import type { Credentials } from './sign.js'

/** `key`: the descriptor. `refused`: the name of the access key that the store did not take. */
interface Question { readonly key: string, readonly refused?: string | undefined }

/** How an instance gives its keys to a worker of ours. */
export interface CredentialOffer {
  credentials (): Promise<Credentials | undefined>
  /** The store refused the keys of this name: give newer ones. */
  otherCredentials (refused: string): Promise<Credentials | undefined>
}

/**
 * Instances that were described for somebody, by their descriptor: a worker of ours that asks for credentials names the
 * descriptor it got, and the instance it came from resolves them, once for the whole node. Nobody else can ask.
 */
const described = new Map<string, WeakRef<CredentialOffer>>()
const capacity = 1024
let serving = false

export function offerCredentials (key: string, offer: CredentialOffer): void {
  if (!serving) {
    serving = true
    serve('s3:credentials', async (payload): Promise<Credentials | undefined> => {
      const { key, refused } = payload as Question
      const offer = described.get(key)?.deref()
      return refused === undefined ? offer?.credentials() : offer?.otherCredentials(refused)
    })
  }
  described.delete(key)
  described.set(key, new WeakRef(offer))
  if (described.size > capacity) described.delete(described.keys().next().value!)
}
