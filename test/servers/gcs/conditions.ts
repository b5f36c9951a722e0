import { namesEtag } from '../ranges.js'
import { GcsError } from './errors.js'
import { noSuchObject, wholeNumber } from './request.js'
import type { GcsRequest } from './request.js'
import type { GcsBucket, GcsObject } from './store.js'

/** The four preconditions of one object, by the names of the JSON API. */
export interface Conditions {
  readonly generationMatch: number | undefined
  readonly generationNotMatch: number | undefined
  readonly metagenerationMatch: number | undefined
  readonly metagenerationNotMatch: number | undefined
}

/** @param prefix `ifSource` for the source of a copy. @throws GcsError 400 for values that are no numbers */
export function conditionsOf (query: URLSearchParams, prefix: 'if' | 'ifSource' = 'if'): Conditions {
  const get = (name: string): number | undefined => wholeNumber(query.get(prefix + name) ?? undefined, prefix + name)
  return {
    generationMatch: get('GenerationMatch'), generationNotMatch: get('GenerationNotMatch'),
    metagenerationMatch: get('MetagenerationMatch'), metagenerationNotMatch: get('MetagenerationNotMatch')
  }
}

/**
 * Conditions of a write on what the name holds now. Without an object the generation is 0 and no metageneration fits.
 * @throws GcsError 412
 */
export function checkWrite (current: Pick<GcsObject, 'generation' | 'metageneration'> | undefined, conditions: Conditions): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions
  const generation = current?.generation ?? 0
  if (generationMatch !== undefined && generationMatch !== generation) throw failed('ifGenerationMatch')
  if (generationNotMatch !== undefined && (generationNotMatch === generation || current === undefined)) throw failed('ifGenerationNotMatch')
  if (metagenerationMatch !== undefined && metagenerationMatch !== current?.metageneration) throw failed('ifMetagenerationMatch')
  if (metagenerationNotMatch !== undefined && (current === undefined || metagenerationNotMatch === current.metageneration)) throw failed('ifMetagenerationNotMatch')
}

/** Conditions of a read. @throws GcsError 412 · 304 */
export function checkRead (object: GcsObject, conditions: Conditions): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions
  if (generationMatch !== undefined && generationMatch !== object.generation) throw failed('ifGenerationMatch')
  if (metagenerationMatch !== undefined && metagenerationMatch !== object.metageneration) throw failed('ifMetagenerationMatch')
  if (generationNotMatch === object.generation || metagenerationNotMatch === object.metageneration) throw new GcsError(304)
}

/** The ETag headers of a read, which say less than generations do. @throws GcsError 412 · 304 */
export function checkEtag (request: GcsRequest, etag: string): void {
  const match = request.call.header('if-match')
  const noneMatch = request.call.header('if-none-match')
  if (match !== undefined && !namesEtag(match, etag)) throw failed('If-Match')
  if (noneMatch !== undefined && namesEtag(noneMatch, etag)) throw new GcsError(304)
}

/** The generation that a request names, or the live one. @throws GcsError 404 */
export function findObject (bucket: GcsBucket, name: string, generation: number | undefined): GcsObject {
  const object = generation === undefined ? bucket.live(name) : bucket.generation(name, generation)
  if (object === undefined) throw noSuchObject(bucket.name, name)
  return object
}

function failed (condition: string): GcsError {
  return new GcsError(412, { location: ['header', condition.startsWith('if') ? 'If-Match' : condition] })
}
