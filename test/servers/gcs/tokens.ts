import { createPublicKey, generateKeyPair, randomBytes, verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyObject } from 'node:crypto'
import type { GcsServerOptions } from './options.js'

/** A service account's key file. */
export interface ServiceAccountKey {
  readonly type: 'service_account'
  readonly project_id: string
  readonly private_key_id: string
  /** PEM, PKCS #8, RSA of 2,048 bits. */
  readonly private_key: string
  readonly client_email: string
  readonly client_id: string
  readonly token_uri: string
  readonly universe_domain: string
}

interface Token {
  readonly expiresAt: number
  left: number
}

/** Access tokens with their ends, and the one key that this server's service account has. */
export class Tokens {
  readonly email: string
  readonly seconds: number
  readonly refreshToken: string = `1//test-refresh-token-${randomBytes(6).toString('hex')}`
  readonly subjectToken: string = `test-subject-token-${randomBytes(6).toString('hex')}`
  readonly #now: () => number
  readonly #requests: number
  readonly #tokens = new Map<string, Token>()
  readonly #projectId: string
  #key: Promise<ServiceAccountKey> | undefined
  #publicKey: KeyObject | undefined

  constructor (now: () => number, options: GcsServerOptions) {
    this.#now = now
    this.#projectId = options.projectId ?? 'test-project'
    this.email = `test-account@${this.#projectId}.iam.gserviceaccount.com`
    this.seconds = options.tokenSeconds ?? 3600
    this.#requests = options.tokenRequests ?? Infinity
  }

  /** A new token. */
  issue (): string {
    const token = `ya29.test-token-${randomBytes(12).toString('hex')}`
    this.#tokens.set(token, { expiresAt: this.#now() + this.seconds * 1000, left: this.#requests })
    return token
  }

  /** Make all tokens that were given out worthless. */
  revoke (): void { this.#tokens.clear() }

  /** Whether the token is good now; one of its requests is used up. JSON Web Tokens that the service account signed itself are good too. */
  use (text: string): boolean {
    const token = this.#tokens.get(text)
    if (token === undefined) return this.#isOwnAssertion(text)
    return token.expiresAt > this.#now() && token.left-- > 0
  }

  /** The service account's key; made at the first call, about 100 ms. */
  key (endpoint: string): Promise<ServiceAccountKey> {
    return this.#key ??= this.#make(endpoint)
  }

  /** Whether those bytes carry the account's RSA-SHA256 signature. */
  isSigned (data: string, signature: Buffer, email: string): boolean {
    return this.#publicKey !== undefined && email === this.email && verify('RSA-SHA256', Buffer.from(data, 'utf8'), this.#publicKey, signature)
  }

  /** The claims of a token that the account signed and that has not ended; undefined for any other. */
  claims (assertion: string): Readonly<Record<string, unknown>> | undefined {
    const [header, payload, signature, ...more] = assertion.split('.')
    if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return undefined
    if (!this.isSigned(`${header}.${payload}`, Buffer.from(signature, 'base64url'), this.email)) return undefined
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>
    const seconds = this.#now() / 1000
    const fits = claims['iss'] === this.email && Number(claims['exp']) > seconds && Number(claims['iat']) <= seconds + 300
    return fits ? claims : undefined
  }

  #isOwnAssertion (text: string): boolean {
    const claims = this.claims(text)
    return claims !== undefined && (claims['scope'] !== undefined || claims['aud'] !== undefined)
  }

  async #make (endpoint: string): Promise<ServiceAccountKey> {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
      modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
    })
    this.#publicKey = createPublicKey(publicKey)
    return {
      type: 'service_account', project_id: this.#projectId, private_key_id: randomBytes(20).toString('hex'), private_key: privateKey,
      client_email: this.email, client_id: '100000000000000000001', token_uri: `${endpoint}/token`, universe_domain: 'googleapis.com'
    }
  }
}
