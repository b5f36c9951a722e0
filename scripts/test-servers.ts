/**
 * The suites of S3, GCS and redis on real servers: starts MinIO and fake-gcs-server (built with Go on first use), runs them there, stops
 * both. The suite of redis starts the `redis-server` of the system by itself.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { hasRedisServer } from '../test/capabilities.js'
import { filesOf } from '../test/patterns.js'
import { startServers } from './servers.js'

/** Suites that bring a server of their own, to spoil its answers or to know its keys: nothing in them would meet the real one. And what says the same over undici. */
const alone = /^(configuration|faults-|headers|key-files|listings-cache|loader|many-keys|missing|no-store|owner|renewal|repairs|secrets|transport)/

const suites = ['s3', 'gcs'].flatMap(store => [...filesOf(`dist/test/implementations/${store}/*.test.js`).filter(file => !alone.test(basename(file))), `dist/test/unit/servers/${store}*.test.js`])
if (hasRedisServer) suites.push('dist/test/systems/streams/redis.test.js')
else console.log('redis: left out, there is no redis-server here')

const servers = await startServers()
try {
  const mocha = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', '--parallel', '--jobs', '3', '--timeout', '60000', ...suites], {
    stdio: 'inherit',
    env: { ...process.env, ...Object.fromEntries(servers.flatMap(({ env }) => Object.entries(env))) }
  })
  const [code] = await once(mocha, 'exit') as [number | null]
  process.exitCode = code ?? 1
} finally {
  await Promise.all(servers.map(server => server.close()))
}
