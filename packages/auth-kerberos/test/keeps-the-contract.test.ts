import { describe, test } from 'vitest'
import { authSuite } from '@entreat/testkit'
import { KerberosAuth, NegotiateAuth } from '../src/index.ts'
import { FakeAcceptor, FakeGss } from './support/fake-gss.ts'

const target = {
  path: '/protected',
  refusingPath: '/refusing',
  handler: () => {
    const acceptor = new FakeAcceptor()
    return acceptor.handle.bind(acceptor)
  },
  authenticateProxy: () => {
    const acceptor = new FakeAcceptor()
    return ({ authorization }: { readonly authorization: string | undefined }) => {
      const { isAccepted, challenge } = acceptor.accept(authorization)
      return isAccepted ? null : [challenge]
    }
  },
}
const common = {
  runner: { describe, test },
  target,
  secrets: ['s3cret-password', Buffer.from('s3cret-password').toString('base64')],
}
// The suite has routes that let everybody in, and prove nothing.
const options = { mutual: 'optional', principal: 'alice', credentials: { password: 's3cret-password' } } as const

authSuite({
  ...common,
  name: 'KerberosAuth',
  create: () => new KerberosAuth({ ...options, provider: new FakeGss() }),
  capabilities: { challenge: true, proxy: true, connectionBound: true },
})

authSuite({
  ...common,
  name: 'KerberosAuth that signs pre-emptively',
  create: () => new KerberosAuth({ ...options, provider: new FakeGss(), preemptive: true }),
  capabilities: { proxy: true, connectionBound: true },
})

authSuite({
  ...common,
  name: 'NegotiateAuth',
  create: () => new NegotiateAuth({ ...options, provider: new FakeGss() }),
  capabilities: { challenge: true, proxy: true, connectionBound: true },
})
