import { afterEach, expect, test } from 'vitest'
import { FTPAdapter, type FTPSession, ftpSession, type FTPSessionOptions } from '@entreat/adapter-ftp'
import { ConnectionError, PoolTimeout, Session, TotalTimeout, UsageError, WriteTimeout } from '@entreat/core'
import { seededBytes, TestFTPServer, type TestFTPServerOptions } from '@entreat/testkit'
import { HostileServer } from '../support/hostile-server.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function start(options?: TestFTPServerOptions): Promise<TestFTPServer> {
  const server = await TestFTPServer.start(options)
  opened.push(server)
  server.files.write('/a.txt', 'content')
  return server
}

function open(options: FTPSessionOptions = {}): FTPSession {
  const session = ftpSession({ trustEnv: false, ...options })
  opened.push(session)
  return session
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; !isTrue() && turn < 500; turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isTrue()).toBe(true)
}

test('requests in a row share one connection, and sign in once', async () => {
  const server = await start()
  const session = open()
  for (let count = 0; count < 10; count++) expect((await session.get(`${server.url}/a.txt`)).text).toBe('content')
  await session.list(`${server.url}/`)
  await session.put(`${server.url}/b.txt`, { data: 'x' })
  expect(server.connectionCount).toBe(1)
  expect(server.commands.filter(({ verb }) => verb === 'TYPE')).toHaveLength(1)
})

test.each(['plain text', 'TLS'])(
  'a download in %s that is given up leaves a connection that serves again',
  async (kind) => {
    const server = await start()
    server.files.write('/large.bin', seededBytes(20_000_000, 4))
    const secure = { verify: server.ca, ftp: { explicitTls: kind === 'TLS' } }
    const session = open({ ...secure, limits: { connections: 1 } })
    for (let count = 1; count <= 3; count++) {
      const response = await session.retr(`${server.url}/large.bin`)
      for await (const piece of response) if (piece.length > 0) break
      response.close()
      // There may be one connection: this waits until that has been given back, or is gone.
      expect((await session.get(`${server.url}/a.txt`)).text).toBe('content')
      expect(server.commands.filter(({ verb }) => verb === 'NOOP')).toHaveLength(count)
    }
    expect(server.connectionCount).toBe(1)
  },
)

test('another user, another trust and another server have connections of their own', async () => {
  const [server, other] = [await start(), await start()]
  const session = open()
  await session.get(`${server.url}/a.txt`)
  await session.get(`${server.url}/a.txt`, { auth: ['bob', 'secret'] })
  await session.get(`${server.url}/a.txt`, { auth: ['bob', 'other'] })
  await session.get(`${server.url}/a.txt`, { auth: ['bob', 'secret'] })
  expect(server.connectionCount).toBe(3)
  await session.get(`${other.url}/a.txt`)
  expect([server.connectionCount, other.connectionCount]).toEqual([3, 1])
  await session.get(`${server.ftpsUrl}/a.txt`, { verify: server.ca })
  await session.get(`${server.ftpsUrl}/a.txt`, { verify: false })
  expect(server.connectionCount).toBe(5)
})

test('1,000 requests at once take no more connections than the limit, and all are answered', async () => {
  const server = await start()
  const session = open({ ftp: { limits: { connectionsPerOrigin: 8 } } })
  const all = await Promise.all(Array.from({ length: 1000 }, () => session.get(`${server.url}/a.txt`)))
  expect(all.every(({ text }) => text === 'content')).toBe(true)
  expect(server.connectionCount).toBe(8)
})

test('a connection that is idle elsewhere makes room', async () => {
  const [server, other] = [await start(), await start()]
  const session = open({ limits: { connections: 1 } })
  for (const { url } of [server, other, server]) await session.get(`${url}/a.txt`)
  expect([server.connectionCount, other.connectionCount]).toEqual([2, 1])
})

test('whoever waits longer than timeout.pool, or is aborted, leaves; the others are served', async () => {
  const server = await start()
  server.files.write('/large.bin', seededBytes(8_000_000, 1))
  const session = open({ limits: { connectionsPerOrigin: 1 } })
  const busy = await session.retr(`${server.url}/large.bin`)
  const url = `${server.url}/a.txt`
  await expect(session.get(url, { timeout: { pool: 50 } })).rejects.toBeInstanceOf(PoolTimeout)
  const controller = new AbortController()
  const aborted = session.get(url, { signal: controller.signal })
  const waiting = session.get(url)
  controller.abort(new Error('no more'))
  await expect(aborted).rejects.toThrow('no more')
  busy.close()
  expect((await waiting).text).toBe('content')
})

test('an idle connection is kept alive by NOOP, and closed after limits.idleMs', async () => {
  const server = await start()
  const session = open({ limits: { idleMs: 400 }, ftp: { noopIntervalMs: 50 } })
  await session.get(`${server.url}/a.txt`)
  await until(() => server.commands.filter(({ verb }) => verb === 'NOOP').length >= 2)
  await session.get(`${server.url}/a.txt`)
  expect(server.connectionCount).toBe(1)
  await until(() => server.openConnections === 0)
  await session.get(`${server.url}/a.txt`)
  expect(server.connectionCount).toBe(2)
})

test('a connection that closed while it was idle is replaced for a request that may be repeated', async () => {
  let control: { destroy(): void } | null = null
  const intercept: TestFTPServerOptions['intercept'] = ({ verb }, conversation) => {
    if (verb === 'USER') control = conversation
    return false
  }
  const server = await start({ intercept })
  const session = open()
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    await session.get(`${server.url}/a.txt`)
    ;(control as unknown as { destroy(): void }).destroy()
    const response = await session.request(method, `${server.url}/a.txt`, method === 'PUT' ? { data: 'content' } : {})
    expect(response.ok).toBe(true)
    server.files.write('/a.txt', 'content')
  }
})

