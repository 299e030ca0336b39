export {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitPass,
  type CircuitState,
} from './circuit-breaker/circuit-breaker.ts'
export { CircuitBreakerAdapter } from './circuit-breaker/circuit-breaker-adapter.ts'
export { CircuitOpenError } from './circuit-breaker/circuit-open-error.ts'
