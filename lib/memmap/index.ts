import { registerReviver } from '../registry/revive.js'
import { reviveSharedArray } from '../resources/segments/index.js'

export { allocate, share } from './share.js'
export type { AllocateOptions, ShareOptions } from './share.js'
export { hasShareableMemory } from '../resources/segments/index.js'
export type { Carrier, NumericArray, SharedArray, SharingMode } from '../resources/segments/index.js'

registerReviver('shared-array', body => reviveSharedArray(body))
