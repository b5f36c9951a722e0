/** The S3 and GCS suites on real servers: starts MinIO and fake-gcs-server (built with Go on first use), runs them there, stops both. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startServers } from './servers.js'

const suites = ['s3', 'gcs'].flatMap(store => [`dist/test/implementations/${store}/*.test.js`, `dist/test/unit/servers/${store}*.test.js`])

const servers = await startServers()
try {
  const mocha = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', '--parallel', '--jobs', '2', '--timeout', '60000', ...suites], {
    stdio: 'inherit',
    env: { ...process.env, ...Object.fromEntries(servers.flatMap(({ env }) => Object.entries(env))) }
  })
  const [code] = await once(mocha, 'exit') as [number | null]
  process.exitCode = code ?? 1
} finally {
  await Promise.all(servers.map(server => server.close()))
}
