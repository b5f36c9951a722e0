/** The faults of the table: what a network, a proxy or a store can do to one exchange. */
import type { FaultAction } from '../servers/index.js'
import type { Fault, Stage, StoreName, WireRequest } from './types.js'

const any = (): boolean => true
const hasBody = ({ answer }: WireRequest): boolean => answer === 'content' || answer === 'document'
const ranged = ({ answer, ranged }: WireRequest): boolean => answer === 'content' && ranged
const documents = ({ answer }: WireRequest): boolean => answer === 'document'

/** Whatever the store is. */
const common: readonly Fault[] = [
  { stage: 'connect', name: 'no server listens', unknowing: true, action: 'refused', fits: any },
  { stage: 'connect', name: 'the connection is accepted and never read', unknowing: true, action: { type: 'stall', at: 'connect' }, clock: 'idle', fits: any },
  { stage: 'connect', name: 'reset when the request comes', action: { type: 'reset', of: 'request' }, fits: any },
  { stage: 'head', name: 'no answer', core: true, action: { type: 'stall', at: 'headers' }, clock: 'idle', fits: any },
  { stage: 'head', name: 'reset before the answer', core: true, action: { type: 'reset' }, fits: any },
  { stage: 'head', name: 'connection closed before the answer', action: { type: 'cut' }, fits: any },
  { stage: 'head', name: 'status 500', action: { type: 'status', status: 500 }, fits: any },
  { stage: 'head', name: 'status 503, Retry-After: 3600', core: true, action: { type: 'status', status: 503, code: 'ServiceUnavailable', headers: { 'Retry-After': '3600' } }, fits: any },
  { stage: 'head', name: 'status 429 (throttling)', action: { type: 'status', status: 429, code: 'SlowDown' }, fits: any },
  { stage: 'head', name: '2,000 header lines', action: { type: 'headerFlood' }, fits: any },
  { stage: 'head', name: 'header lines without an end', action: { type: 'slowHead' }, clock: 'idle', fits: any },
  { stage: 'head', name: 'interim answers (103), then the answer', action: { type: 'interim', count: 3 }, fits: any },
  { stage: 'head', name: 'interim answers (103) without an end', action: { type: 'interim', count: Infinity }, clock: 'idle', fits: any },
  { stage: 'head', name: 'not HTTP', action: { type: 'noHttp' }, fits: any },
  { stage: 'head', name: 'HTTP/1.0 with a length', action: { type: 'http10', length: true }, fits: any },
  { stage: 'head', name: 'HTTP/1.0 without a length', action: { type: 'http10' }, fits: hasBody },
  { stage: 'head', name: 'another ETag each time', action: { type: 'changeEtag' }, fits: ({ answer }, store) => answer !== 'document' && store !== 'gs' },
  { stage: 'body', name: 'silence within the body', core: true, action: { type: 'stall', at: 'body', afterBytes: 1 }, clock: 'idle', fits: hasBody },
  { stage: 'body', name: 'reset within the body', action: { type: 'reset', afterBytes: 1 }, fits: hasBody },
  { stage: 'body', name: 'body cut short', core: true, action: { type: 'cut', afterBytes: 1 }, fits: hasBody },
  { stage: 'body', name: 'chunks cut short', action: [{ type: 'chunked' }, { type: 'cut', afterBytes: 1 }], fits: hasBody },
  { stage: 'body', name: 'Content-Length too large', action: { type: 'wrongLength', by: 5 }, fits: hasBody },
  { stage: 'body', name: 'Content-Length too small', action: { type: 'wrongLength', by: -5 }, fits: request => ranged(request) || documents(request) },
  { stage: 'body', name: 'wrong Content-Range', action: { type: 'wrongContentRange' }, fits: ranged },
  { stage: 'body', name: 'no Content-Range', action: { type: 'noContentRange' }, fits: ranged },
  { stage: 'body', name: 'the range is ignored', action: { type: 'ignoreRange' }, fits: ranged },
  { stage: 'body', name: 'compressed unasked', action: { type: 'gzip' }, fits: hasBody },
  { stage: 'body', name: 'in chunks', action: { type: 'chunked' }, fits: hasBody },
  { stage: 'body', name: 'slow, within the deadline', slow: true, action: { type: 'trickle', bytesPerTick: 100, tickMs: 5 }, fits: hasBody }
]

/** Status 200 and words for people, in the place of what was asked for. */
const page: readonly FaultAction[] = [{ type: 'status', status: 200 }, { type: 'garbage', text: '<html>Log in</html>' }, { type: 'header', name: 'Content-Type', value: 'text/html' }]

