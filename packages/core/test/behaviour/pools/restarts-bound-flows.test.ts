import { ConnectionError, Session, UnrewindableBodyError } from '@entreat/core'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { SocketAuth } from '../support/bound-scheme.ts'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const CHALLENGE = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Socket\r\nContent-Length: 0\r\n'

/** Answers hello with a challenge and all else with what it was sent; `drops` ends the connection instead of answering a request. */
function socketOrigin(drops: (request: { head: string; connection: number }) => boolean): Promise<RawServer> {
  return RawServer.start(({ head, body, connection, socket }) => {
    if (drops({ head, connection })) return void socket.destroy()
    return head.includes('Socket hello') ? `${CHALLENGE}\r\n` : reply(`got ${body.toString()}`)
  })
}

const isHello = ({ head }: { head: string }): boolean => head.includes('Socket hello')

describe('a bound flow whose connection died', () => {
  it('starts over once on a new connection where the server closed it after the challenge', async () => {
    await using server = await RawServer.start(({ head, body, connection }) => {
      if (!head.includes('Socket hello')) return reply(`got ${body.toString()}`)
      return connection === 1 ? `${CHALLENGE}Connection: close\r\n\r\n` : `${CHALLENGE}\r\n`
    })
    await using session = new Session({ trustEnv: false, auth: new SocketAuth() })
    const response = await within(3000, session.post(server.url, { data: 'whole' }))
    expect([response.text, server.connectionCount]).toEqual(['got whole', 2])
  })

  it('fails where the new connection dies too', async () => {
    await using server = await RawServer.start(() => `${CHALLENGE}Connection: close\r\n\r\n`)
    await using session = new Session({ trustEnv: false, auth: new SocketAuth() })
    const error = await within(3000, failure(session.post(server.url, { data: 'whole' })))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(server.connectionCount).toBe(2)
  })

  it('says why, where the page with the challenge is longer than may be read', async () => {
    await using server = await RawServer.start(({ head }) =>
      head.includes('Socket hello')
        ? `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Socket\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(500_000)}`
        : reply('ok'),
    )
    await using session = new Session({ trustEnv: false, auth: new SocketAuth(), limits: { drainedBytes: 1000 } })
    const error = await within(3000, failure(session.get(server.url)))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.cause).toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' })
    expect(error.message).toContain('1000 bytes')
  })

  it('starts over where the leg without the body found a kept connection closed', async () => {
    const auth = new SocketAuth()
    await using server = await socketOrigin((request) => isHello(request) && request.connection === 1)
    await using session = new Session({ trustEnv: false })
    await session.get(server.url)
    const response = await within(3000, session.post(server.url, { data: 'whole', auth }))
    expect([response.text, server.connectionCount]).toEqual(['got whole', 2])
  })

  it('starts over with a stream of which nothing was read', async () => {
    const auth = new SocketAuth()
    await using server = await socketOrigin((request) => isHello(request) && request.connection === 1)
    await using session = new Session({ trustEnv: false })
    await session.get(server.url)
    const data = Readable.from(['one ', 'shot'])
    const response = await within(3000, session.post(server.url, { data, auth }))
    expect(response.text).toContain('one ')
    expect(response.text).toContain('shot')
  })

  it('never sends a stream a second time', async () => {
    const auth = new SocketAuth()
    await using server = await socketOrigin(({ head }) => head.startsWith('POST') && head.includes('Socket proof'))
    await using session = new Session({ trustEnv: false })
    const error = await within(3000, failure(session.post(server.url, { data: Readable.from(['one shot']), auth })))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).not.toBeInstanceOf(UnrewindableBodyError)
    expect(server.heads.filter((head) => head.includes('Socket proof'))).toHaveLength(1)
  })

  it('does not repeat what may have been done, after the body was sent', async () => {
    const auth = new SocketAuth()
    await using server = await socketOrigin(({ head }) => head.startsWith('POST') && head.includes('Socket proof'))
    await using session = new Session({ trustEnv: false })
    await within(3000, failure(session.post(server.url, { data: 'once', auth })))
    expect(server.heads.filter((head) => head.includes('Socket proof'))).toHaveLength(1)
  })
})
