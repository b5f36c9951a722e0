import type { ErrorCode } from '../../../lib/index.js'
import { secret } from './rows.js'

/** What the files and the environment of AWS hold; `subjects` are what the message has to contain. `%` stands for the folder of the files. */
export interface AwsRow {
  readonly mistake: string
  readonly config?: string
  readonly credentials?: string
  readonly env?: Readonly<Record<string, string>>
  readonly code: ErrorCode
  readonly subjects: readonly string[]
}

const pair = `aws_access_key_id = AKID\naws_secret_access_key = ${secret}\n`
const files = ['%/config', '%/credentials']

export const awsRows: readonly AwsRow[] = [
  { mistake: 'files that are empty', code: 'FORKFS_CREDENTIALS', subjects: [...files, '\'default\''] },
  { mistake: 'a profile that is not there', config: '[profile a]\nregion = us-east-1\n', credentials: `[a]\n${pair}`, env: { AWS_PROFILE: 'nowhere' }, code: 'FORKFS_CREDENTIALS', subjects: [...files, '\'nowhere\''] },
  { mistake: 'half a pair of keys', credentials: `[default]\naws_secret_access_key = ${secret}\n`, code: 'FORKFS_CREDENTIALS', subjects: files },
  { mistake: 'text that is no such file', config: 'this is }{ no [[[ file', credentials: '\u0000\u0001 = = =', code: 'FORKFS_CREDENTIALS', subjects: files },
  { mistake: 'a program for keys that is not there', config: '[default]\ncredential_process = /none/at/all\n', code: 'FORKFS_CREDENTIALS', subjects: files },
  { mistake: 'a program for keys that prints something else', config: `[default]\ncredential_process = echo ${secret}\n`, code: 'FORKFS_CREDENTIALS', subjects: files },
  { mistake: 'a role that stands on itself', config: '[profile a]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = a\n', env: { AWS_PROFILE: 'a' }, code: 'FORKFS_CREDENTIALS', subjects: ['\'a\''] },
  { mistake: 'a token file that is not there', env: { AWS_WEB_IDENTITY_TOKEN_FILE: '/none/token', AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/x' }, code: 'FORKFS_CREDENTIALS', subjects: ['/none/token'] },
  { mistake: 'a region that is none', config: '[default]\nregion = a/b\n', credentials: `[default]\n${pair}`, env: { AWS_REGION: '' }, code: 'FORKFS_CONFIG', subjects: ['region', ...files] },
  { mistake: 'an endpoint that is none', config: '[default]\nregion = us-east-1\nendpoint_url = nonsense\n', credentials: `[default]\n${pair}`, env: { AWS_ENDPOINT_URL: '' }, code: 'FORKFS_CONFIG', subjects: ['endpoint', ...files] }
]
