import { FileSystem } from '../../lib/filesystem/filesystem.js'
export interface HttpOptions { readonly endpoint?: string | undefined }
export abstract class HttpFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['http', 'https']
}
