import { InvalidURL, type PreparedRequest, redactUrl } from '@entreat/core'

/** How a transfer represents its bytes: `a` text with line ends of the network, `i` as they are, `d` a list of names. */
type TransferType = 'a' | 'i' | 'd'

/** An FTP URL, taken apart (RFC 1738 section 3.2). */
export interface FTPUrl {
  readonly scheme: 'ftp' | 'ftps'
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** What the server is told: relative to the login directory, absolute if it begins with a slash. Empty for the login directory. */
  readonly path: Buffer
  /** The same without slashes at its end. */
  readonly name: Buffer
  /** Whether it names a directory: it is empty, or ends with a slash. */
  readonly isDirectory: boolean
  /** Of `;type=`; `null` if the URL says nothing. */
  readonly type: TransferType | null
}

const SLASH = 0x2f
const DEFAULT_PORTS = { ftp: 21, ftps: 990 }

/** Whether a URL's scheme is ours. */
function isFTPScheme(scheme: string): scheme is FTPUrl['scheme'] {
  return scheme === 'ftp' || scheme === 'ftps'
}

/**
 * Reads the URL of a request.
 *
 * The path is percent-decoded; one slash after the host only separates, so `/%2Fetc/motd` and `//etc/motd` are absolute. A fragment is dropped.
 *
 * @throws InvalidURL without a host, for bad percent-encoding, a query, an unknown type, or CR, LF and NUL once it is decoded.
 */
export function parseFTPUrl(request: PreparedRequest): FTPUrl {
  const invalid = (why: string): InvalidURL => new InvalidURL(`${redactUrl(request.url)}: ${why}`, { request })
  const [, scheme = '', host = '', port = ''] =
    /^([a-z0-9+.-]+):\/\/(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(request.origin) ?? []
  if (!isFTPScheme(scheme)) throw invalid('FTPAdapter speaks ftp and ftps')
  if (host === '' || /[\x00-\x20\x7f]/.test(host)) throw invalid('no host that could be dialled')
  const dialled = port === '' ? DEFAULT_PORTS[scheme] : Number(port)
  if (dialled < 1 || dialled > 65535) throw invalid(`port ${port} is out of range`)
  const [text = ''] = request.pathUrl.split('#', 1)
  if (text.includes('?')) throw invalid('an FTP URL has no query; a question mark in a name is written %3F')
  const [, rest = '', type] = /^\/?(.*?)(?:;type=([^/;]*))?$/is.exec(text) ?? []
  if (type !== undefined && !/^[aid]$/i.test(type)) throw invalid(`;type=${type} is none of a, i and d`)
  const path = decodePath(rest, invalid)
  return {
    scheme,
    host: host.startsWith('[') ? host.slice(1, -1).replace('%25', '%') : host,
    port: dialled,
    path,
    name: withoutSlashes(path),
    isDirectory: path.length === 0 || path.at(-1) === SLASH,
    type: (type?.toLowerCase() as TransferType | undefined) ?? null,
  }
}

function decodePath(text: string, invalid: (why: string) => InvalidURL): Buffer {
  if (/%(?![0-9a-f]{2})/i.test(text))
    throw invalid('it is badly percent-encoded; a percent sign in a name is written %25')
  const bytes: Buffer[] = []
  for (const [index, part] of text.split('%').entries()) {
    if (index === 0) bytes.push(Buffer.from(part))
    else bytes.push(Buffer.from([Number.parseInt(part.slice(0, 2), 16)]), Buffer.from(part.slice(2)))
  }
  const path = Buffer.concat(bytes)
  if (path.includes(0x0d) || path.includes(0x0a) || path.includes(0)) throw invalid('a name cannot hold CR, LF or NUL')
  return path
}

/** A lone slash stays: it is the root. */
function withoutSlashes(path: Buffer): Buffer {
  let end = path.length
  while (end > 1 && path[end - 1] === SLASH) end--
  return path.subarray(0, end)
}
