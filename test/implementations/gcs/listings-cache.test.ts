import { keptListingsSuite } from '../object-store/kept-listings.js'
import { gcs } from './support.js'

describe('GCS: the listings option', () => { keptListingsSuite(gcs) })
