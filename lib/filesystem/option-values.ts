/** Readers of single option values, for what becomes of options together with the environment. */
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export type Environment = Readonly<Record<string, string | undefined>>

/** An empty variable of the environment counts as not set. */
export function filled (value: string | undefined): string | undefined { return value === undefined || value === '' ? undefined : value }

export function text (name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`Expected \`${name}\` to be a non-empty string, got a value of type ${typeof value}`)
  return value
}

export function optional (name: string, value: unknown): string | undefined { return value === undefined ? undefined : text(name, value) }

export function flag (name: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`Expected \`${name}\` to be a boolean, got a value of type ${typeof value}`)
  return value
}

/** A file URL, or the bare name of a package. Relative paths are made absolute here, so that they mean the same elsewhere. */
export function moduleUrl (name: string, module: string | URL): string {
  const given = module instanceof URL ? module.href : text(name, module)
  if (/^file:/i.test(given)) return new URL(given).href
  if (isAbsolute(given) || /^\.{1,2}[\\/]/.test(given)) return pathToFileURL(resolve(given)).href
  if (/^(?:@[\w.~-]+\/)?[A-Za-z0-9][\w.~-]*(?:\/[\w.~/-]+)?$/.test(given)) return given
  throw new TypeError(`Expected \`${name}\` to be a file URL, a path or the name of a package`)
}

/** Whether a URL's host is this machine. */
export function isLoopback (url: string | undefined): boolean {
  return url !== undefined && /^https?:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/.test(url)
}
