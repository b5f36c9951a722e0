/** The S3 suites on a real server: starts MinIO (built with Go on first use), runs them there, stops it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startMinio } from './servers.js'

const server = await startMinio()
try {
  const mocha = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', '--timeout', '60000', 'dist/test/implementations/s3/*.test.js', 'dist/test/unit/servers/s3*.test.js'], {
    stdio: 'inherit',
    env: { ...process.env, FORKFS_TEST_S3_ENDPOINT: server.endpoint, FORKFS_TEST_S3_ACCESS_KEY: server.accessKeyId, FORKFS_TEST_S3_SECRET_KEY: server.secretAccessKey }
  })
  const [code] = await once(mocha, 'exit') as [number | null]
  process.exitCode = code ?? 1
} finally {
  await server.close()
}
