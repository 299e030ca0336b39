import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import {
  type AdapterCapabilities,
  adapterSuite,
  type AdapterTarget,
  AppAdapter,
  Cassette,
  HTTP_CAPABILITIES,
  httpTarget,
  RecordingAdapter,
  ReplayAdapter,
  seededBlocks,
  type SeenRequest,
  StubAdapter,
  TestProxy,
  TestServer,
} from '@entreat/testkit'

const runner = { describe, test }
const contentOf = (length: number, seed: number): Buffer => Buffer.concat([...seededBlocks(length, seed)])

describe('recording', () => {
  let server: TestServer
  let proxy: TestProxy
  beforeAll(async () => {
    server = await TestServer.start()
    proxy = await TestProxy.start()
  })
  afterAll(async () => {
    await proxy.close()
    await server.close()
  })

  adapterSuite({
    name: 'RecordingAdapter over an HTTPAdapter',
    create: () => new RecordingAdapter(new HTTPAdapter(), { maxBodyBytes: 1000 }),
    capabilities: HTTP_CAPABILITIES,
    runner,
    target: () => httpTarget(server, { proxy }),
  })
})

describe('replaying', () => {
  let cassette: Cassette
  const record = (
    url: string,
    statusCode: number,
    body: Buffer,
    method = 'GET',
    requestBody: Buffer | null = null,
  ): void =>
    cassette.add({
      request: {
        method,
        url,
        headers: [],
        body: requestBody === null ? null : { base64: requestBody.toString('base64') },
      },
      response: { statusCode, reason: '', headers: [], body: { base64: body.toString('base64') } },
    })
  const target: AdapterTarget = {
    resource: (length, seed) => {
      const url = `https://replayed.test/resource/${length}/${seed}`
      record(url, 200, contentOf(length, seed))
      return { url }
    },
    failing: () => ({ url: 'https://replayed.test/nothing-recorded' }),
    open: () => 0,
    statuses: () =>
      [200, 204, 302, 404, 500].map((statusCode) => {
        record(`https://replayed.test/status/${statusCode}`, statusCode, Buffer.alloc(0))
        return { url: `https://replayed.test/status/${statusCode}`, statusCode }
      }),
    upload: () => {
      const url = 'https://replayed.test/upload'
      record(url, 200, Buffer.alloc(0), 'POST', contentOf(100_000, 7))
      // Strict matching is the proof: any other body is refused.
      return { url, method: 'POST', received: () => contentOf(100_000, 7) }
    },
  }
  adapterSuite({
    name: 'ReplayAdapter',
    create: () => {
      cassette = new Cassette()
      return new ReplayAdapter(cassette, { allowsRepeats: true })
    },
    capabilities: { statuses: true, uploads: true },
    runner,
    target: () => target,
  })
})

describe('stubbing', () => {
  let stub: StubAdapter
  const target: AdapterTarget = {
    resource: (length, seed) => {
      const url = `https://stubbed.test/resource/${length}/${seed}`
      stub.on('GET', url, () => ({ body: piecesOf(length, seed) }))
      return { url }
    },
    failing: () => ({ url: 'https://stubbed.test/no-rule' }),
    open: () => 0,
    statuses: () =>
      [200, 204, 302, 404, 500].map((statusCode) => {
        stub.on('GET', `https://stubbed.test/status/${statusCode}`, { statusCode })
        return { url: `https://stubbed.test/status/${statusCode}`, statusCode }
      }),
    upload: () => {
      stub.on('POST', 'https://stubbed.test/upload')
      return {
        url: 'https://stubbed.test/upload',
        method: 'POST',
        received: () => stub.requests.at(-1)?.body as Buffer,
      }
    },
  }
  adapterSuite({
    name: 'StubAdapter',
    create: () => (stub = new StubAdapter()),
    capabilities: { statuses: true, uploads: true },
    runner,
    target: () => target,
  })
})

async function* piecesOf(length: number, seed: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield* seededBlocks(length, seed)
}

/** What an app of either kind serves, by path. */
interface AppWorld {
  readonly seen: SeenRequest[]
  open: number
  uploaded: Buffer
}

function appTarget(world: AppWorld): AdapterTarget {
  const at = (path: string): { url: string } => ({ url: `https://app.test${path}` })
  return {
    resource: (length, seed) => at(`/resource/${length}/${seed}`),
    failing: () => at('/throws'),
    open: () => world.open,
    statuses: () =>
      [200, 201, 204, 301, 404, 418, 500, 599].map((statusCode) => ({ ...at(`/status/${statusCode}`), statusCode })),
    upload: () => ({ ...at('/upload'), method: 'POST', received: () => world.uploaded }),
    silent: () => at('/never'),
    stalled: () => at('/stalled'),
    broken: () => at('/broken'),
    truncated: () => at('/truncated'),
    http: {
      redirect: () => at('/redirect'),
      challenge: () => at('/status/401'),
      setsCookie: () => at('/cookie'),
      unavailable: () => at('/status/503'),
      gzipped: () => ({ ...at('/gzip'), plain: Buffer.alloc(1000) }),
      requests: () => world.seen,
    },
  }
}

