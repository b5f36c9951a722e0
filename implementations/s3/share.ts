import { serve } from '../../lib/owner/index.js'
import type { S3Client } from './client.js'
import type { Credentials } from './sign.js'

/** `key`: the descriptor. `refused`: the name of the access key that the store did not take. */
interface Question { readonly key: string, readonly refused?: string | undefined }

/**
 * Instances that were described for somebody, by their descriptor: a worker of ours that asks for credentials names the
 * descriptor it got, and the instance it came from resolves them, once for the whole node. Nobody else can ask.
 */
const described = new Map<string, WeakRef<S3Client>>()
const capacity = 1024
let serving = false

export function offerCredentials (key: string, client: S3Client): void {
  if (!serving) {
    serving = true
    serve('s3:credentials', async (payload): Promise<Credentials | undefined> => {
      const { key, refused } = payload as Question
      const client = described.get(key)?.deref()
      return refused === undefined ? client?.credentials() : client?.otherCredentials(refused)
    })
  }
  described.delete(key)
  described.set(key, new WeakRef(client))
  if (described.size > capacity) described.delete(described.keys().next().value!)
}
