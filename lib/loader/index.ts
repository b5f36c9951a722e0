export { DataLoader } from './loader.js'
export { SampleError } from './readers/sample-error.js'
export type { BytesSample, CustomReader, LoaderOptions, LoaderState, LoaderStats, ReaderContext, TarSample, WorkerStats } from './types.js'
