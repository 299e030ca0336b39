export { CacheAdapter, type CacheAdapterOptions } from './cache/cache-adapter.ts'
export type { CacheStore, StoredResponse } from './cache/cache-store.ts'
export { FileStore, type FileStoreOptions } from './cache/file-store.ts'
export { MemoryStore, type MemoryStoreOptions } from './cache/memory-store.ts'
