export type { Clock } from './rate-limit/clock.ts'
export { RateLimitAdapter } from './rate-limit/rate-limit-adapter.ts'
export { RateLimiter, type RateLimiterOptions } from './rate-limit/rate-limiter.ts'
