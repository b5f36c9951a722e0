/** Keys that something on the way likes to change. */
export const oddKeys: readonly string[] = [
  'a b', 'a+b', 'a&b=c', 'a?b', 'a#b', 'a%b', 'a%41', 'a%2Fb', 'a%', '~a', 'a\'b', 'a"b', 'a<b>c', 'a;b', 'a:b@c', 'a,b', 'a!b', 'a(b)*', '$a', 'a=b', 'a[b]{c}|^`',
  'caf\u00e9', 'cafe\u0301', '\u{1f600}', '\u65e5\u672c\u8a9e/\u30d5\u30a1\u30a4\u30eb', '\u00ff\u0100', 'a\u200bb', ' leading', 'trailing ', '.hidden', '...', 'a..b', 'a.', 'k'.repeat(200)
]

/** Keys that S3 takes and stores on file systems refuse. */
export const wildKeys: readonly string[] = [
  '/leading', '//two', 'a//b', 'a/./b', 'a/../b', '.', '..', './a', '../a', 'a/..', 'a\\b', '\u0001', 'a\tb', 'a\nb', 'a\r\nb', '\ufffe',
  'k'.repeat(1024), '\u00e9'.repeat(512)
]
