import { isRecord } from '../../lib/errors/index.js'
import { networkOptions } from '../../lib/filesystem/network-options.js'
import { kinds } from '../../lib/filesystem/options.js'
import type { OptionTable } from '../../lib/filesystem/options.js'

/** The kinds of the options; what they mean together is in options.ts. */
export const s3Options: OptionTable = Object.freeze({
  endpoint: kinds.text,
  region: kinds.text,
  forcePathStyle: kinds.boolean,
  profile: kinds.text,
  credentials: { expected: '\'anonymous\', or { accessKeyId, secretAccessKey, sessionToken? }', check: value => value === 'anonymous' || isRecord(value), secret: true },
  credentialsModule: { expected: 'a file URL, a path or the name of a package', check: value => typeof value === 'string' || value instanceof URL },
  shareCredentials: { ...kinds.boolean, default: false },
  requesterPays: { ...kinds.boolean, default: false },
  versionAware: { ...kinds.boolean, default: false },
  serverSideEncryption: kinds.text,
  kmsKeyId: kinds.text,
  checksums: { ...kinds.boolean, default: true },
  ...networkOptions
})
