import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromNodeError, FsError, isNodeError, isRecord } from '../errors/index.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import { configuredOptions } from '../registry/config.js'
import { loadImplementation } from '../registry/protocols.js'

/** What the file of s3cmd says of the store. */
interface S3Cfg { readonly endpoint?: string, readonly credentials?: { readonly accessKeyId: string, readonly secretAccessKey: string } }

/** Where s3cmd keeps its file. */
function candidates (): string[] {
  const home = process.getBuiltinModule('node:os').homedir()
  const known = [join(home, '.s3cfg')]
  if (process.platform === 'win32') known.push(join(home, 'AppData', 'Roaming', 's3cmd.ini'))
  return known
}

/**
 * Options of s3 with what a .s3cfg adds, setting by setting: a file that is named fills in what neither the call nor configure() gives; one that is only found
 * fills in what the environment does not give either.
 * @throws FsError FORKFS_CONFIG (a named file is missing, there is no [default]), FORKFS_CREDENTIALS (half a pair of keys), EACCES
 */
export async function s3Defaults (options: UrlOptions, file: string | false | undefined): Promise<UrlOptions> {
  const given: unknown = options.s3
  if (file === false || (given !== undefined && !isRecord(given))) return options
  const known: Readonly<Record<string, unknown>> = { ...configuredOptions(await loadImplementation('s3')), ...given }
  const fromEnvironment = file === undefined
  const wanted = {
    credentials: !said(known, 'credentials', 'credentialsModule', 'profile') && !(fromEnvironment && inEnvironment('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE')),
    endpoint: !said(known, 'endpoint') && !(fromEnvironment && inEnvironment('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'))
  }
  if (!wanted.credentials && (file === undefined || !wanted.endpoint)) return options // keys from elsewhere are not sent to a host that was only found
  const found = await read(file)
  if (found === undefined) return options
  const more: Record<string, unknown> = {}
  if (wanted.credentials && found.credentials !== undefined) more['credentials'] = found.credentials
  if (wanted.endpoint && found.endpoint !== undefined) more['endpoint'] = found.endpoint
  return { ...options, s3: { ...given as object, ...more } }
}

function said (options: Readonly<Record<string, unknown>>, ...names: readonly string[]): boolean { return names.some(name => options[name] !== undefined) }

function inEnvironment (...names: readonly string[]): boolean { return names.some(name => (process.env[name] ?? '') !== '') }

async function read (named: string | undefined): Promise<S3Cfg | undefined> {
  for (const path of named === undefined ? candidates() : [named]) {
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if (!isNodeError(error) || error.code !== 'ENOENT') throw fromNodeError(error, { operation: 'openStream', path })
      if (named === undefined) continue
      throw new FsError('FORKFS_CONFIG', 'there is no such configuration file', { operation: 'openStream', path, cause: error })
    }
    return parse(text, path)
  }
  return undefined
}

function parse (text: string, path: string): S3Cfg {
  const settings = defaultSection(text)
  if (settings === undefined) throw new FsError('FORKFS_CONFIG', 'the file has no section [default]', { operation: 'openStream', path })
  const accessKeyId = settings.get('access_key') ?? ''
  const secretAccessKey = settings.get('secret_key') ?? ''
  if ((accessKeyId === '') !== (secretAccessKey === '')) {
    throw new FsError('FORKFS_CREDENTIALS', `${accessKeyId === '' ? 'access_key' : 'secret_key'} is missing beside the other half of the pair`, { operation: 'openStream', path })
  }
  const base = settings.get('host_base') ?? ''
  const host = /^s3\.amazonaws\.com$/i.test(base) ? '' : base // what s3cmd writes where nobody said: the region's own endpoint is better
  const scheme = /^(false|no|off|0)$/i.test(settings.get('use_https') ?? '') ? 'http' : 'https'
  return {
    ...(host === '' ? {} : { endpoint: host.includes('://') ? host : `${scheme}://${host}` }),
    ...(accessKeyId === '' ? {} : { credentials: { accessKeyId, secretAccessKey } })
  }
}

/** Names and values of [default], undefined where there is no such section. Comments are lines of their own, as s3cmd writes them. */
function defaultSection (text: string): Map<string, string> | undefined {
  let section: Map<string, string> | undefined
  let inside = false
  for (const line of text.split(/\r?\n/).map(raw => raw.trim())) {
    const header = /^\[(.*)\]$/.exec(line)
    if (header !== null) {
      inside = header[1]!.trim() === 'default'
      if (inside) section ??= new Map()
    } else if (inside && line !== '' && !line.startsWith('#') && !line.startsWith(';')) {
      const [, name, value] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? []
      if (name !== undefined) section?.set(name.toLowerCase(), value!)
    }
  }
  return section
}
