import { listingSuite } from '../object-store/listing.js'
import { s3 } from './support.js'

describe('S3: listing and removing many', function () {
  this.timeout(120_000)
  listingSuite(s3)
})