const capabilities: AdapterCapabilities = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  readTimeout: true,
  http: true,
  // Nothing is between an app and its caller, so a proxy is neither used nor missed.
  proxies: true,
}
const inProcess = {
  ...runner,
  test: (name: string, body: () => Promise<void>): unknown =>
    name.endsWith('honours proxy') ? undefined : test(name, body),
}

describe('a Node app', () => {
  const world: AppWorld = { seen: [], open: 0, uploaded: Buffer.alloc(0) }
  adapterSuite({
    name: 'AppAdapter.node',
    create: () => {
      Object.assign(world, { open: 0, uploaded: Buffer.alloc(0) })
      return AppAdapter.node((request, response) => nodeApp(world, request, response))
    },
    capabilities,
    runner: inProcess,
    target: () => appTarget(world),
  })
})

async function nodeApp(world: AppWorld, request: IncomingMessage, response: ServerResponse): Promise<void> {
  world.open += 1
  response.once('close', () => (world.open -= 1))
  request.on('error', () => {})
  response.on('error', () => {})
  const { method = '', url = '' } = request
  world.seen.push({ method, url, header: (name) => (request.headers[name] as string | undefined) ?? null })
  const [, name, first = '', second = ''] = url.split('/')
  if (name === 'throws') throw new Error('the app has a bug')
  if (name === 'never') return
  if (name === 'broken') return void request.socket.destroy()
  if (name === 'stalled') return void response.writeHead(200, { 'Content-Length': 1000 }).write('x')
  if (name === 'truncated') {
    response.writeHead(200, { 'Content-Length': 1000 }).write('x')
    return void setImmediate(() => request.socket.destroy())
  }
  if (name === 'upload') {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    world.uploaded = Buffer.concat(pieces)
    return void response.end(createHash('sha256').update(world.uploaded).digest('hex'))
  }
  if (name === 'redirect') return void response.writeHead(302, { Location: '/status/200' }).end()
  if (name === 'cookie') return void response.writeHead(200, { 'Set-Cookie': 'a=b; Path=/' }).end()
  if (name === 'gzip')
    return void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1000)))
  if (name === 'status') return void response.writeHead(Number(first)).end()
  for (const block of seededBlocks(Number(first), Number(second))) {
    if (response.destroyed) return
    if (!response.write(block)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
  }
  response.end()
}

describe('a fetch handler', () => {
  const world: AppWorld = { seen: [], open: 0, uploaded: Buffer.alloc(0) }
  adapterSuite({
    name: 'AppAdapter.fetch',
    create: () => {
      Object.assign(world, { open: 0, uploaded: Buffer.alloc(0) })
      return AppAdapter.fetch((request) => fetchApp(world, request))
    },
    capabilities,
    runner: inProcess,
    target: () => appTarget(world),
  })
})

async function fetchApp(world: AppWorld, request: globalThis.Request): Promise<globalThis.Response> {
  const { pathname } = new URL(request.url)
  world.seen.push({ method: request.method, url: pathname, header: (name) => request.headers.get(name) })
  const [, name, first = '', second = ''] = pathname.split('/')
  if (name === 'throws' || name === 'broken') throw new Error('the app has a bug')
  if (name === 'never') return untilAborted(world, request.signal)
  if (name === 'stalled' || name === 'truncated') return new Response(halfBody(world, name === 'truncated'))
  if (name === 'upload') {
    world.uploaded = Buffer.from(await request.arrayBuffer())
    return new Response('')
  }
  if (name === 'redirect') return new Response(null, { status: 302, headers: { Location: '/status/200' } })
  if (name === 'cookie') return new Response('', { headers: { 'Set-Cookie': 'a=b; Path=/' } })
  if (name === 'gzip') return new Response(gzipSync(Buffer.alloc(1000)), { headers: { 'Content-Encoding': 'gzip' } })
  if (name === 'status') return new Response(null, { status: Number(first) })
  return new Response(seededStream(world, Number(first), Number(second)))
}

function untilAborted(world: AppWorld, signal: AbortSignal): Promise<never> {
  world.open += 1
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      world.open -= 1
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', stop, { once: true })
  })
}

function halfBody(world: AppWorld, isCut: boolean): ReadableStream<Uint8Array> {
  world.open += 1
  return new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from('x')),
    pull: (controller) => {
      if (!isCut) return new Promise(() => {})
      controller.error(new Error('cut'))
      world.open -= 1
      return undefined
    },
    cancel: () => void (world.open -= 1),
  })
}

function seededStream(world: AppWorld, length: number, seed: number): ReadableStream<Uint8Array> {
  const blocks = seededBlocks(length, seed)[Symbol.iterator]()
  world.open += 1
  return new ReadableStream(
    {
      pull: (controller) => {
        const step = blocks.next()
        if (step.done !== true) return controller.enqueue(step.value)
        world.open -= 1
        controller.close()
      },
      cancel: () => void (world.open -= 1),
    },
    { highWaterMark: 0 },
  )
}
