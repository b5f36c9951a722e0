import type { S3Client, S3Request } from '../../../implementations/s3/client.js'
import { FsError } from '../../../lib/errors/index.js'
import type { NetReply } from '../../../lib/net/index.js'

/** A client whose store takes no object in one copy, as S3 does above 5 GB. */
export function refuseCopies (client: S3Client): S3Client {
  return {
    call: async <T>(request: S3Request, signal: AbortSignal, read: (reply: NetReply) => T): Promise<T> => {
      if (request.operation === 'CopyObject') throw new FsError('EINVAL', 'the copy source is too large')
      return client.call(request, signal, read)
    }
  } as unknown as S3Client
}
