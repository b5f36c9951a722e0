import { readingSuite } from '../object-store/reading.js'
import { versionsSuite } from '../object-store/versions.js'
import { MiB, s3 } from './support.js'

const part = 8 * MiB

describe('S3: reading', function () {
  this.timeout(60_000)
  readingSuite(s3, { lengths: [0, 1, 10_240, part - 1, part, part + 1, 2 * part, 2 * part + 1, 3 * part + 5], etag: /^".+"$/, none: ['"0123"'] })
})

describe('S3: versions', () => { versionsSuite(s3) })
