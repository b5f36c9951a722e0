import { isRecord } from '../../lib/errors/index.js'
import { networkOptions } from '../../lib/filesystem/network-options.js'
import { kinds } from '../../lib/filesystem/options.js'
import type { OptionTable } from '../../lib/filesystem/options.js'

/** The kinds of the options; what they mean together is in options.ts. */
export const gcsOptions: OptionTable = Object.freeze({
  apiEndpoint: kinds.text,
  universeDomain: kinds.text,
  useAuthWithCustomEndpoint: { ...kinds.boolean, default: false },
  projectId: kinds.text,
  userProject: kinds.text,
  keyFilename: kinds.text,
  credentials: { expected: '\'anonymous\', or { client_email, private_key }', check: value => value === 'anonymous' || isRecord(value), secret: true },
  credentialsModule: { expected: 'a file URL, a path or the name of a package', check: value => typeof value === 'string' || value instanceof URL },
  shareCredentials: { ...kinds.boolean, default: false },
  versionAware: { ...kinds.boolean, default: false },
  kmsKeyName: kinds.text,
  checksums: { ...kinds.boolean, default: true },
  ...networkOptions
})
