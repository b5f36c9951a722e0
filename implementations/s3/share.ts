import { CredentialOffers } from '../../lib/net/credential-offers.js'
import type { Credentials } from './sign.js'

/** The S3 instances of this thread that were sent to workers. */
export const s3Offers = new CredentialOffers<Credentials>('s3:credentials')
