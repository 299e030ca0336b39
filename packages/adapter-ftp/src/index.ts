export { FTPAdapter } from './ftp-adapter.ts'
export { FTPResponse } from './ftp-response.ts'
export type { FTPEntry } from './listing/entry.ts'
export type { FTPAdapterOptions } from './options.ts'
