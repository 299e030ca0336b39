import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { type FTPAdapterOptions, type FTPResponse, type FTPSession, ftpSession } from '@entreat/adapter-ftp'
import {
  ChunkedEncodingError,
  ConnectionError,
  InvalidURL,
  LimitExceededError,
  ReadTimeout,
  RequestException,
  SSLError,
} from '@entreat/core'
import { TestFTPServer, testCertificates } from '@entreat/testkit'
import { HostileServer } from '../support/hostile-server.ts'

const sessions: FTPSession[] = []
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

function open(ftp: FTPAdapterOptions = {}, readMs = 10_000): FTPSession {
  const session = ftpSession({
    auth: ['bob', 's3cret-pass'],
    trustEnv: false,
    timeout: { connect: 5000, read: readMs },
    ftp,
  })
  sessions.push(session)
  return session
}

async function failureOf(promise: Promise<unknown>): Promise<RequestException> {
  const reason = await promise.then(
    () => new Error('it resolved'),
    (error: unknown) => error,
  )
  expect(reason).toBeInstanceOf(RequestException)
  expect(String(reason) + JSON.stringify(reason)).not.toContain('s3cret-pass')
  return reason as RequestException
}

function writeSlowly(socket: Socket, text: string): void {
  const write = (at: number): void => {
    if (socket.destroyed || at >= text.length) return
    socket.write(text[at] ?? '')
    setImmediate(write, at + 1)
  }
  write(0)
}

test('replies cut at any byte are put together', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(100, 'x')
  for (const [verb, answer] of Object.entries(server.answers))
    server.answers[verb] = (socket) => writeSlowly(socket, answer as string)
  server.answers['FEAT'] = (socket) =>
    writeSlowly(socket, '211-what there is\r\n211 is not the end\r\n MDTM\r\n211 end\r\n')
  server.answers['FEAT'] = (socket) => writeSlowly(socket, '211-what there is\r\n MDTM\r\n2119 no end\r\n211 end\r\n')
  server.answers['RETR'] = (socket) => writeSlowly(socket, '150 coming\r\n226 done\r\n')
  expect((await open().get(`${server.url}/a`)).content.length).toBe(100)
})

test('an address in a PASV reply is not dialled: the data comes from the host of the control connection', async () => {
  await using server = await HostileServer.start()
  const elsewhere = createServer((socket) => socket.destroy()).listen(server.dataPort, '127.0.0.2')
  let visits = 0
  elsewhere.on('connection', () => visits++)
  server.data = Buffer.alloc(100, 'x')
  const [high, low] = [server.dataPort >> 8, server.dataPort & 255]
  server.answers['EPSV'] = '500 what?\r\n'
  server.answers['PASV'] = `227 Entering Passive Mode (127,0,0,2,${high},${low})\r\n`
  server.answers['RETR'] = '150 coming\r\n226 done\r\n'
  expect((await open().get(`${server.url}/a`)).content.length).toBe(100)
  expect([visits, server.dataConnections]).toEqual([0, 1])
  elsewhere.close()
})

test.each([
  ['EPSV', '229 ok (|||0|)\r\n'],
  ['EPSV', '229 ok (|||99999|)\r\n'],
  ['EPSV', '229 no port at all\r\n'],
  ['EPSV', '229 ok (|1|10.0.0.1|21|)\r\n'],
])('a reply to %s without a port that can be dialled (%j) is a ConnectionError', async (verb, answer) => {
  await using server = await HostileServer.start()
  server.answers[verb] = answer
  expect(await failureOf(open().get(`${server.url}/a`))).toBeInstanceOf(ConnectionError)
})

test('data that ends early is an error although the server says that all is well', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(7)
  server.answers['RETR'] = '150 coming\r\n226 done\r\n'
  const error = await failureOf(open().get(`${server.url}/a`))
  expect(error).toBeInstanceOf(ChunkedEncodingError)
  expect([error.message, error.responseStarted]).toEqual([expect.stringContaining('7 of 100 bytes'), true])
})

test('data that is whole is an error all the same where the server says that it is not', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(100)
  server.answers['RETR'] = '150 coming\r\n451 disk failure\r\n'
  const error = await failureOf(open().get(`${server.url}/a`))
  expect(error).toBeInstanceOf(ChunkedEncodingError)
  expect(error.message).toContain('451 disk failure')
})

test('a server that never confirms a transfer is waited for no longer than timeout.read', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(100)
  server.answers['STOR'] = '150 send\r\n'
  for (const method of ['GET', 'PUT']) {
    const error = await failureOf(open({}, 200).request(method, `${server.url}/a`))
    expect(error).toBeInstanceOf(ReadTimeout)
    expect(error.message).toContain('did not confirm')
  }
})

test.each(['connect', 'USER', 'PASS', 'FEAT', 'TYPE', 'SIZE', 'EPSV', 'RETR'])(
  'silence after %s ends with timeout.read',
  async (verb) => {
    await using server = await HostileServer.start()
    server.answers[verb] = () => {}
    expect(await failureOf(open({}, 100).get(`${server.url}/a`))).toBeInstanceOf(ReadTimeout)
  },
)

