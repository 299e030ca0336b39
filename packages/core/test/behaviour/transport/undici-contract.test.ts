import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signalOf, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

// What the transport relies on in undici beyond its documentation. If one of these fails after an upgrade, transport/ has to be looked at.

interface Parser {
  paused: boolean
  contentLength: string
  onHeadersComplete: (...args: unknown[]) => number
  finish: () => Error | null
  statusCode: number
  statusText: string
  onStatus: unknown
  trackHeader: unknown
  createError: unknown
}

let server: RawServer
let clients: Client[] = []

beforeEach(async () => {
  server = await RawServer.start(({ head }) => {
    if (head.startsWith('HEAD')) return reply('ok').slice(0, -2)
    if (!head.includes('/pause')) return reply('ok')
    return `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`
  })
})

afterEach(async () => {
  await Promise.all(clients.map((client) => client.destroy()))
  clients = []
  await server.close()
})

async function openSocket(): Promise<Socket> {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

interface Handed {
  readonly client: Client
  readonly socket: Socket
  readonly calls: () => number
}

/** A Client that is given one socket, as connection.ts does it. */
async function handOver(): Promise<Handed> {
  const socket = await openSocket()
  let calls = 0
  const client = new Client('http://connection.invalid', {
    pipelining: 1,
    connect: (_options, callback) => {
      calls++
      if (calls > 1) return callback(new Error('given already'), null)
      queueMicrotask(() => callback(null, socket))
    },
  })
  clients.push(client)
  return { client, socket, calls: () => calls }
}

interface Seen {
  readonly events: string[]
  readonly raw: Buffer[][]
  readonly done: Promise<unknown>
  abort: ((error?: Error) => void) | null
  resume: (() => void) | null
}

/** Dispatches with the raw handler and writes down what is called. */
function observe(
  client: Client,
  options: Partial<Dispatcher.DispatchOptions> & { reset?: boolean } = {},
  pause = false,
): Seen {
  const { promise, fire } = signalOf<unknown>()
  const seen: Seen = { events: [], raw: [], done: promise, abort: null, resume: null }
  const handler = {
    onConnect: (abort: () => void) => {
      seen.events.push('onConnect')
      seen.abort = abort
    },
    onRequestSent: () => seen.events.push('onRequestSent'),
    onResponseStarted: () => seen.events.push('onResponseStarted'),
    onHeaders: (status: number, headers: Buffer[], resume: () => void, reason: string) => {
      seen.events.push(`onHeaders ${status} ${reason}`)
      seen.raw.push(headers)
      seen.resume = resume
      return true
    },
    onData: (_piece: Buffer) => {
      if (seen.events.at(-1) !== 'onData') seen.events.push('onData')
      return !pause
    },
    onComplete: () => {
      seen.events.push('onComplete')
      fire(null)
    },
    onError: (error: Error) => {
      seen.events.push('onError')
      fire(error)
    },
  }
  client.dispatch({ path: '/', method: 'GET', ...options }, handler)
  return seen
}

function findParser(socket: Socket): Parser | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  return symbol === undefined ? undefined : (Reflect.get(socket, symbol) as Parser)
}

function parserOf(socket: Socket): Parser {
  const parser = findParser(socket)
  if (parser === undefined) throw new Error('no parser under a symbol of that name')
  return parser
}

