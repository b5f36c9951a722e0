/**
 * Split chunks of UTF-8 into lines. LF and CRLF end a line and are left out; a last line without an end counts, an empty
 * one does not. A byte order mark stays. Invalid bytes become U+FFFD. Memory: one chunk and the longest line.
 */
export async function * splitLines (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true })
    let from = 0
    for (let lf = text.indexOf('\n'); lf !== -1; lf = text.indexOf('\n', from)) {
      const line = rest === '' ? text.slice(from, lf) : rest + text.slice(from, lf)
      rest = ''
      from = lf + 1
      yield line.endsWith('\r') ? line.slice(0, -1) : line
    }
    rest += text.slice(from)
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}
