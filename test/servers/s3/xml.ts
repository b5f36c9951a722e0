import { S3Error } from './errors.js'

/** An element: its text, or its children in order. */
export interface XmlNode {
  readonly name: string
  readonly text: string
  readonly children: readonly XmlNode[]
}

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'
export const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** Elements to write: names with a value, left out where it is undefined; a list repeats the name. */
export type XmlContent = readonly (readonly [name: string, value: string | number | boolean | XmlContent | undefined])[]

/** A document with S3's namespace. */
export function xmlDocument (root: string, content: XmlContent | string): string {
  return `${declaration}<${root} xmlns="${namespace}">${typeof content === 'string' ? escapeXml(content) : xmlElements(content)}</${root}>`
}

export function xmlElements (content: XmlContent): string {
  let out = ''
  for (const [name, value] of content) {
    if (value === undefined) continue
    out += `<${name}>${typeof value === 'object' ? xmlElements(value) : typeof value === 'string' ? escapeXml(value) : value}</${name}>`
  }
  return out
}

const special = /[&<>"\r\n\t\u0000-\u001f\u007f\ufffe\uffff]/g
const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Control characters become references, as S3 writes them: XML 1.0 forbids them, which is why clients ask for `encoding-type=url`. */
export function escapeXml (text: string): string {
  return text.replace(special, char => names[char] ?? `&#x${char.charCodeAt(0).toString(16)};`)
}

/**
 * Read a request document: elements and text, no document types. Cost is linear in the text.
 * @throws S3Error MalformedXML
 */
export function parseXml (source: string): XmlNode {
  const tokens = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z_][\w.:-]*)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|([^<]+)/gy
  const root = { name: '', text: '', children: [] as Building[] }
  const open: Building[] = [root]
  for (let match = tokens.exec(source); match !== null; match = tokens.exec(source)) {
    const [, closing, name, , empty, text] = match
    const top = open.at(-1)!
    if (text !== undefined) top.text += text
    else if (name === undefined) continue
    else if (closing === '/') {
      if (open.length < 2 || top.name !== name) throw new S3Error('MalformedXML')
      top.text = unescapeXml(top.text)
      open.pop()
    } else {
      const node: Building = { name, text: '', children: [] }
      top.children.push(node)
      if (empty !== '/') open.push(node)
    }
    if (tokens.lastIndex === source.length) break
  }
  if (open.length !== 1 || root.children.length !== 1 || root.text.trim() !== '') throw new S3Error('MalformedXML')
  return root.children[0]!
}

interface Building {
  name: string
  text: string
  children: Building[]
}

/** The text of the first child with that name. */
export function childText (node: XmlNode, name: string): string | undefined {
  return node.children.find(child => child.name === name)?.text
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'' }

function unescapeXml (text: string): string {
  return text.replace(/&([^;]*);/g, (_, name: string) => {
    const code = /^#x([0-9a-f]{1,6})$/i.exec(name)?.[1]
    const decimal = /^#([0-9]{1,7})$/.exec(name)?.[1]
    const point = code !== undefined ? parseInt(code, 16) : decimal !== undefined ? parseInt(decimal, 10) : undefined
    const known = point === undefined ? entities[name] : point <= 0x10ffff ? String.fromCodePoint(point) : undefined
    if (known === undefined) throw new S3Error('MalformedXML')
    return known
  })
}