describe('undici', () => {
  it('calls the connect hook once for many requests on one socket', async () => {
    const { client, calls } = await handOver()
    for (let at = 0; at < 3; at++) await observe(client).done
    expect(calls()).toBe(1)
  })

  it('calls the connect hook again, and not the old socket, once that has closed', async () => {
    const { client, socket, calls } = await handOver()
    await observe(client).done
    socket.destroy()
    await once(socket, 'close')
    const seen = observe(client)
    expect(await within(1000, seen.done)).toMatchObject({ message: 'given already' })
    expect(calls()).toBe(2)
  })

  it('keeps its parser on the socket under a symbol named parser, with the members that the guard wraps', async () => {
    const { client, socket } = await handOver()
    await observe(client).done
    const parser = parserOf(socket)
    const { onHeadersComplete, finish, onStatus, trackHeader, createError } = parser
    for (const member of [onHeadersComplete, finish, onStatus, trackHeader, createError])
      expect(member).toBeTypeOf('function')
    expect([parser.paused, parser.contentLength, parser.statusCode, parser.statusText]).toEqual([false, '', 0, ''])
  })

  it('sets the parser and listens for the end as soon as it is handed the socket', async () => {
    const socket = await openSocket()
    const { promise, fire } = signalOf<{ names: string[]; parser: Parser }>()
    const client = new Client('http://connection.invalid', {
      connect: (_options, callback) =>
        queueMicrotask(() => {
          callback(null, socket)
          fire({ names: socket.listeners('end').map(({ name }) => name), parser: parserOf(socket) })
        }),
    })
    clients.push(client)
    const seen = observe(client)
    const { names, parser } = await within(1000, promise)
    await seen.done
    expect(names).toContain('onHttpSocketEnd')
    expect(parser.paused).toBe(false)
  })

  it('asks the instance for onHeadersComplete, so that it can be wrapped', async () => {
    const { client, socket } = await handOver()
    await observe(client).done
    const parser = parserOf(socket)
    const original = parser.onHeadersComplete.bind(parser)
    const statuses: unknown[] = []
    parser.onHeadersComplete = (...args) => {
      statuses.push(args[0])
      return original(...args)
    }
    await observe(client).done
    expect(statuses).toEqual([200])
  })

  it('pauses its parser when onData returns false, and goes on when it is told to', async () => {
    const { client, socket } = await handOver()
    const seen = observe(client, { path: '/pause' }, true)
    const parser = await within(1000, pausedParser(socket))
    expect(parser.paused).toBe(true)
    for (let at = 0; at < 1000 && !seen.events.includes('onComplete'); at++) {
      seen.resume?.()
      await new Promise(setImmediate)
    }
    expect(seen.events.at(-1)).toBe('onComplete')
  })

  it('calls the raw handler in order, with names and values in turn as Buffers', async () => {
    const { client } = await handOver()
    const seen = observe(client)
    await seen.done
    expect(seen.events).toEqual([
      'onConnect',
      'onRequestSent',
      'onResponseStarted',
      'onHeaders 200 OK',
      'onData',
      'onComplete',
    ])
    const [headers] = seen.raw as [Buffer[]]
    expect(headers.every((part) => Buffer.isBuffer(part))).toBe(true)
    expect(headers.map(String)).toEqual(['Content-Length', '2'])
  })

  it('writes headers that are given as a flat list in that order and case, repeated names too', async () => {
    const { client } = await handOver()
    await observe(client, { headers: ['Host', 'some.test', 'X-One', '1', 'x-ONE', '2'] }).done
    expect(server.heads[0]?.split('\r\n').filter((line) => !line.startsWith('connection'))).toEqual([
      'GET / HTTP/1.1',
      'host: some.test',
      'X-One: 1',
      'x-ONE: 2',
    ])
  })

  it('keeps the connection after HEAD when it is told reset: false', async () => {
    const { client, socket } = await handOver()
    await observe(client, { method: 'HEAD', reset: false }).done
    await new Promise(setImmediate)
    expect(socket.destroyed).toBe(false)
  })

  it('gives its error to onError when the request is aborted', async () => {
    const { client, socket } = await handOver()
    const seen = observe(client, { path: '/pause' }, true)
    await within(1000, pausedParser(socket))
    const own = new Error('enough')
    seen.abort?.(own)
    expect(await within(1000, seen.done)).toBe(own)
    await new Promise(setImmediate)
    expect(socket.destroyed).toBe(true)
  })

  it('lets the process go while its socket is idle', async () => {
    const { client, socket } = await handOver()
    let isReferenced = true
    const unref = socket.unref.bind(socket)
    socket.unref = () => {
      isReferenced = false
      return unref()
    }
    await observe(client).done
    await new Promise(setImmediate)
    expect(isReferenced).toBe(false)
  })
})

/** Waits until the parser is paused. */
async function pausedParser(socket: Socket): Promise<Parser> {
  for (;;) {
    const parser = findParser(socket)
    if (parser?.paused === true) return parser
    await new Promise(setImmediate)
  }
}
