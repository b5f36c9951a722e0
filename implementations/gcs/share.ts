import { CredentialOffers } from '../../lib/net/credential-offers.js'
import type { AccessToken } from './credentials.js'

/** The GCS instances of this thread that were sent to workers. */
export const gcsOffers = new CredentialOffers<AccessToken>('gs:credentials')
