export { AuthHandler } from './auth/auth-handler.ts'
export { GuessAuth } from './auth/guess-auth.ts'
export { GuessProxyAuth } from './auth/guess-proxy-auth.ts'
export { ProxyDigestAuth } from './auth/proxy-digest-auth.ts'
