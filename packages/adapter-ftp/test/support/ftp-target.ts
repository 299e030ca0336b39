import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  type AdapterTarget,
  type ClientCertificatePlace,
  type FTPCommand,
  type FTPConversation,
  type Place,
  type ProxyPlace,
  type StatusPlace,
  seededBlocks,
  testCertificates,
  TestFTPServer,
  type TestProxy,
  type TlsPlace,
  type UploadPlace,
} from '@entreat/testkit'

const SHOWN = 'client-certificate'

/** Names that make the server behave badly. */
async function misbehave({ verb, argument }: FTPCommand, conversation: FTPConversation): Promise<boolean> {
  if (verb === 'SIZE' && argument === SHOWN) conversation.files.write(`/${SHOWN}`, conversation.clientCertificate ?? '')
  if (verb !== 'RETR') return false
  if (argument === 'silent') return true
  if (argument === 'broken') {
    conversation.destroy()
    return true
  }
  if (argument !== 'stalled' && argument !== 'truncated') return false
  const data = await conversation.openData()
  data.write('x')
  if (argument === 'truncated') {
    data.end()
    conversation.reply('226 Done')
  }
  return true
}

/** The world of an FTP adapter: an embedded server. */
export class FTPTarget implements AdapterTarget {
  readonly #server: TestFTPServer
  readonly #proxy: TestProxy
  readonly #base: string
  readonly options: Partial<Place['options'] & { verify: string }>

  private constructor(server: TestFTPServer, proxy: TestProxy, secure: boolean) {
    this.#server = server
    this.#proxy = proxy
    this.#base = secure ? server.ftpsUrl : server.url
    this.options = secure ? { verify: server.ca } : {}
  }

  static async open(proxy: TestProxy, secure = false): Promise<FTPTarget> {
    return new FTPTarget(await TestFTPServer.start({ intercept: misbehave }), proxy, secure)
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  #file(name: string, content: string | Uint8Array = 'content of a file'): Place {
    this.#server.files.write(`/${name}`, content)
    return { url: `${this.#base}/${name}` }
  }

  resource(length: number, seed: number): Place {
    const name = `${length} bytes, seed ${seed}.bin`
    if (this.#server.files.read(`/${name}`) === null) this.#file(name, Buffer.concat([...seededBlocks(length, seed)]))
    return { url: `${this.#base}/${encodeURIComponent(name)}` }
  }

  /** Where nobody listens: privileged, and unassigned on any machine (RFC 6335). */
  failing(): Place {
    return { url: 'ftp://127.0.0.1:1/' }
  }

  open(): number {
    return this.#server.openConnections
  }

  readonly statuses = (): readonly StatusPlace[] => {
    const { url } = this.#file('there.txt')
    this.#server.files.makeDirectory('/directory')
    return [
      { url, statusCode: 200 },
      { url, statusCode: 200, method: 'HEAD' },
      { url: `${url}.missing`, statusCode: 404 },
      { url: `${url}.missing`, statusCode: 404, method: 'HEAD' },
      { url: `${url}.missing`, statusCode: 404, method: 'DELETE' },
      { url: `${this.#base}/directory`, statusCode: 200 },
      { url: `${this.#base}/directory`, statusCode: 409, method: 'MKCOL' },
      { url: `${this.#base}/missing/`, statusCode: 404 },
      { url: `${this.#base}/missing/file`, statusCode: 404, method: 'PUT' },
      { url, statusCode: 405, method: 'PATCH' },
    ]
  }

  readonly upload = (): UploadPlace => ({
    url: `${this.#base}/uploaded.bin`,
    method: 'PUT',
    received: () => this.#server.files.read('/uploaded.bin') ?? Buffer.alloc(0),
  })

  readonly silent = (): Place => this.#file('silent')
  readonly stalled = (): Place => this.#file('stalled')
  readonly broken = (): Place => this.#file('broken')
  readonly truncated = (): Place => this.#file('truncated')

  /** Takes connections and never greets. */
  readonly unanswered = async (): Promise<Place> => {
    const sockets = new Set<Socket>()
    const listener = createServer((socket) => void sockets.add(socket.on('error', () => {})))
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return {
      url: `ftp://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
      close: () => {
        for (const socket of sockets) socket.destroy()
        return new Promise((resolve) => void listener.close(() => resolve()))
      },
    }
  }

  readonly tls = (): TlsPlace => {
    this.#file('secret.txt')
    return { url: `${this.#server.ftpsUrl}/secret.txt`, authority: this.#server.ca }
  }

  readonly clientCertificate = (): ClientCertificatePlace => ({
    url: `${this.#server.ftpsUrl}/${SHOWN}`,
    options: { verify: this.#server.ca },
    cert: testCertificates().client,
    wasPresented: (response) => response.content.length > 0,
  })

  readonly proxy = (): ProxyPlace => {
    const { protocol, hostname, port } = new URL(this.#proxy.url)
    const proxy = { url: this.#proxy.url, scheme: protocol.slice(0, -1), host: hostname, port: Number(port) }
    return { proxy, count: () => this.#proxy.requests.length }
  }
}
