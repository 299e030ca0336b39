import { Session } from '@entreat/core'
import { expect, test } from 'vitest'
import { authorizeInBrowser, FileTokenStore, OAuth2Auth, SignInError } from '../../src/index.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { discover, offline } from '../support/clients.ts'
import { OidcServer } from '../support/oidc-server.ts'
import { signIn } from '../support/sign-in.ts'

test('a native client signs in once, on a free port, and has its token in a file from then on', async () => {
  const server = await OidcServer.start()
  const directory = await mkdtemp(join(tmpdir(), 'entreat-cli-'))
  const browser = new Session({ trustEnv: false })
  const pages: Promise<string>[] = []
  /** The user, in a browser: signs in, agrees, is sent back. */
  const user = async (url: string): Promise<string> => (await browser.get(await signIn(url))).text
  const run = async (): Promise<string> => {
    const client = await discover(server, 'native')
    const store = new FileTokenStore({ directory, encryptionKey: Buffer.alloc(32, 1) })
    const open = (url: string): void => void pages.push(user(url))
    const obtain = (): ReturnType<typeof authorizeInBrowser> =>
      authorizeInBrowser(client, { ...offline, path: '/cb', show: () => {}, open })
    await using session = new Session({ trustEnv: false, auth: new OAuth2Auth({ client, store, obtain }) })
    return (await session.get(`${server.issuer}/me`)).json<{ sub: string }>().sub
  }
  expect([await run(), await run()]).toEqual(['ishmael', 'ishmael'])
  expect(await Promise.all(pages)).toEqual([expect.stringContaining('You are signed in')])
  expect(server.granted).toEqual(['authorization_code'])
  await browser.close()
  await server.close()
  await rm(directory, { recursive: true })
})

test('a sign-in that nobody ends says so to the request that needs the token', async () => {
  const server = await OidcServer.start()
  const client = await discover(server, 'native')
  const obtain = (): ReturnType<typeof authorizeInBrowser> =>
    authorizeInBrowser(client, { path: '/cb', show: () => {}, open: false, waitMs: 50 })
  await using session = new Session({ trustEnv: false, auth: new OAuth2Auth({ client, obtain }) })
  await expect(session.get(`${server.issuer}/me`)).rejects.toThrow(SignInError)
  await server.close()
})
