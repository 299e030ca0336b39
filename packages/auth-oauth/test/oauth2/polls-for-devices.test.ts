import { describe, expect, test } from 'vitest'
import { DeviceFlowError, OAuth2Client, signInOnDevice, TokenRequestError } from '../../src/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { bearer, type FakeAnswer, FakeServer } from '../support/fake-server.ts'

// RFC 8628. Trap 34.

const device = {
  device_code: 'd3vice-code',
  user_code: 'ABCD-EFGH',
  verification_uri: 'https://server.example/device',
  expires_in: 600,
}
const no = (error: string, more: Partial<FakeAnswer> = {}): FakeAnswer => ({ status: 400, body: { error }, ...more })

async function scenario(
  answers: readonly FakeAnswer[],
  authorization: Record<string, unknown> = {},
): Promise<{ client: OAuth2Client; clock: FakeClock; server: FakeServer }> {
  const clock = new FakeClock()
  const server = await FakeServer.start({
    '/device': () => ({ body: { ...device, ...authorization } }),
    '/token': (_, count) => answers[count - 1] ?? no('authorization_pending'),
  })
  const metadata = { ...server.metadata, device_authorization_endpoint: `${server.url}/device` }
  return { clock, server, client: new OAuth2Client({ metadata, clientId: 'c', clock, scope: 'a b' }) }
}

describe('polling', () => {
  test('waits five seconds where the server names no interval, and longer for good when told to slow down', async () => {
    const answers = [
      no('authorization_pending'),
      no('slow_down'),
      no('authorization_pending'),
      no('slow_down'),
      bearer('t0ken'),
    ]
    const { client, clock, server } = await scenario(answers)
    await using _ = server
    const waits: number[] = []
    const token = await (await client.device()).poll({ onPending: (ms) => waits.push(ms) })
    expect(token.accessToken).toBe('t0ken')
    expect(token.scope).toEqual(['a', 'b'])
    expect(clock.slept).toEqual([5000, 5000, 10_000, 10_000, 15_000])
    expect(waits).toEqual([5000, 10_000, 10_000, 15_000])
    expect(server.to('/device')[0]?.form.get('scope')).toBe('a b')
    expect(server.to('/token')[0]?.form.get('device_code')).toBe('d3vice-code')
  })

  test('waits as long as the server says', async () => {
    const { client, clock, server } = await scenario([bearer('t0ken')], { interval: 1 })
    await using _ = server
    await (await client.device()).poll()
    expect(clock.slept).toEqual([1000])
  })

  test('waits twice as long each time the connection fails or the server is busy, and recovers', async () => {
    const broken: FakeAnswer = { breaks: true }
    const busy: FakeAnswer = { status: 503, headers: { 'Retry-After': '50' }, body: 'busy' }
    const { client, clock, server } = await scenario([
      broken,
      broken,
      busy,
      no('authorization_pending'),
      bearer('t0ken'),
    ])
    await using _ = server
    await (await client.device()).poll()
    expect(clock.slept).toEqual([5000, 10_000, 20_000, 50_000, 5000])
  })

  test('ends when the code does', async () => {
    const { client, clock, server } = await scenario([], { expires_in: 12 })
    await using _ = server
    const error = await (await client.device()).poll().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DeviceFlowError)
    expect(error).toMatchObject({ error: 'expired_token' })
    expect(clock.slept).toEqual([5000, 5000])
  })

  test.each(['access_denied', 'expired_token'])('ends when the server says %s', async (code) => {
    const { client, server } = await scenario([no(code)])
    await using _ = server
    await expect((await client.device()).poll()).rejects.toMatchObject({ name: 'DeviceFlowError', error: code })
  })

  test('ends with any other refusal', async () => {
    const { client, server } = await scenario([no('invalid_client', { status: 401 })])
    await using _ = server
    await expect((await client.device()).poll()).rejects.toThrow(TokenRequestError)
    expect(server.to('/token')).toHaveLength(1)
  })

  test('ends when the caller gives up', async () => {
    const { client, server } = await scenario([])
    await using _ = server
    const leaving = new AbortController()
    const polling = (await client.device()).poll({
      signal: leaving.signal,
      onPending: () => leaving.abort(new Error('enough')),
    })
    await expect(polling).rejects.toThrow('enough')
    expect(server.to('/token')).toHaveLength(1)
  })

  test('knows Google’s older name for the address', async () => {
    const { client, server } = await scenario([], {
      verification_uri: undefined,
      verification_url: 'https://g.example/device',
    })
    await using _ = server
    expect((await client.device()).verificationUri).toBe('https://g.example/device')
  })

  test.each(['device_code', 'user_code', 'verification_uri'])('needs a %s', async (name) => {
    const { client, server } = await scenario([], { [name]: undefined })
    await using _ = server
    await expect(client.device()).rejects.toMatchObject({ error: 'invalid_response' })
  })
})

test('the prompt shows nothing that steers a terminal', async () => {
  const { client, server } = await scenario([bearer('t0ken')], {
    user_code: 'AB\u001B[31mCD\nEF',
    verification_uri: 'https://server.example/\u0007',
  })
  await using _ = server
  let shown = ''
  await signInOnDevice(client, { prompt: (text) => void (shown = text) })
  expect(shown).toBe('To sign in, open https://server.example/? and enter the code AB?[31mCD?EF')
})
