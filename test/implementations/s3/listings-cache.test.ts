import { keptListingsSuite } from '../object-store/kept-listings.js'
import { s3 } from './support.js'

describe('S3: the listings option', () => { keptListingsSuite(s3) })
