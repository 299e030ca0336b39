import {
  AuthBase,
  type AuthContext,
  DigestAuth,
  HTTPAdapter,
  type PreparedRequest,
  type RequestOptions,
  type Response,
  Retry,
  type Session,
} from '@entreat/core'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { reply } from '../support/raw-server.ts'
import { readBy, type Stage, type Stall } from './stage.ts'

const CONNECT = { timeout: { connect: 150 }, code: 'ERR_CONNECT_TIMEOUT' }
const READ = { timeout: { read: 150 }, code: 'ERR_READ_TIMEOUT' }
const WRITE = { timeout: { write: 150 }, code: 'ERR_WRITE_TIMEOUT' }
const POOL = { timeout: { pool: 150 }, code: 'ERR_POOL_TIMEOUT' }

const never = (): Promise<never> => new Promise(() => {})
const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf'
const HALF_GZIP = Buffer.concat([
  Buffer.from('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n'),
  gzipSync(Buffer.from('what is said '.repeat(1000))).subarray(0, 50),
])
const CHALLENGE =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\nContent-Length: 0\r\n\r\n'

/** Before a connection stands. */
const CONNECTING: readonly Stall[] = [
  {
    where: 'while it waits for a connection',
    own: POOL,
    keeps: 1,
    async begin(stage, session, options) {
      const url = await stage.saying('')
      const holder = new AbortController()
      const first = session.get(url, { signal: holder.signal, limits: { connectionsPerOrigin: 1 } })
      first.catch(() => {})
      stage.onClose(() => holder.abort())
      await stage.reached
      return session.get(url, { ...options, limits: { connectionsPerOrigin: 1 } })
    },
  },
  {
    where: 'while a name is looked up',
    own: CONNECT,
    begin(stage, session, options) {
      session.mount('http://looked-up.test', new HTTPAdapter({ lookup: stage.reach }))
      return session.get('http://looked-up.test/', options)
    },
  },
  {
    where: 'while TCP connects',
    own: CONNECT,
    async begin(stage, session, options) {
      const hole = await stage.blackHole()
      stage.reachSoon()
      return session.get(`http://127.0.0.1:${hole.port}/`, options)
    },
  },
  {
    where: 'inside the TLS handshake',
    own: CONNECT,
    async begin(stage, session, options) {
      const mute = await stage.speaking()
      return session.get(mute.url.replace('http', 'https'), options)
    },
  },
]

/** What the reply of each step of SOCKS5 is, up to the last. */
const SOCKS5 = [Buffer.of(5, 0), Buffer.of(5, 0, 0, 1)]

