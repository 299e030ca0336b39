export { BlockedAddressError } from './ssrf/blocked-address-error.ts'
export { isPublicAddress } from './ssrf/is-public-address.ts'
export { GuardedAdapter, type GuardOptions } from './ssrf/guarded-adapter.ts'
