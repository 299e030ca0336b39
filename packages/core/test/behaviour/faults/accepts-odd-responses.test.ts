import { ConnectionError, Session } from '@entreat/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

let session: Session

beforeEach(() => {
  session = new Session({ trustEnv: false, timeout: { read: 1000 } })
})

afterEach(async () => {
  await session.close()
})

/** The response to a first request that is answered with these bytes, and to a second that is answered well. */
async function answered(
  bytes: string,
  options: { method?: string; headers?: Record<string, string>; data?: string } = {},
): Promise<{ status: number; text: string; second: string; connections: number; heads: string[] }> {
  await using raw = await RawServer.start(({ head }) => (head.includes('/odd') ? bytes : reply('second')))
  const { method = 'GET', ...rest } = options
  const response = await within(2000, session.request(method, `${raw.url}/odd`, rest))
  const second = await within(2000, session.get(`${raw.url}/second`))
  return {
    status: response.statusCode,
    text: response.text,
    second: second.text,
    connections: raw.connectionCount,
    heads: raw.heads,
  }
}

const kept = { second: 'second', connections: 1 }

describe('a response that is valid', () => {
  it.each([
    ['304 with a Content-Length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n', 304],
    ['204 with a Content-Length', 'HTTP/1.1 204 No Content\r\nContent-Length: 100\r\n\r\n', 204],
    ['304 with chunked framing', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', 304],
    ['204 alone', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
    ['205 with a Content-Length of 0', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', 205],
  ])('is empty and keeps its connection: %s', async (_what, bytes, status) => {
    expect(await answered(bytes)).toMatchObject({ status, text: '', ...kept })
  })

  it.each([
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['103', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'],
    ['several', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'],
  ])('is taken after an unasked 1xx: %s', async (_what, interim) => {
    expect(await answered(interim + reply('final', 'X-Final: 1\r\n'))).toMatchObject({
      status: 200,
      text: 'final',
      ...kept,
    })
  })

  it('does not show headers of an interim response', async () => {
    await using raw = await RawServer.start(() => `HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n${reply('final')}`)
    const { headers } = await session.get(raw.url)
    expect(headers.has('x-hint')).toBe(false)
  })

  it('has a body whatever its length says, with HEAD: none', async () => {
    const result = await answered('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', { method: 'HEAD' })
    expect(result).toMatchObject({ status: 200, text: '', ...kept })
  })

  it.each([
    ['no reason', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok'],
    ['no reason and no space', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'],
    ['empty lines before it', '\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['chunk extensions', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n'],
    ['trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: v\r\n\r\n'],
  ])('is taken with %s', async (_what, bytes) => {
    expect(await answered(bytes)).toMatchObject({ status: 200, text: 'ok', ...kept })
  })

  it('with status 999 is a response', async () => {
    expect(await answered('HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok')).toMatchObject({ status: 999, text: 'ok' })
  })

  it('in HTTP/1.0 without a length ends with the connection', async () => {
    await using raw = await RawServer.start(({ socket }) => void socket.end('HTTP/1.0 200 OK\r\n\r\nold but good'))
    expect((await session.get(raw.url)).text).toBe('old but good')
    await raw.gone()
  })

  it('keeps bytes above ASCII in headers', async () => {
    await using raw = await RawServer.start(() => reply('', 'X-A: caf\xe9\r\n'))
    expect((await session.get(raw.url)).headers.get('x-a')).toBe('caf\xe9')
  })
})

describe('a reason', () => {
  it.each([
    ['in UTF-8', '\xd0\x9e\xd1\x88'],
    ['in Latin-1', 'Acc\xe8s'],
  ])('is Latin-1, as header values are: %s', async (_what, reason) => {
    await using raw = await RawServer.start(() => `HTTP/1.1 403 ${reason}\r\nContent-Length: 0\r\n\r\n`)
    const response = await session.get(raw.url)
    expect(response.reason).toBe(reason)
    expect(() => response.raiseForStatus()).toThrow(`403 Client Error: ${reason} for url: ${raw.url}`)
  })
})

describe('bytes after the end of a response', () => {
  it.each([
    ['a second response', `${reply('ok')}${reply('poison')}`],
    ['more than the length says', `${reply('ok')}poison`],
    ['a body after a 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison'],
    ['a body after a 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison'],
  ])('never reach the next request: %s', async (_what, bytes) => {
    const { second } = await answered(bytes)
    expect(second).toBe('second')
  })

  it('never reach the next request when a body follows a HEAD response', async () => {
    const { second } = await answered(reply('poison'), { method: 'HEAD' })
    expect(second).toBe('second')
  })

  it('that come later, on an idle connection, close it', async () => {
    await using raw = await RawServer.start(({ index }) => reply(String(index)))
    await session.get(raw.url)
    for (const socket of raw.open) socket.write(reply('poison'))
    await raw.gone()
    expect((await session.get(raw.url)).text).toBe('1')
  })
})

describe('Expect: 100-continue', () => {
  it('is sent as given, and the 100 that it brings is skipped', async () => {
    const headers = { Expect: '100-continue' }
    const result = await answered(`HTTP/1.1 100 Continue\r\n\r\n${reply('done')}`, {
      method: 'POST',
      data: 'x',
      headers,
    })
    expect(result).toMatchObject({ text: 'done', ...kept })
    expect(result.heads[0]).toMatch(/^Expect: 100-continue$/m)
  })
})

describe('a final response while the upload is still going on', () => {
  it('is the result, and the rest is not sent', async () => {
    await using raw = await RawServer.start(() => {}, {
      onHead: (_head, socket) => void socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge'),
    })
    let produced = 0
    async function* data(): AsyncGenerator<Uint8Array> {
      for (; produced < 2000; produced++) {
        yield Buffer.alloc(64 * 1024)
        await new Promise(setImmediate)
      }
    }
    const response = await within(4000, session.post(raw.url, { data: data() }))
    expect([response.statusCode, response.text]).toEqual([413, 'large'])
    expect(produced).toBeLessThan(2000)
    await raw.gone()
  })
})

describe('a kept connection that the server closes as it is used again', () => {
  /** Ends each connection at its second request. */
  function fickle(): Promise<RawServer> {
    return RawServer.start(({ index, socket }) => {
      if (index === 1) return reply('ok')
      return void socket.destroy()
    })
  }

  it('is replaced once for an idempotent request', async () => {
    await using raw = await fickle()
    await session.get(raw.url)
    expect((await session.get(raw.url)).text).toBe('ok')
    expect([raw.connectionCount, raw.heads.length]).toEqual([2, 3])
  })

  it('is an error for a POST, told as reused', async () => {
    await using raw = await fickle()
    await session.get(raw.url)
    const error = await failure(session.post(raw.url, { data: 'x' }))
    expect(error).toBeInstanceOf(ConnectionError)
    expect([error.connectionReused, error.responseStarted]).toEqual([true, false])
  })

  it('is an error for a body that cannot be read again', async () => {
    await using raw = await fickle()
    async function* data(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('once'))
    }
    await session.get(raw.url)
    expect((await failure(session.put(raw.url, { data: data() }))).connectionReused).toBe(true)
  })

  it('is not replaced once a byte of the answer was there', async () => {
    await using raw = await RawServer.start(({ index, socket }) => {
      if (index === 1) return reply('ok')
      return void socket.end('HTTP/1.1 200 OK\r\n')
    })
    await session.get(raw.url)
    const error = await failure(session.get(raw.url))
    expect([error.responseStarted, raw.connectionCount]).toEqual([true, 1])
  })
})