test.each(['connect', 'USER', 'PASS', 'TYPE', 'SIZE', 'EPSV', 'RETR'])(
  'a close after %s is a ConnectionError',
  async (verb) => {
    await using server = await HostileServer.start()
    server.answers[verb] = (socket) => void socket.destroy()
    const error = await failureOf(open().get(`${server.url}/a`))
    expect(error).toBeInstanceOf(ConnectionError)
    expect([error.responseStarted, error.connectionReused]).toEqual([false, false])
  },
)

test.each([
  ['a line without end', (socket: Socket) => flood(socket, 'x')],
  ['a reply of endless lines', (socket: Socket) => flood(socket, '213-line\r\n')],
  ['endless preliminary replies', (socket: Socket) => flood(socket, '120 wait\r\n')],
  ['endless replies', (socket: Socket) => flood(socket, '213 5\r\n')],
])('%s is an error before memory is full', async (_name, answer) => {
  await using server = await HostileServer.start()
  server.answers['SIZE'] = answer
  const error = await failureOf(open().get(`${server.url}/a`))
  expect(error instanceof LimitExceededError || error instanceof ConnectionError).toBe(true)
})

function flood(socket: Socket, text: string): void {
  const piece = text.repeat(1000)
  const write = (): void => {
    if (socket.destroyed) return
    if (socket.write(piece)) setImmediate(write)
    else socket.once('drain', write)
  }
  write()
}

test.each(['HTTP/1.1 400 Bad Request\r\n', '\r\n', '22 short\r\n', '2200 long\r\n', '999 beyond\r\n', '\0\0\0\r\n'])(
  'a greeting that is no FTP (%j) is a ConnectionError',
  async (greeting) => {
    await using server = await HostileServer.start()
    server.answers['connect'] = greeting
    expect(await failureOf(open().get(`${server.url}/a`))).toBeInstanceOf(ConnectionError)
  },
)

test('a refused greeting is a 503', async () => {
  await using server = await HostileServer.start()
  server.answers['connect'] = '421 too many connections\r\n'
  const response = await open().get(`${server.url}/a`)
  expect([response.statusCode, response.reason]).toEqual([503, 'too many connections'])
})

test('a reply that repeats the password is shown without it', async () => {
  await using server = await HostileServer.start()
  server.answers['PASS'] = '530 bob/s3cret-pass is wrong\r\n'
  const response = (await open().get(`${server.url}/a`)) as FTPResponse
  expect([response.statusCode, response.reason]).toEqual([401, 'bob/*** is wrong'])
  expect(JSON.stringify([response.transcript, response.text])).not.toContain('s3cret-pass')
  server.answers['PASS'] = '230 in\r\n'
  server.answers['SIZE'] = '550 s3cret-pass\r\n'
  server.answers['RETR'] = '550 s3cret-pass\r\n'
  const second = (await open().get(`${server.url}/a`)) as FTPResponse
  expect(JSON.stringify([second.transcript, second.text, second.reason])).not.toContain('s3cret-pass')
})

test('control characters in a reply do not get into the reason', async () => {
  await using server = await HostileServer.start()
  server.answers['RETR'] = '550 \u001b[31mred\u0007 a\rb\r\n'
  expect((await open().get(`${server.url}/a`)).reason).toBe('[31mred  a b')
})

test('what is said in plain text before TLS does not count', async () => {
  await using server = await HostileServer.start()
  server.answers['AUTH'] = '234 go\r\n230 you are in already\r\n'
  const error = await failureOf(open({ explicitTls: true }).get(`${server.url}/a`))
  expect(error.message).toContain('nobody asked for')
  expect(server.lines).toEqual(['AUTH TLS'])
})

test.each([
  ['AUTH', '500 what?\r\n'],
  ['AUTH', '230 not needed\r\n'],
  ['AUTH', '534 no\r\n'],
])('TLS refused (%s: %j) ends the connection before user and password', async (verb, answer) => {
  await using server = await HostileServer.start()
  server.answers[verb] = answer
  expect(await failureOf(open({ explicitTls: true }).get(`${server.url}/a`))).toBeInstanceOf(SSLError)
  expect(server.lines).toEqual(['AUTH TLS'])
})

test('a data connection with a certificate that nobody vouches for is not used', async () => {
  const { untrustedClient, ca } = testCertificates()
  let received = 0
  const evil = createTlsServer(
    untrustedClient,
    (socket) => void socket.on('data', (piece: Buffer) => (received += piece.length)),
  )
  await new Promise<void>((resolve) => void evil.listen(0, '127.0.0.1', resolve))
  const server = await TestFTPServer.start({
    intercept: ({ verb }, conversation) => {
      if (verb === 'EPSV') conversation.reply(`229 ok (|||${(evil.address() as AddressInfo).port}|)`)
      if (verb === 'RETR' || verb === 'STOR') conversation.reply('150 go on')
      return ['EPSV', 'RETR', 'STOR'].includes(verb)
    },
  })
  for (const session of [open({ explicitTls: true }), open()]) {
    session.verify = ca
    const url = session === sessions[0] ? server.url : server.ftpsUrl
    expect(await failureOf(session.get(`${url}/a`))).toBeInstanceOf(SSLError)
    expect(await failureOf(session.stor(`${url}/a`, 'secret'))).toBeInstanceOf(SSLError)
  }
  expect(received).toBe(0)
  await server.close()
  await new Promise((resolve) => evil.close(resolve))
})

