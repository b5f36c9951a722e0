/** Endpoints and regions as texts: checked before anything is sent. */

/** What can stand in a host name; region names that a store sends are held against it before they are used. */
export function isRegion (text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text)
}

/**
 * Check an endpoint and give its canonical text (lower-case host, no trailing slash); a base path stays.
 * @throws TypeError that says what is wrong, without repeating credentials
 */
export function parseEndpoint (endpoint: string): string {
  let url: URL
  try {
    url = new URL(endpoint)
  } catch (error) {
    throw new TypeError('Expected `endpoint` to be a URL such as "https://minio.example:9000"', { cause: error instanceof Error ? error.message : undefined })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`Expected \`endpoint\` to begin with http:// or https://, got \`${url.protocol}\``)
  }
  if (url.username !== '' || url.password !== '') throw new TypeError('Expected `endpoint` to hold no credentials; give them as `credentials`')
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(endpoint)) throw new TypeError('Expected `endpoint` to have neither query nor fragment')
  return url.origin + url.pathname.replace(/\/+$/, '')
}

/** The region that the host name of an AWS endpoint tells; undefined for other stores. */
export function regionOfEndpoint (endpoint: string): string | undefined {
  const match = /^https?:\/\/(?:[a-z0-9-]+\.)*s3[.-](?:dualstack\.|fips[.-])?([a-z]{2,}(?:-[a-z]+)+-\d+)(?:\.vpce)?\.amazonaws\.(?:com|com\.cn|eu)(?::\d+)?(?:\/|$)/.exec(endpoint)
  return match?.[1]
}
