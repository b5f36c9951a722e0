import { serve } from '../../lib/owner/index.js'
import type { S3Client } from './client.js'
import type { Credentials } from './sign.js'

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
      const client = typeof payload === 'string' ? described.get(payload)?.deref() : undefined
      return await client?.credentials()
    })
  }
  described.delete(key)
  described.set(key, new WeakRef(client))
  if (described.size > capacity) described.delete(described.keys().next().value!)
}
