import { secret } from './rows.js'

/** A file of Google credentials, named by a variable; the message has to name the file and, where `variable` alone says where it came from, that. */
export interface GoogleRow {
  readonly mistake: string
  /** undefined: there is no file. */
  readonly text?: string
  /** Of the environment, where the file's path goes. @defaultValue GOOGLE_APPLICATION_CREDENTIALS */
  readonly variable?: string
}

const account = { type: 'service_account', client_email: 'a@b.example', project_id: 'x' }
const user = { type: 'authorized_user', client_id: 'x', client_secret: secret }

export const googleRows: readonly GoogleRow[] = [
  { mistake: 'that is not there' },
  { mistake: 'that is empty', text: '' },
  { mistake: 'that is no JSON', text: `${secret} = }{` },
  { mistake: 'that holds a list', text: '[]' },
  { mistake: 'of a kind that nobody knows', text: JSON.stringify({ ...account, type: 'servant', private_key: secret }) },
  { mistake: 'of an account without its key', text: JSON.stringify(account) },
  { mistake: 'of an account without its name', text: JSON.stringify({ type: 'service_account', private_key: secret }) },
  { mistake: 'of an account whose key is none', text: JSON.stringify({ ...account, private_key: secret }) },
  { mistake: 'of a user without a refresh token', text: JSON.stringify(user) },
  { mistake: 'of another identity that names no source', text: JSON.stringify({ type: 'external_account', audience: secret }) },
  { mistake: 'of somebody who lends an account and is nobody', text: JSON.stringify({ type: 'impersonated_service_account', service_account_impersonation_url: 'x', source_credentials: { ...account, private_key: secret } }) },
  { mistake: 'that is not there, by an option', variable: 'FORKFS_GS_KEY_FILENAME' },
  { mistake: 'that is no JSON, by an option', variable: 'FORKFS_GS_KEY_FILENAME', text: `${secret} = }{` }
]
