/**
 * A pull reader for the XML that S3 and its lookalikes answer, and the escaping for what we send. It knows elements, text,
 * references, CDATA, comments and processing instructions; it skips attributes and refuses document types, so that no entity
 * of a reply's own is ever expanded. Whatever is not well-formed as far as it was read is FORKFS_PROTOCOL, never a guess.
 */
import { isUtf8 } from 'node:buffer'
import { FsError } from '../../lib/errors/fs-error.js'

/** Replies of S3 are four levels deep. */
const MAX_DEPTH = 32

const LT = 60, GT = 62, SLASH = 47, BANG = 33, QUESTION = 63

/** The fields of an `<Error>` document, as they came: Code, Message, Region, RequestId, … */
export type ErrorFields = Readonly<Record<string, string>>

/** An `<Error>` stood where a result was expected: stores send it with status 200 when a long operation fails late. */
export class ErrorReply extends Error {
  readonly fields: ErrorFields

  constructor (fields: ErrorFields) {
    super(`the store answered ${fields['Code'] ?? 'an error'}`)
    this.fields = fields
  }

  static { Object.defineProperty(this.prototype, 'name', { value: 'ErrorReply' }) }
}

/** The FORKFS_PROTOCOL error of this room. Nothing of the reply is repeated in it. */
export function malformed (what: string): FsError {
  return new FsError('FORKFS_PROTOCOL', `the store's reply is not the XML that belongs here: ${what}`)
}