/** Between here and a proxy. */
const PROXIES: readonly Stall[] = [
  {
    where: 'inside the TLS handshake with a proxy',
    own: CONNECT,
    async begin(stage, session, options) {
      const mute = await stage.speaking()
      return session.get('http://somewhere.test/', { ...options, proxies: { all: mute.url.replace('http', 'https') } })
    },
  },
  {
    where: 'while a proxy does not answer CONNECT',
    own: CONNECT,
    async begin(stage, session, options) {
      const mute = await stage.speaking()
      return session.get('https://somewhere.test/', { ...options, proxies: { all: mute.url } })
    },
  },
  ...[
    ['head', 'HTTP/1.1 200 OK\r\nX-A: '],
    ['refusal', 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 10\r\n\r\nhalf'],
    ['chunked refusal', 'HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha'],
  ].map(([what = '', text = '']): Stall => ({
    where: `inside the ${what} that a proxy answers CONNECT with`,
    own: CONNECT,
    async begin(stage, session, options) {
      const proxy = await stage.speaking(Buffer.from(text))
      return session.get('https://somewhere.test/', { ...options, proxies: { all: proxy.url } })
    },
  })),
  {
    where: 'inside the TLS handshake through a tunnel',
    own: CONNECT,
    async begin(stage, session, options) {
      const proxy = await stage.speaking(Buffer.from('HTTP/1.1 200 Connected\r\n\r\n'))
      return session.get('https://somewhere.test/', { ...options, proxies: { all: proxy.url } })
    },
  },
  ...[[], SOCKS5.slice(0, 1), SOCKS5].map((replies, step): Stall => ({
    where: `at step ${step + 1} of SOCKS5`,
    own: CONNECT,
    async begin(stage, session, options) {
      const proxy = await stage.speaking(...replies)
      return session.get('http://somewhere.test/', {
        ...options,
        proxies: { all: `socks5h://127.0.0.1:${proxy.port}` },
      })
    },
  })),
  {
    where: 'inside SOCKS4',
    own: CONNECT,
    async begin(stage, session, options) {
      const proxy = await stage.speaking(Buffer.of(0, 90))
      return session.get('http://somewhere.test/', {
        ...options,
        proxies: { all: `socks4a://127.0.0.1:${proxy.port}` },
      })
    },
  },
  {
    where: 'while a name is looked up for SOCKS5',
    own: CONNECT,
    async begin(stage, session, options) {
      const proxy = await stage.speaking()
      // The first question is for the proxy's own address.
      session.mount('http://looked-up.test', new HTTPAdapter({ lookup: stage.reach }))
      return session.get('http://looked-up.test/', { ...options, proxies: { all: `socks5://127.0.0.1:${proxy.port}` } })
    },
  },
]

const MUCH = 32 * 1024 * 1024

/** A server that does not read what it is sent. */
async function deaf(stage: Stage): Promise<string> {
  const { url } = await stage.server(() => {}, {
    onConnection: (socket) => {
      socket.pause()
      stage.reachSoon()
    },
  })
  return url
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield await Promise.resolve(Buffer.alloc(64 * 1024))
}

/** While the request goes out. */
const WRITING: readonly Stall[] = [
  {
    where: 'in an upload from memory that nobody reads',
    own: WRITE,
    begin: async (stage, session, options) => session.post(await deaf(stage), { ...options, data: Buffer.alloc(MUCH) }),
  },
  {
    where: 'in a streamed upload that nobody reads',
    own: WRITE,
    begin: async (stage, session, options) => session.post(await deaf(stage), { ...options, data: endless() }),
  },
  {
    where: 'in an upload whose iterator never gives anything',
    async begin(stage, session, options) {
      const url = await stage.saying('')
      const data = { [Symbol.asyncIterator]: () => ({ next: () => (stage.reachSoon(), never()) }) }
      return session.post(url, { ...options, data })
    },
  },
  {
    where: 'in an upload whose Readable has nothing to give',
    async begin(stage, session, options) {
      const url = await stage.saying('')
      const data = new Readable({ read: stage.reachSoon })
      data.on('error', () => {})
      return session.post(url, { ...options, data })
    },
  },
]

/** While the response comes in. */
const READING: readonly Stall[] = [
  {
    where: 'before the head',
    own: READ,
    begin: async (stage, session, options) => session.get(await stage.saying(''), options),
  },
  {
    where: 'inside the head',
    own: READ,
    begin: async (stage, session, options) => session.get(await stage.saying('HTTP/1.1 200 OK\r\nX-'), options),
  },
  {
    where: 'after an interim response',
    own: READ,
    begin: async (stage, session, options) =>
      session.get(await stage.saying('HTTP/1.1 102 Processing\r\n\r\n'), options),
  },
  {
    where: 'inside a buffered body',
    own: READ,
    begin: async (stage, session, options) => session.get(await stage.saying(HALF), options),
  },
  {
    where: 'inside a buffered body in gzip',
    own: READ,
    begin: async (stage, session, options) => session.get(await stage.saying(HALF_GZIP), options),
  },
  ...(['iterContent', 'iterLines', 'read', 'raw', 'toWeb'] as const).flatMap((how): Stall[] => [
    streamedBy(how, 'a streamed body', HALF),
    streamedBy(how, 'a streamed body in gzip', HALF_GZIP),
  ]),
]

function streamedBy(how: Parameters<typeof readBy>[0], what: string, text: string | Uint8Array): Stall {
  return {
    where: `inside ${what} that is read by ${how}`,
    own: READ,
    async begin(stage, session, options) {
      const response = await session.get(await stage.saying(text), { ...options, stream: true })
      return readBy(how, response)
    },
  }
}

/** Between two legs of a call. */
const BETWEEN: readonly Stall[] = [
  {
    where: 'in the pause before a retry',
    keeps: 1,
    async begin(stage, session, options) {
      const url = await stage.saying('HTTP/1.1 503 Unavailable\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n')
      return session.get(url, { ...options, retry: new Retry({ total: 3, statusForcelist: [503] }) })
    },
  },
  {
    where: 'in the second hop of a redirect',
    keeps: 1,
    own: READ,
    async begin(stage, session, options) {
      const target = await stage.saying('')
      const { url } = await stage.server(() => `HTTP/1.1 302 Found\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`)
      return session.get(url, options)
    },
  },
  {
    // A broken body does not keep a redirect from being followed: the time for reading alone does not end the call.
    where: "in a redirect's own body",
    begin: async (stage, session, options) =>
      session.get(await stage.saying('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\nhalf'), options),
  },
  {
    where: 'in the second leg of a login',
    own: READ,
    async begin(stage, session, options) {
      const { url } = await stage.server(({ head }) => (/^authorization:/im.test(head) ? stage.reachSoon() : CHALLENGE))
      return session.get(url, { ...options, auth: new DigestAuth('user', 'pass') })
    },
  },
  {
    where: "in the challenge's own body",
    own: READ,
    begin: async (stage, session, options) =>
      session.get(await stage.saying(CHALLENGE.replace('h: 0', 'h: 9')), {
        ...options,
        auth: new DigestAuth('user', 'pass'),
      }),
  },
  {
    where: 'in a scheme that never signs',
    begin: async (stage, session, options) =>
      session.get('http://127.0.0.1:1/', { ...options, auth: new Held(stage, 'sign') }),
  },
  {
    where: 'in a scheme that never makes up its mind about an answer',
    keeps: 1,
    begin: async (stage, session, options) =>
      session.get((await stage.server(() => reply('ok'))).url, { ...options, auth: new Held(stage, 'answer') }),
  },
  {
    where: 'in a scheme that waits for a connection of its own',
    own: CONNECT,
    async begin(stage, session, options) {
      const mute = await stage.speaking()
      return session.get(mute.url.replace('http', 'https'), { ...options, auth: new Held(stage, 'bind') })
    },
  },
]

/** A scheme that asks for something and never gets further. */
class Held extends AuthBase {
  readonly #stage: Stage
  readonly #at: 'sign' | 'answer' | 'bind'

  constructor(stage: Stage, at: 'sign' | 'answer' | 'bind') {
    super()
    this.#stage = stage
    this.#at = at
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    if (this.#at === 'bind') await context.bind()
    if (this.#at === 'sign') await this.#hold()
    yield request
    await this.#hold()
  }

  #hold(): Promise<never> {
    this.#stage.reachSoon()
    return never()
  }
}

/** In what the caller brought along. */
const HOOKS: readonly Stall[] = (['request', 'response', 'redirect', 'retry'] as const).map((event) => ({
  where: `in a ${event} hook that never returns`,
  keeps: 1,
  async begin(stage: Stage, session: Session, options: RequestOptions) {
    const { url } = await stage.server(() =>
      event === 'redirect'
        ? 'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'
        : event === 'retry'
          ? 'HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n'
          : reply('ok'),
    )
    const hook = (): Promise<never> => {
      stage.reachSoon()
      return never()
    }
    const retry = event === 'retry' ? { retry: new Retry({ total: 1, statusForcelist: [503] }) } : {}
    return session.get(url, { ...options, ...retry, hooks: { [event]: hook } })
  },
}))

/** Every place where a call can be held up. */
export const STALLS: readonly Stall[] = [...CONNECTING, ...PROXIES, ...WRITING, ...READING, ...BETWEEN, ...HOOKS]
