/** One measurement: argv[2] is the job; one line of JSON comes out. */
import { findCase } from './cases/index.js'
import { accessKeyId, secretAccessKey } from './subjects.js'
import type { Job } from './types.js'

// Workers find the keys here, as they would in production: instances travel without them.
process.env['AWS_ACCESS_KEY_ID'] = accessKeyId
process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey

const job = JSON.parse(process.argv[2]!) as Job
const sample = await findCase(job.case).measure(job.subject, job.stage)
process.stdout.write(`${JSON.stringify(sample)}\n`, () => { process.exit() })
