import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  HTTPAdapter,
  type PreparedRequest,
  Request,
  Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { type AdapterCapabilities, adapterSuite, type AdapterTarget, httpTarget, TestServer } from '@entreat/testkit'
import { RecordingRunner } from './recording-runner.ts'

const capabilities: AdapterCapabilities = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  readTimeout: true,
  http: true,
}

let server: TestServer
const opened: HTTPAdapter[] = []
beforeAll(async () => void (server = await TestServer.start()))
afterEach(async () => void (await Promise.all(opened.splice(0).map((adapter) => adapter.close()))))
afterAll(() => server.close())

/** An adapter that keeps every rule, for others to break one. */
class Forwarding extends TransportAdapter {
  readonly http = new HTTPAdapter()

  constructor() {
    super()
    opened.push(this.http)
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.http.send(request, options)
  }

  close(): Promise<void> {
    return this.http.close()
  }
}

class ChangesRequest extends Forwarding {
  override send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    request.headers.set('X-Changed', 'yes')
    return super.send(request, options)
  }
}

class ThrowsOnStatus extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await super.send(request, options)
    return response.statusCode === 404 ? response.raiseForStatus() : response
  }
}

class FollowsRedirects extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await super.send(request, options)
    const location = response.headers.get('location')
    if (location === null || response.statusCode !== 302) return response
    response.close()
    return this.send(await new Request('GET', new URL(location, request.url)).prepare(), options)
  }
}

class Decodes extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await super.send(request, options)
    if (response.headers.get('content-encoding') !== 'gzip') return response
    const received: Buffer[] = []
    for await (const piece of response.raw) received.push(piece as Buffer)
    const body = gunzipSync(Buffer.concat(received))
    return new Response({ request, statusCode: response.statusCode, headers: response.headers, body })
  }
}

class IgnoresSignal extends Forwarding {
  override send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return super.send(request, { ...options, signal: undefined })
  }
}

class ReplacesReason extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return super.send(request, options).catch((error: unknown) => {
      throw options.signal?.aborted === true ? new DOMException('Aborted', 'AbortError') : error
    })
  }
}

class LeaksSockets extends Forwarding {
  override close(): Promise<void> {
    return Promise.resolve()
  }
}

class ReadsAhead extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await super.send(request, options)
    const pieces: Buffer[] = []
    const pump = async (): Promise<void> => {
      for await (const piece of response.raw) pieces.push(Buffer.from(piece as Buffer))
    }
    const done = pump()
    done.catch(() => {})
    const body = (async function* (): AsyncGenerator<Buffer> {
      await done
      yield* pieces
    })()
    return new Response({ request, statusCode: response.statusCode, headers: response.headers, body })
  }
}

class RawErrors extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return super.send(request, options).catch((error: unknown) => {
      throw (error as Error).cause ?? error
    })
  }
}

class MixesRequests extends Forwarding {
  #request: PreparedRequest | null = null

  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    this.#request = request
    await Promise.resolve()
    return super.send(this.#request, options)
  }
}

class RetriesUnavailable extends Forwarding {
  override async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await super.send(request, options)
    if (response.statusCode !== 503) return response
    response.close()
    return super.send(request, options)
  }
}

function suiteOf(adapter: new () => TransportAdapter): RecordingRunner {
  const runner = new RecordingRunner()
  const target = (): ReturnType<typeof httpTarget> => httpTarget(server)
  adapterSuite({ name: adapter.name, create: () => new adapter(), capabilities, runner, target })
  return runner
}

const broken = [
  [ChangesRequest, '4.2.2 never changes the request', "it changed the request's headers"],
  [ThrowsOnStatus, '4.2.3 any status', 'it rejected where the answer is 404: HTTPError'],
  [FollowsRedirects, '4.2.4 follows no redirects', 'it followed a redirect'],
  [RetriesUnavailable, '4.2.4 repeats nothing', 'it sent a request 2 times to get over a 503'],
  [Decodes, '4.2.4 leaves content codings', 'it took a content coding off'],
  [ReadsAhead, '4.2.5 the body streams', 'it holds more than 16 MiB for a reader that does not read'],
  [IgnoresSignal, '4.2.6 honours a signal while', 'it did not reject when its signal aborted'],
  [ReplacesReason, '4.2.6 honours a signal while', "instead of the signal's reason"],
  [RawErrors, '4.2.7 failures', 'which is no RequestException'],
  [LeaksSockets, '4.2.8 after close() nothing stays open: an unread body', 'after close() something stays open'],
  [MixesRequests, '4.2.1 is safe for concurrent use: each', 'concurrent requests mix their bodies'],
] as const

test.each(broken.map(([adapter, part, what]) => ({ name: adapter.name, adapter, part, what })))(
  '$name is named by class and rule',
  async ({ adapter, part, what }) => {
    const failures = await suiteOf(adapter).failures(part)
    expect(failures[0]).toContain(`${adapter.name} breaks rule ${part.slice(0, 5)}: `)
    expect(failures[0]).toContain(what)
  },
)

test('an adapter that keeps the rules fails none', async () => {
  const runner = suiteOf(Forwarding)
  expect(await runner.failures()).toEqual([])
  expect(runner.groups).toEqual(['Forwarding'])
})

test('every numbered rule has a test', () => {
  const runner = suiteOf(Forwarding)
  for (const rule of ['4.2.1', '4.2.2', '4.2.3', '4.2.4', '4.2.5', '4.2.6', '4.2.7', '4.2.8']) {
    expect(runner.names.some((name) => name.startsWith(`${rule} `))).toBe(true)
  }
})

test('what is not declared is skipped and says why', () => {
  const { skipped, names } = suiteOf(Forwarding)
  expect(skipped).toContainEqual(['4.2.6 honours proxy', 'adapter declares no proxies'])
  expect(names).toContain('4.2.6 refuses proxy clearly')
  expect(names).toContain('4.2 without connections it does not define acquire()')
})

test('without skip() a rule that does not apply passes and says so in its name', async () => {
  const recorder = new RecordingRunner()
  const { describe, test } = recorder
  const create = (): Forwarding => new Forwarding()
  adapterSuite({ name: 'Forwarding', create, runner: { describe, test }, target: () => httpTarget(server) })
  expect(recorder.names).toContain('4.2.6 honours proxy (not applicable: adapter declares no network)')
  expect(await recorder.failures('not applicable')).toEqual([])
})

test('a capability without its part of the target fails and says which', async () => {
  const runner = new RecordingRunner()
  const target = (): AdapterTarget => {
    const { statuses: _left, ...others } = httpTarget(server)
    return others
  }
  const create = (): Forwarding => new Forwarding()
  adapterSuite({ name: 'Forwarding', create, capabilities: { statuses: true }, runner, target })
  expect((await runner.failures('any status')).join()).toContain("the suite's target has no statuses()")
})
