/**
 * The entry file of a bundled application's workers, for those of DataLoader and of startWorker alike: name the bundled file in
 * `workerUrl`. Imported anywhere else it does nothing.
 */
import { workersRealm } from '../workers/context.js'
import { workerSideName } from './messages.js'
import { serveLoader } from './worker-side.js'
import '../workers/bootstrap.js'

workersRealm().modules.set(workerSideName, { serveLoader })

export { serveLoader }
