/**
 * The suites of S3, GCS and redis on real servers: starts MinIO and fake-gcs-server (built with Go on first use), runs them there, stops
 * both. The suite of redis starts the `redis-server` of the system by itself.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hasRedisServer } from '../test/capabilities.js'
import { startServers } from './servers.js'

const suites = ['s3', 'gcs'].flatMap(store => [`dist/test/implementations/${store}/*.test.js`, `dist/test/unit/servers/${store}*.test.js`])
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
