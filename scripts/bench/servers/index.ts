/** The servers of a run: nginx where it is, else our own; each a process of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../places.js'
import { bucket } from '../sizes.js'
import type { Sizes } from '../types.js'

export interface Yardstick {
  readonly endpoint: string
  readonly pid: number
  close (): Promise<void>
}

function closer (child: ChildProcess): () => Promise<void> {
  const exited = new Promise<void>(resolve => { child.once('exit', () => resolve()).once('error', () => resolve()) })
  const killWithUs = (): void => { child.kill('SIGKILL') }
  process.once('exit', killWithUs)
  return async () => {
    child.kill('SIGKILL')
    await exited
    process.removeListener('exit', killWithUs)
  }
}

/** Our own server: see fixed.child.ts. */
export async function startFixed (sizes: Sizes, delayMs = 0): Promise<Yardstick> {
  const program = fileURLToPath(new URL('./fixed.child.js', import.meta.url))
  const child = spawn(process.execPath, [program, JSON.stringify({ sizes, delayMs })], { stdio: ['pipe', 'pipe', 'inherit'] })
  const close = closer(child)
  const lines = createInterface(child.stdout)
  const ended = once(child, 'exit').then(() => { throw new Error('Expected the server to listen, it ended') })
  try {
    const [port] = await Promise.race([once(lines, 'line') as Promise<[string]>, ended])
    ended.catch(() => {}) // it ends when it is told to
    return { endpoint: `http://127.0.0.1:${port}`, pid: child.pid!, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** nginx with one process over the files of `folder`; undefined where there is none. */
export async function startNginx (folder: string): Promise<Yardstick | undefined> {
  const binary = findProgram('nginx')
  if (binary === undefined) return undefined
  const port = await freePort()
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(folder, port))
  const child = spawn(binary, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'nginx.log')], { stdio: 'ignore' })
  const close = closer(child)
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt++) {
    if (await accepts(port)) return { endpoint: `http://127.0.0.1:${port}`, pid: child.pid!, close }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  await close()
  throw new Error(`Expected nginx to listen on port ${port}; see its log in ${folder}`)
}

/** Path-style objects and prepared listing pages; signatures are not looked at. */
function nginxConfig (folder: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/tmp_${name};`).join(' ')
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log error;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nodelay on; ${temporary}
  keepalive_timeout 600s; keepalive_requests 1000000000; open_file_cache max=20000 inactive=600s; open_file_cache_valid 600s;
  default_type binary/octet-stream; types { application/xml xml; }
  map $args $page { default ""; "~continuation-token=(?<token>page[0-9]+)" "/pages/$token.xml"; "~list-type=2" "/pages/page0.xml"; }
  server {
    listen 127.0.0.1:${port} backlog=1024; root ${folder};
    location = /${bucket} { if ($page) { rewrite ^ $page last; } return 200; }
    location = /${bucket}/ { if ($page) { rewrite ^ $page last; } return 200; }
    location /pages/ { internal; }
    location /${bucket}/ { }
    location / { return 404; }
  }
}
`
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}

function accepts (port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => { resolve(false) })
  })
}
