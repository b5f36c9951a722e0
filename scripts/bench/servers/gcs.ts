/** What Google Cloud Storage answers, of its JSON API: objects, pages of a listing, uploads in one request and in sessions. */
import { crc32c, crc32cText, joinCrc32c } from '../../../lib/net/crc32c.js'
import { bucket, smallBytes, uploadByte } from '../sizes.js'
import type { Stored } from './objects.js'
import type { Head } from './request.js'

export interface Reply { readonly status: string, readonly headers: string, readonly body: string }

const objects = `/storage/v1/b/${bucket}/o`
const generation = '1700000000000001'
const json = 'Content-Type: application/json; charset=UTF-8\r\n'
const itemsPerPage = 1000

function reply (status: string, body: object, headers = json): Reply { return { status, headers, body: JSON.stringify(body) } }

export function isGcs (path: string): boolean { return /^(?:\/download|\/upload)?\/storage\/v1\//.test(path) }

/** `/bucket/key` of a request for an object; undefined for other requests. */
export function objectOf (path: string): string | undefined {
  const start = path.startsWith('/download/') ? '/download'.length : 0
  const end = start + objects.length + 1
  return path.startsWith(objects, start) && path.length > end ? `/${bucket}/${path.slice(end)}` : undefined
}

/** Checksums of contents, computed once each. */
export class Checksums {
  readonly #stored = new Map<Stored, string>()
  readonly #uploads = new Map<number, string>()

  of (stored: Stored): string {
    let known = this.#stored.get(stored)
    if (known === undefined) {
      let crc = 0
      const seen = new Map<string, number>() // contents repeat
      for (const slice of stored.slices(0, stored.length)) {
        const key = `${slice.byteOffset} ${slice.length}`
        const part = seen.get(key) ?? crc32c(slice)
        seen.set(key, part)
        crc = joinCrc32c(crc, part, slice.length)
      }
      known = crc32cText(crc)
      this.#stored.set(stored, known)
    }
    return known
  }

  /** Of so many bytes of what the benchmark uploads. */
  ofUpload (bytes: number): string {
    let known = this.#uploads.get(bytes)
    if (known === undefined) {
      const block = Buffer.alloc(Math.min(bytes, 1024 * 1024), uploadByte)
      const whole = crc32c(block)
      let crc = 0
      for (let at = 0; at < bytes; at += block.length) {
        const length = Math.min(block.length, bytes - at)
        crc = joinCrc32c(crc, length === block.length ? whole : crc32c(block.subarray(0, length)), length)
      }
      known = crc32cText(crc)
      this.#uploads.set(bytes, known)
    }
    return known
  }
}

/** Headers of a media reply. */
export function mediaHeaders (stored: Stored, checksums: Checksums): string {
  return `Content-Type: application/octet-stream\r\nETag: "CAE="\r\nx-goog-generation: ${generation}\r\nx-goog-metageneration: 1\r\nx-goog-storage-class: STANDARD\r\n` +
    `x-goog-stored-content-encoding: identity\r\nx-goog-stored-content-length: ${stored.length}\r\nx-goog-hash: crc32c=${checksums.of(stored)}\r\n`
}

type Resource = Readonly<Record<string, string>>

/** An object as the store tells of it, in its order. */
function resource (name: string, size: number, crc: string, time = '2026-01-01T00:00:00.000Z'): Resource {
  const link = `https://www.googleapis.com/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: link,
    mediaLink: `https://storage.googleapis.com/download${link.slice(26)}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation,
    metageneration: '1',
    contentType: 'application/octet-stream',
    storageClass: 'STANDARD',
    size: String(size),
    md5Hash: 'XrY7u+Ae7tCTyyK7j1rNww==',
    crc32c: crc,
    etag: 'CAE=',
    timeCreated: time,
    updated: time,
    timeStorageClassUpdated: time,
    timeFinalized: time
  }
}

export function describe (name: string, stored: Stored | undefined, checksums: Checksums): Reply {
  if (stored === undefined) return reply('404 Not Found', { error: { code: 404, message: 'No such object' } })
  return reply('200 OK', resource(name, stored.length, checksums.of(stored)))
}

/** Pages of objects.list: all of them are made when a selection of fields is first asked for, so that what is measured is the client. */
export class ListPages {
  readonly #keys: number
  readonly #made = new Map<string, readonly string[]>()

  constructor (keys: number) { this.#keys = keys }

  page ({ query }: Head): Reply {
    const page = Number(/^page(\d+)$/.exec(query.get('pageToken') ?? 'page0')?.[1])
    const body = this.#pages(query.get('fields') ?? '', query.get('prettyPrint') !== 'false')[page]
    return body === undefined ? reply('400 Bad Request', { error: { code: 400, message: 'Invalid page token' } }) : { status: '200 OK', headers: json, body }
  }

  #pages (fields: string, indented: boolean): readonly string[] {
    const wanted = `${indented ? 'indented' : 'plain'} ${fields}`
    let pages = this.#made.get(wanted)
    if (pages === undefined) {
      const names = /items\(([^)]*)\)/.exec(fields)?.[1]?.split(',')
      pages = Array.from({ length: Math.ceil(this.#keys / itemsPerPage) }, (_, page) => this.#page(page, names, indented))
      this.#made.set(wanted, pages)
    }
    return pages
  }

  #page (page: number, names: readonly string[] | undefined, indented: boolean): string {
    const first = page * itemsPerPage
    const items = Array.from({ length: Math.min(itemsPerPage, this.#keys - first) }, (_, index) => item(first + index, names))
    const next = first + items.length < this.#keys ? { nextPageToken: `page${page + 1}` } : {}
    // Indented unless it is told otherwise, as the store does.
    return JSON.stringify({ ...(names === undefined ? { kind: 'storage#objects' } : {}), ...next, items }, undefined, indented ? 2 : 0)
  }
}

function item (number: number, names: readonly string[] | undefined): Resource {
  const name = `training/shard-${String(Math.floor(number / 500)).padStart(6, '0')}/sample-${String(number).padStart(12, '0')}.jpeg`
  const whole = resource(name, 1000 + number % 100_000, 'AAAAAA==', new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString())
  return names === undefined ? whole : Object.fromEntries(names.flatMap(field => whole[field] === undefined ? [] : [[field, whole[field]]]))
}

/** Uploads are counted and forgotten: whatever is inserted in one request is a small object, and a session's requests tell their place themselves. */
export function takeInsert ({ method, path, query, contentRange, host }: Head, bodyBytes: number, checksums: Checksums): Reply {
  const name = query.get('name') ?? 'object'
  const made = (size: number): Reply => reply('200 OK', resource(name, size, checksums.ofUpload(size)))
  if (method === 'POST') {
    if (query.get('uploadType') === 'resumable') {
      return reply('200 OK', {}, `${json}Location: http://${host}${path}?uploadType=resumable&name=${encodeURIComponent(name)}&upload_id=1\r\n`)
    }
    return bodyBytes < smallBytes ? reply('400 Bad Request', { error: { code: 400, message: 'Too short' } }) : made(smallBytes)
  }
  const [, start, last, total] = /^bytes (\d+)-(\d+|\*)\/(\d+|\*)$/.exec(contentRange ?? 'bytes 0-*/*') ?? []
  if (start === undefined || last === undefined) return reply('400 Bad Request', { error: { code: 400, message: 'Invalid Content-Range' } })
  const end = Number(start) + bodyBytes
  if (last === '*' || total === String(end)) return made(end)
  return { status: '308 Resume Incomplete', headers: `Range: bytes=0-${end - 1}\r\nX-Range-MD5: 0\r\n`, body: '' }
}