test('something said on an idle connection ends it: it is not taken for the next reply', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(100)
  server.answers['RETR'] = '150 coming\r\n226 done\r\n'
  let control: Socket | null = null
  server.answers['SIZE'] = (socket) => {
    control = socket
    socket.write('213 100\r\n')
  }
  const session = open()
  await session.get(`${server.url}/a`)
  const closed = new Promise((resolve) => void (control as unknown as Socket).once('close', resolve))
  ;(control as unknown as Socket).write('213 1\r\n')
  await closed
  expect((await session.get(`${server.url}/a`)).headers.get('content-length')).toBe('100')
})

test('two replies to one command end the connection with that request', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.alloc(100)
  server.answers['RETR'] = '150 coming\r\n226 done\r\n226 done again\r\n'
  const session = open()
  expect((await session.get(`${server.url}/a`)).content.length).toBe(100)
  server.answers['RETR'] = '150 coming\r\n226 done\r\n'
  expect((await session.get(`${server.url}/a`)).content.length).toBe(100)
  expect(server.lines.filter((line) => line.startsWith('USER'))).toHaveLength(2)
})

test.each(['%0d%0aDELE%20x', 'a%0aQUIT', 'a%00b', '%0D'])(
  'a name with %s is refused before anything is sent',
  async (name) => {
    await using server = await HostileServer.start()
    const error = await failureOf(open().get(`${server.url}/${name}`))
    expect(error).toBeInstanceOf(InvalidURL)
    expect(server.lines).toEqual([])
  },
)

test('user and password with line ends are refused before anything is sent', async () => {
  await using server = await HostileServer.start()
  const error = await failureOf(open().get(`${server.url}/a`, { auth: ['bob\r\nDELE x', 'pw'] }))
  expect(error.code).toBe('ERR_AUTHENTICATION')
  expect(server.lines).toEqual([])
})

test('a directory that names files elsewhere is not downloaded', async () => {
  for (const name of ['../../evil', '..\\evil', '/etc/passwd', 'a\0b']) {
    await using server = await HostileServer.start()
    server.data = Buffer.from(`-rw-r--r-- 1 a b 5 Nov 26 01:00 ${name}\r\n`)
    server.answers['CWD'] = '250 ok\r\n'
    server.answers['LIST'] = '150 coming\r\n226 done\r\n'
    const error = await failureOf(open().downloadDirectory(`${server.url}/dir/`, '/nonexistent/folder'))
    expect(error.code).toBe('ERR_UNSAFE_NAME')
  }
})

test('a data connection that nobody serves ends with timeout.read, and its data is not taken from the next', async () => {
  await using server = await HostileServer.start()
  server.data = null
  const session = open({}, 150)
  expect(await failureOf(session.get(`${server.url}/a`))).toBeInstanceOf(ReadTimeout)
  server.data = Buffer.alloc(100)
  server.answers['RETR'] = '150 coming\r\n226 done\r\n'
  expect((await session.get(`${server.url}/a`)).content.length).toBe(100)
})

test('an endless listing is cut off at limits.decodedBytes', async () => {
  await using server = await HostileServer.start()
  server.data = Buffer.from('-rw-r--r-- 1 a b 5 Nov 26 01:00 x\r\n'.repeat(10_000))
  server.answers['LIST'] = '150 coming\r\n226 done\r\n'
  const error = await failureOf(open().request('LIST', `${server.url}/`, { limits: { decodedBytes: 100_000 } }))
  expect(error).toBeInstanceOf(LimitExceededError)
})

test('an aborted request leaves at every step: its reason is what the call rejects with, and no connection stays', async () => {
  const steps = ['connect', 'USER', 'PASS', 'FEAT', 'TYPE', 'SIZE', 'EPSV', 'RETR', 'STOR', 'RNFR', 'RNTO']
  for (const verb of steps) {
    await using server = await HostileServer.start()
    const controller = new AbortController()
    const reason = new Error(`aborted at ${verb}`)
    server.answers['STOR'] = '150 send\r\n226 done\r\n'
    server.answers['RNFR'] = '350 and?\r\n'
    server.answers[verb] = () => controller.abort(reason)
    const session = open()
    const { signal } = controller
    const isUpload = ['STOR', 'RNFR', 'RNTO'].includes(verb)
    const sent = isUpload
      ? session.stor(`${server.url}/a`, 'content', { signal, atomic: true })
      : session.get(`${server.url}/a`, { signal })
    await expect(sent).rejects.toBe(reason)
    await session.close()
    for (let turn = 0; server.openConnections > 0 && turn < 1000; turn++) await new Promise(setImmediate)
    expect([verb, server.openConnections]).toEqual([verb, 0])
  }
})
