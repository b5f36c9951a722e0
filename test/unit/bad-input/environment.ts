import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filesystem, resetForFork } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { secret } from './rows.js'
import type { Place, Row } from './rows.js'

/** Run with these variables, in an epoch that reads them. */
export async function within (variables: Readonly<Record<string, string>>, call: () => unknown): Promise<unknown> {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  resetForFork()
  try {
    return await call()
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
    resetForFork()
  }
}

type Protocol = 's3' | 'gs' | 'http' | 'file' | 'memory'
const make = (protocol: Protocol) => (): FileSystem => filesystem(protocol as string) as FileSystem

export const variable = (protocol: Protocol, name: string, value: string, error: Row[2] = 'FORKFS_CONFIG', subject = name): Row =>
  [`${name}=${value}`, subject, error, () => within({ [name]: value }, make(protocol))]

/** FORKFS_CONFIG names a file with this text; the message names that file. */
const file = (mistake: string, text: string, subject = 'bad.json'): Row => [`FORKFS_CONFIG whose file ${mistake}`, subject, 'FORKFS_CONFIG', async ({ folder }: Place) => {
  const path = join(folder, 'bad.json')
  await writeFile(path, text)
  return within({ FORKFS_CONFIG: path }, make('s3'))
}]

const keys = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: secret }
const aws = (variables: Readonly<Record<string, string>>, subject: string, error: Row[2] = 'FORKFS_CONFIG'): Row =>
  [Object.entries(variables).map(([name, value]) => `${name}=${value}`).join(' '), subject, error, () => within(variables, make('s3'))]

export const environment: readonly Row[] = [
  variable('s3', 'FORKFS_S3_TIMEOUT_MS', 'soon'),
  variable('s3', 'FORKFS_S3_MAX_CONCURRENCY', '0'),
  variable('s3', 'FORKFS_S3_REGOIN', 'eu-west-1'),
  variable('s3', 'FORKFS_S3_REGION', 'a/b'),
  variable('s3', 'FORKFS_S3_ENDPOINT', 'ftp://x'),
  variable('s3', 'FORKFS_S3_ENDPOINT', `http://user:${secret}@x`),
  variable('s3', 'FORKFS_S3_CREDENTIALS', secret),
  variable('s3', 'FORKFS_S3_CREDENTIALS', `{"secretAccessKey":"${secret}"}`, 'FORKFS_CREDENTIALS', 'credentials.accessKeyId'),
  variable('s3', 'FORKFS_S3_RETRY', '{"tries":3}'),
  variable('s3', 'FORKFS_S3_LISTINGS', 'true'),
  variable('http', 'FORKFS_HTTP_HEADERS', '["x"]'),
  variable('http', 'FORKFS_HTTPS_BASE_URL', `http://user:${secret}@x`),
  variable('file', 'FORKFS_FILE_AUTO_MKDIR', 'maybe'),
  variable('file', 'FORKFS_LOCAL_AUTO_MKDIR', 'maybe'),
  variable('memory', 'FORKFS_MEMORY_NAME', ''),
  variable('s3', 'FORKFS_CONFIG', '/none/at/all.json', 'FORKFS_CONFIG', '/none/at/all.json'),
  ['FORKFS_CONFIG that is a folder', 'FORKFS_CONFIG', 'FORKFS_CONFIG', ({ folder }) => within({ FORKFS_CONFIG: folder }, make('s3'))],
  file('is no JSON', '{ "s3": '),
  file('is empty', ''),
  file('holds a list', '[]'),
  file('has a section that is no object', '{ "s3": 5 }'),
  file('has an unknown option', '{ "s3": { "regoin": "x" } }'),
  file('names the unknown option', '{ "s3": { "regoin": "x" } }', 'regoin'),
  file('has an option of a wrong kind', '{ "s3": { "timeoutMs": "5" } }', 's3.timeoutMs'),
  file('has a value that only its use refuses', '{ "s3": { "endpoint": "ftp://x" } }'),
  file('has keys that are none', `{ "s3": { "credentials": "${secret}" } }`, 's3.credentials'),
  aws({ AWS_ACCESS_KEY_ID: 'x' }, 'AWS_SECRET_ACCESS_KEY', 'FORKFS_CREDENTIALS'),
  aws({ AWS_SECRET_ACCESS_KEY: secret }, 'AWS_ACCESS_KEY_ID', 'FORKFS_CREDENTIALS'),
  aws({ ...keys, AWS_ENDPOINT_URL: 'nonsense' }, 'AWS_ENDPOINT_URL'),
  aws({ ...keys, AWS_ENDPOINT_URL_S3: `http://user:${secret}@x` }, 'AWS_ENDPOINT_URL_S3'),
  aws({ ...keys, AWS_REGION: 'a/b' }, 'AWS_REGION'),
  aws({ ...keys, AWS_DEFAULT_REGION: 'a b' }, 'AWS_DEFAULT_REGION')
]