test('421 on a kept connection is as if it had closed', async () => {
  let refuses = false
  const server = await start({
    intercept: ({ verb }, conversation) => {
      if (verb !== 'SIZE' || !refuses) return false
      refuses = false
      conversation.reply('421 Timeout')
      return true
    },
  })
  const session = open()
  await session.get(`${server.url}/a.txt`)
  refuses = true
  expect((await session.get(`${server.url}/a.txt`)).text).toBe('content')
  expect(server.connectionCount).toBe(2)
})

test('a rename is not repeated: the first may have been done', async () => {
  let isBroken = false
  const server = await start({
    intercept: ({ verb }, conversation) => {
      if (verb === 'RNTO' && isBroken) conversation.destroy()
      return verb === 'RNTO' && isBroken
    },
  })
  const session = open()
  await session.get(`${server.url}/a.txt`)
  isBroken = true
  await expect(session.rename(`${server.url}/a.txt`, '/b.txt')).rejects.toBeInstanceOf(ConnectionError)
  expect(server.commands.filter(({ verb }) => verb === 'RNTO')).toHaveLength(1)
})

test('an upload that the server does not take ends with timeout.write', async () => {
  await using server = await HostileServer.start()
  server.data = null
  server.answers['STOR'] = '150 send\r\n'
  const session = open({ timeout: { write: 100, read: 10_000 } })
  const sent = session.put(`${server.url}/a`, { data: Buffer.alloc(64 * 1024 * 1024) })
  await expect(sent).rejects.toBeInstanceOf(WriteTimeout)
})

test('timeout.total ends a download in its middle', async () => {
  const server = await start({
    intercept: async ({ verb }, conversation) => {
      if (verb !== 'RETR') return false
      ;(await conversation.openData()).write('con')
      return true
    },
  })
  await expect(open().get(`${server.url}/a.txt`, { timeout: { total: 200 } })).rejects.toBeInstanceOf(TotalTimeout)
})

test('no listener stays on a signal that many requests share', async () => {
  const server = await start()
  const adapter = new FTPAdapter()
  const session = new Session({ trustEnv: false }).mount('ftp://', adapter)
  opened.push(session)
  const { signal } = new AbortController()
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  await Promise.all(Array.from({ length: 100 }, () => session.get(`${server.url}/a.txt`, { signal })))
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

test('a listing in between changes nothing for relative names, whatever the server says of directories', async () => {
  for (const answer of [null, '502 Unknown', '257 no quotes', '257 "/gone" is it']) {
    const intercept: TestFTPServerOptions['intercept'] = ({ verb }, conversation) => {
      if (verb !== 'PWD' || answer === null) return false
      conversation.reply(answer)
      return true
    }
    const server = await start({ intercept })
    server.files.write('/dir/a.txt', 'another')
    const session = open()
    for (let count = 0; count < 3; count++) {
      expect(await session.nlst(`${server.url}/dir/`)).toEqual(['a.txt'])
      expect((await session.get(`${server.url}/a.txt`)).text).toBe('content')
      expect((await session.get(`${server.url}/dir`)).json()).toHaveLength(1)
    }
    expect(server.connectionCount).toBe(answer === null ? 1 : 6)
  }
})

test('who leaves says good-bye', async () => {
  const server = await start()
  const session = open({ limits: { idleMs: 30 } })
  await session.get(`${server.url}/a.txt`)
  await until(() => server.openConnections === 0)
  expect(server.commands.at(-1)?.verb).toBe('QUIT')
})

test('closing the session ends what runs, and what it leaves can be used again', async () => {
  const server = await start()
  server.files.write('/large.bin', seededBytes(8_000_000, 1))
  const session = open()
  const response = await session.retr(`${server.url}/large.bin`)
  await session.close()
  await expect(response.read()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await until(() => server.openConnections === 0)
  expect((await session.get(`${server.url}/a.txt`)).text).toBe('content')
})

test.each([
  [{ explicitTLS: true }, 'explicitTls'],
  [{ mod: 'active' }, 'mode'],
  [{ mode: 'aktiv' }, '"passive" or "active"'],
  [{ activePorts: [5, 1] }, 'activePorts'],
  [{ noopIntervalMs: -1 }, 'noopIntervalMs'],
  [{ proxyMode: 'x' }, 'proxyMode'],
  [{ limits: { connection: 1 } }, 'limits'],
])('refuses the option %j', (options, named) => {
  expect(() => new FTPAdapter(options as never)).toThrow(UsageError)
  expect(() => new FTPAdapter(options as never)).toThrow(named)
})

test('options that Object.prototype was given say nothing', async () => {
  const server = await start()
  const polluted = Object.prototype as Record<string, unknown>
  try {
    Object.assign(polluted, {
      explicitTls: true,
      mode: 'active',
      atomicUploads: true,
      servername: 'evil.example',
      onread: 1,
    })
    await open().put(`${server.url}/b.txt`, { data: 'x' })
    expect((await open().get(`${server.url}/b.txt`)).text).toBe('x')
  } finally {
    for (const name of ['explicitTls', 'mode', 'atomicUploads', 'servername', 'onread']) delete polluted[name]
  }
  expect(server.commands.some(({ verb }) => ['AUTH', 'EPRT', 'RNTO'].includes(verb))).toBe(false)
})
