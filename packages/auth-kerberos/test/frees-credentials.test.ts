import { describe, expect, test } from 'vitest'
import { CredentialKeeper, CredentialLease } from '../src/provider/credential-keeper.ts'
import type { GssLibrary } from '../src/provider/gss-library.ts'

describe('credentials that are kept', () => {
  test('are freed once: when they are retired and nobody uses them', () => {
    let freed = 0
    const lease = new CredentialLease(1n, true, () => freed++)
    lease.take()
    lease.take()
    lease.giveBack()
    lease.retire()
    expect([freed, lease.isFresh]).toEqual([0, false])
    lease.giveBack()
    lease.retire()
    expect(freed).toBe(1)
    const unused = new CredentialLease(2n, true, () => freed++)
    unused.retire()
    expect(freed).toBe(2)
  })

  test('are got once for many contexts, and anew when they were retired', async () => {
    let acquired = 0n
    const released: unknown[] = []
    const library = {
      importName: () => null,
      releaseName: () => {},
      offerKerberosAlone: () => {},
      acquireWithPassword: () => Promise.resolve(null),
      store: () => Promise.resolve(),
      acquire: () => Promise.resolve(++acquired),
      releaseCredential: (handle: unknown) => void (handle === null || released.push(handle)),
    } as unknown as GssLibrary
    const keeper = new CredentialKeeper(library, null)
    const options = { service: 'HTTP@x', mutual: true, delegate: false, credentials: { password: 'x' }, principal: 'a' }
    const leases = await Promise.all(Array.from({ length: 5 }, () => keeper.take(options)))
    expect(leases.map(({ handle }) => handle)).toEqual([1n, 1n, 1n, 1n, 1n])
    leases[0]?.retire()
    const renewed = await Promise.all(Array.from({ length: 5 }, () => keeper.take(options)))
    expect(renewed.map(({ handle }) => handle)).toEqual([2n, 2n, 2n, 2n, 2n])
    expect(released).toEqual([])
    for (const lease of leases) lease.giveBack()
    expect(released).toEqual([1n])
  })
})
