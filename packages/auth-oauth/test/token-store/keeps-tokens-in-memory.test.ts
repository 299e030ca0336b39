import { MemoryTokenStore } from '../../src/index.ts'
import { describeStoreRules } from './support/store-rules.ts'

describeStoreRules('MemoryTokenStore', () => {
  const store = new MemoryTokenStore()
  return Promise.resolve({ store, other: store })
})