/** Text of a reply. Refuses what is not UTF-8: a name with replacement characters would be another name. */
export function decodeReply (bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed('it is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/**
 * Reads forward only: `root()`, then `child()` until it answers undefined, and for each child exactly one of `text()`,
 * `skip()`, or again `child()` until undefined; `end()` last. `source` and `at` are open to scanners that know better.
 */
export class XmlReader {
  readonly source: string
  /** Index of the next character to read. */
  at = 0
  readonly #open: string[] = []
  #empty = false

  constructor (reply: Uint8Array | string) {
    this.source = typeof reply === 'string' ? reply : decodeReply(reply)
  }

  /** The name of the outermost element. */
  root (): string {
    for (;;) {
      const lt = this.#tag()
      if (lt < 0) throw malformed('there is no element')
      if (this.source.charCodeAt(lt + 1) === SLASH) throw malformed('it begins with an end tag')
      return this.#start(lt)
    }
  }

  /** The outermost element has to be this one. @throws ErrorReply where it is `<Error>` */
  expect (name: string): void {
    const root = this.root()
    if (root === name) return
    if (root === 'Error') throw new ErrorReply(this.fields())
    throw malformed(`expected <${name}>, got <${root.slice(0, 40)}>`)
  }

  /** The name of the next element inside the current one; undefined behind the last, which closes the current one. */
  child (): string | undefined {
    if (this.#empty) {
      this.#close()
      return undefined
    }
    const lt = this.#tag()
    if (lt < 0) throw malformed('it is cut off')
    if (this.source.charCodeAt(lt + 1) !== SLASH) return this.#start(lt)
    this.#end(lt)
    return undefined
  }

  /** The text of the element whose name `child()` gave last, with references resolved; closes it. */
  text (): string {
    if (this.#empty) {
      this.#close()
      return ''
    }
    const { source } = this
    let text = ''
    for (;;) {
      const lt = source.indexOf('<', this.at)
      if (lt < 0) throw malformed('it is cut off')
      text += resolve(source.slice(this.at, lt))
      const next = source.charCodeAt(lt + 1)
      if (next === SLASH) {
        this.#end(lt)
        return text
      }
      if (source.startsWith('<![CDATA[', lt)) {
        this.at = this.#behind(']]>', lt + 9)
        text += source.slice(lt + 9, this.at - 3)
      } else if (next === BANG || next === QUESTION) {
        this.#aside(lt)
      } else {
        throw malformed('an element stands where text belongs')
      }
    }
  }

  /** Pass over the element whose name `child()` gave last, with everything in it. */
  skip (): void {
    const depth = this.#open.length
    const { source } = this
    while (this.#open.length >= depth) {
      if (this.#empty) {
        this.#close()
        continue
      }
      const lt = source.indexOf('<', this.at)
      if (lt < 0) throw malformed('it is cut off')
      const next = source.charCodeAt(lt + 1)
      if (next === SLASH) this.#end(lt)
      else if (source.startsWith('<![CDATA[', lt)) this.at = this.#behind(']]>', lt + 9)
      else if (next === BANG || next === QUESTION) this.#aside(lt)
      else this.#start(lt)
    }
  }

  /** The direct children of the current element that hold text only, by name; of repeated ones the first. */
  fields (): ErrorFields {
    const fields = Object.create(null) as Record<string, string>
    for (let name = this.child(); name !== undefined; name = this.child()) {
      const from = this.at
      const next = this.source.indexOf('<', from)
      if (!this.#empty && next >= 0 && this.source.charCodeAt(next + 1) !== SLASH && !this.source.startsWith('<!', next)) this.skip()
      else {
        const text = this.text()
        fields[name] ??= text
      }
    }
    return fields
  }

  /** Nothing but comments and white space may follow the outermost element. */
  end (): void {
    if (this.#open.length > 0) throw malformed('it is cut off')
    if (this.#tag() >= 0) throw malformed('something follows its end')
  }

  /** Where the next start or end tag begins, -1 at the end; between elements only white space and asides may stand. */
  #tag (): number {
    const { source } = this
    for (;;) {
      const lt = source.indexOf('<', this.at)
      const blank = source.slice(this.at, lt < 0 ? source.length : lt)
      if (blank !== '' && /[^ \t\r\n]/.test(blank)) throw malformed('text stands between elements')
      if (lt < 0) {
        this.at = source.length
        return -1
      }
      const next = source.charCodeAt(lt + 1)
      if (next !== BANG && next !== QUESTION) return lt
      this.#aside(lt)
    }
  }

  #start (lt: number): string {
    const { source } = this
    let gt = source.indexOf('>', lt)
    const quote = source.slice(lt, gt < 0 ? source.length : gt).search(/["']/)
    if (quote >= 0) gt = endOfTag(source, lt)
    if (gt < 0) throw malformed('it is cut off')
    this.#empty = source.charCodeAt(gt - 1) === SLASH
    const tag = source.slice(lt + 1, this.#empty ? gt - 1 : gt)
    const name = /^[^\s<>"'=/]+/.exec(tag)?.[0]
    if (name === undefined || !/^(?:\s+[^\s<>"'=]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*$/.test(tag.slice(name.length))) throw malformed('a tag is malformed')
    if (this.#open.length >= MAX_DEPTH) throw malformed('it is nested too deeply')
    this.#open.push(name)
    this.at = gt + 1
    return name
  }

  #end (lt: number): void {
    const name = this.#open.pop()
    const from = lt + 2
    if (name === undefined || !this.source.startsWith(name, from)) throw malformed('an end tag has no start')
    let at = from + name.length
    while (isBlank(this.source.charCodeAt(at))) at++
    if (this.source.charCodeAt(at) !== GT) throw malformed(Number.isNaN(this.source.charCodeAt(at)) ? 'it is cut off' : 'an end tag has no start')
    this.at = at + 1
  }

  #close (): void {
    this.#empty = false
    this.#open.pop()
  }

  /** A comment or processing instruction; what declares anything is refused. */
  #aside (lt: number): void {
    if (this.source.charCodeAt(lt + 1) === QUESTION) this.at = this.#behind('?>', lt + 2)
    else if (this.source.startsWith('<!--', lt)) this.at = this.#behind('-->', lt + 4)
    else if (this.source.startsWith('<![CDATA[', lt)) throw malformed('text stands between elements')
    else throw malformed('document types are refused')
  }

  #behind (mark: string, from: number): number {
    const at = this.source.indexOf(mark, from)
    if (at < 0) throw malformed('it is cut off')
    return at + mark.length
  }
}

// A '>' may stand inside of a quoted attribute.
function endOfTag (source: string, lt: number): number {
  let quote = 0
  for (let i = lt + 1; i < source.length; i++) {
    const code = source.charCodeAt(i)
    if (quote !== 0) {
      if (code === quote) quote = 0
    } else if (code === 34 || code === 39) {
      quote = code
    } else if (code === GT) {
      return i
    } else if (code === LT) {
      return -1
    }
  }
  return -1
}

function isBlank (code: number): boolean { return code === 32 || code === 10 || code === 13 || code === 9 }

const named: Readonly<Record<string, string>> = Object.freeze({ amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'' })

/**
 * Resolve the five named and all numeric references. Control characters are let through though XML 1.0 forbids them: S3 names
 * keys so. @throws FsError FORKFS_PROTOCOL for any other reference
 */
export function resolve (text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6});|#(\d{1,7});|(amp|lt|gt|quot|apos);)?/g, (_, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return named[name]!
    const code = hex !== undefined ? Number.parseInt(hex, 16) : decimal !== undefined ? Number.parseInt(decimal, 10) : -1
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw malformed('a reference is unknown')
    return String.fromCodePoint(code)
  })
}

/** Undo `encoding-type=url`: percent-encoded UTF-8 with a plus sign for a space. */
export function decodeUrl (text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw malformed('a name is not percent-encoded UTF-8')
  }
}

/** Whether XML 1.0 has a way to write the text: control characters other than tab and line ends it has not. */
export function fitsXml (text: string): boolean {
  return !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text) && !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)
}

/**
 * Text for a request body. Line ends and tabs become references, which survive normalisation.
 * @throws FsError FORKFS_NOT_SUPPORTED for what XML 1.0 cannot carry; ask {@link fitsXml} first
 */
export function escapeXml (text: string): string {
  if (!fitsXml(text)) {
    throw new FsError('FORKFS_NOT_SUPPORTED', 'the name holds characters that XML cannot carry; it can only be used in requests of its own', { path: text })
  }
  return text.replace(/[&<>"'\r\n\t]/g, character => escapes[character]!)
}

const escapes: Readonly<Record<string, string>> = Object.freeze({
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&apos;', '\r': '&#13;', '\n': '&#10;', '\t': '&#9;'
})
