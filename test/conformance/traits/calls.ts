import type { FileSystem, Verb } from '../../../lib/index.js'
import type { Capability } from '../types.js'

/** One call of a verb: where it works `path` is a file and `fresh` a name that is free. */
export interface VerbCall {
  readonly name: string
  readonly needs: readonly Capability[]
  readonly call: (fs: FileSystem, path: string, fresh: string, verb: Verb) => Promise<unknown>
}

async function drain (iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const item of iterable) void item
}

const reading: ReadonlyArray<readonly [name: string, call: VerbCall['call']]> = [
  ['ls', (fs, path, _fresh, verb) => fs.ls(path, verb)],
  ['list', (fs, path, _fresh, verb) => drain(fs.list(path, verb))],
  ['info', (fs, path, _fresh, verb) => fs.info(path, verb)],
  ['exists', (fs, path, _fresh, verb) => fs.exists(path, verb)],
  ['isFile', (fs, path, _fresh, verb) => fs.isFile(path, verb)],
  ['isDirectory', (fs, path, _fresh, verb) => fs.isDirectory(path, verb)],
  ['size', (fs, path, _fresh, verb) => fs.size(path, verb)],
  ['walk', (fs, path, _fresh, verb) => drain(fs.walk(path, verb))],
  ['find', (fs, path, _fresh, verb) => fs.find(path, verb)],
  ['glob', (fs, path, _fresh, verb) => fs.glob(`${path}*`, verb)],
  ['du', (fs, path, _fresh, verb) => fs.du(path, verb)],
  ['expandPath', (fs, path, _fresh, verb) => fs.expandPath(path, { ...verb, recursive: true })],
  ['catFile', (fs, path, _fresh, verb) => fs.catFile(path, verb)],
  ['cat', (fs, path, _fresh, verb) => fs.cat([path], verb)],
  ['catRanges', (fs, path, _fresh, verb) => fs.catRanges([{ path, start: 0, end: 1 }], verb)],
  ['readText', (fs, path, _fresh, verb) => fs.readText(path, verb)],
  ['head', (fs, path, _fresh, verb) => fs.head(path, 1, verb)],
  ['tail', (fs, path, _fresh, verb) => fs.tail(path, 1, verb)],
  ['readBlock', (fs, path, _fresh, verb) => fs.readBlock(path, 0, 1, verb)],
  ['checksum', (fs, path, _fresh, verb) => fs.checksum(path, verb)],
  ['open', (fs, path, _fresh, verb) => fs.withFile(path, 'r', file => file.readFile(), verb)],
  ['createReadStream', (fs, path, _fresh, verb) => drain(fs.createReadStream(path, verb))],
  ['readable', (fs, path, _fresh, verb) => drain(fs.readable(path, verb))]
]

const writing: ReadonlyArray<readonly [name: string, call: VerbCall['call']]> = [
  ['pipeFile', (fs, path, _fresh, verb) => fs.pipeFile(path, 'written', verb)],
  ['pipe', (fs, path, fresh, verb) => fs.pipe({ [path]: 'written', [fresh]: 'written' }, verb)],
  ['writeText', (fs, path, _fresh, verb) => fs.writeText(path, 'written', verb)],
  ['touch', (fs, path, _fresh, verb) => fs.touch(path, verb)],
  ['cp', (fs, path, fresh, verb) => fs.cp(path, fresh, verb)],
  ['mv', (fs, path, fresh, verb) => fs.mv(path, fresh, verb)],
  ['rm', (fs, path, _fresh, verb) => fs.rm(path, verb)],
  ['open w', (fs, path, _fresh, verb) => fs.withFile(path, 'w', file => file.write('written'), verb)],
  ['writable', (fs, path, _fresh, verb) => new Response('written').body!.pipeTo(fs.writable(path, verb))],
  ['createWriteStream', (fs, path, _fresh, verb) => new Promise<void>((resolve, reject) => {
    fs.createWriteStream(path, verb).once('error', reject).once('finish', resolve).end('written')
  })]
]

/** Every verb once. `get` and `put`, which need a local place too, have cases of their own. */
export const calls: readonly VerbCall[] = [
  ...reading.map(([name, call]) => ({ name, needs: [], call })),
  ...writing.map(([name, call]) => ({ name, needs: ['write'] as const, call })),
  { name: 'pipeFile wx', needs: ['write', 'exclusiveCreate'], call: (fs, _path, fresh, verb) => fs.pipeFile(fresh, 'written', { ...verb, flag: 'wx' }) },
  { name: 'mkdir', needs: ['write', 'emptyDirectories'], call: (fs, _path, fresh, verb) => fs.mkdir(fresh, verb) },
  { name: 'makedirs', needs: ['write', 'emptyDirectories'], call: (fs, _path, fresh, verb) => fs.makedirs(fresh, verb) },
  { name: 'sign', needs: ['sign'], call: (fs, path, _fresh, verb) => fs.sign(path, verb) }
]

export function possible (fs: FileSystem): VerbCall[] { return calls.filter(({ needs }) => needs.every(name => fs.capabilities[name])) }