const ofS3: readonly Fault[] = [
  { stage: 'head', name: 'status 301 to another region', action: { type: 'redirect', region: 'eu-north-1' }, fits: any },
  { stage: 'head', name: 'status 307 to another host', action: { type: 'redirect', to: 'http://127.0.0.1:1/elsewhere' }, fits: any },
  { stage: 'head', name: 'RequestTimeTooSkewed', action: { type: 'clockSkew', ms: 3_600_000 }, fits: any },
  { stage: 'body', name: 'an error inside status 200', action: { type: 'errorInside', code: 'InternalError' }, fits: documents },
  { stage: 'body', name: 'noise instead of XML', action: { type: 'garbage' }, fits: documents },
  { stage: 'body', name: 'half a document', action: { type: 'garbage', text: '<?xml version="1.0"?><ListBucketResult><Contents><Key>a</Key>' }, fits: documents },
  { stage: 'body', name: 'a page of a proxy (200)', action: [...page, { type: 'header', name: 'ETag' }], fits: ({ answer }) => answer !== 'head' },
  { stage: 'body', name: 'XML with entities', action: { type: 'entities' }, fits: documents },
  { stage: 'body', name: 'slower than the deadline', action: { type: 'trickle', bytesPerTick: 2, tickMs: 50 }, clock: 'deadline', fits: hasBody }
]

const sends = (operation: string) => (request: WireRequest): boolean => request.operation === operation

const ofGcs: readonly Fault[] = [
  { stage: 'head', name: 'status 308 to another host', action: { type: 'redirect', status: 308, to: 'http://127.0.0.1:1/elsewhere' }, final: true, fits: any },
  { stage: 'head', name: 'status 401', action: { type: 'status', status: 401 }, final: true, fits: any },
  { stage: 'head', name: 'status 403 (a quota)', action: { type: 'status', status: 403, code: 'userRateLimitExceeded' }, fits: any },
  { stage: 'head', name: 'a page of a proxy (502)', action: [{ type: 'status', status: 502 }, { type: 'garbage', text: '<html>Bad gateway</html>' }, { type: 'header', name: 'Content-Type', value: 'text/html' }], fits: any },
  { stage: 'head', name: 'another generation than the live one', action: { type: 'header', name: 'x-goog-generation', value: '7' }, fits: ({ answer }) => answer === 'content' },
  { stage: 'head', name: 'no generation', action: { type: 'header', name: 'x-goog-generation' }, fits: ({ answer }) => answer === 'content' },
  { stage: 'head', name: 'a session without a place', action: { type: 'header', name: 'Location' }, fits: sends('uploads.start') },
  { stage: 'head', name: 'the session is forgotten (410)', action: { type: 'loseSession', status: 410 }, fits: sends('uploads.put') },
  { stage: 'head', name: 'the session was cancelled (499)', action: { type: 'status', status: 499 }, fits: sends('uploads.put') },
  { stage: 'head', name: 'nothing of what was sent is stored', action: { type: 'persist', bytes: 0 }, fits: sends('uploads.put') },
  { stage: 'head', name: 'more is confirmed than was sent', action: { type: 'header', name: 'Range', value: 'bytes=0-99999999' }, fits: ({ label }) => label === 'uploads.query' },
  { stage: 'body', name: 'a byte that is another one', action: { type: 'flipByte', at: 30 }, fits: ({ answer, ranged }) => answer === 'content' && !ranged },
  { stage: 'body', name: 'an error inside status 200', action: { type: 'errorInside', code: 'backendError' }, fits: documents },
  { stage: 'body', name: 'noise instead of JSON', action: { type: 'garbage' }, fits: documents },
  { stage: 'body', name: 'half a document', action: { type: 'garbage', text: '{"kind":"storage#objects","items":[{"name":"a"' }, fits: documents },
  { stage: 'body', name: 'a page of a proxy (200)', action: [...page, { type: 'header', name: 'x-goog-generation' }], fits: any },
  { stage: 'body', name: 'slower than the deadline', action: { type: 'trickle', bytesPerTick: 1, tickMs: 50 }, clock: 'deadline', fits: hasBody }
]

const ofHttp: readonly Fault[] = [
  { stage: 'body', name: 'slower than the deadline', action: { type: 'trickle', bytesPerTick: 30, tickMs: 50 }, clock: 'deadline', fits: hasBody },
  { stage: 'head', name: 'a redirect to nowhere', action: { type: 'redirect', to: '' }, fits: any },
  { stage: 'head', name: 'a redirect in a circle', action: { type: 'redirect', to: '?again' }, fits: any },
  { stage: 'head', name: 'a redirect to another host, where nobody listens', action: { type: 'redirect', to: 'http://127.0.0.1:1/elsewhere' }, fits: any },
  { stage: 'head', name: 'a redirect to another protocol', action: { type: 'redirect', to: 'ftp://127.0.0.1/elsewhere' }, fits: any }
]

const stages: readonly Stage[] = ['connect', 'head', 'body']
const sorted = (faults: readonly Fault[]): readonly Fault[] => [...faults].sort((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage))

export const faultsOf: Readonly<Record<StoreName, readonly Fault[]>> = {
  s3: sorted([...common, ...ofS3]), gs: sorted([...common, ...ofGcs]), http: sorted([...common, ...ofHttp]), 'http without ranges': sorted([...common, ...ofHttp])
}
