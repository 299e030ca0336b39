import { Headers, type Response } from '@entreat/core'
import { DownloadBody } from '../download-body.ts'
import type { FTPExchange } from '../exchange.ts'
import { FTPResponse } from '../ftp-response.ts'
import { LocalLineEnds } from '../line-ends.ts'
import { parseTimestamp } from '../listing/mlsd.ts'
import { Refusal } from '../protocol/refusal.ts'
import { isRefused, type Reply, replyText } from '../protocol/reply.ts'
import type { Transfer } from '../protocol/transfer.ts'
import { type ByteRange, parseRange } from '../range.ts'
import { listDirectory, listHere } from './list.ts'
import type { VerbContext } from './verb.ts'

const UNSUPPORTED: ReadonlySet<number> = new Set([500, 502, 504])

/** GET: RETR of a file, from REST on where a range asks for it; the listing of a directory. */
export async function retrieve(context: VerbContext): Promise<Response> {
  const { exchange, url } = context
  if (url.type === 'd') return listDirectory(context, 'NLST')
  if (url.isDirectory) return listDirectory(context, null)
  try {
    return await retrieveFile(context)
  } catch (error) {
    if (!(error instanceof Refusal) || error.verb !== 'RETR' || error.reply.code !== 550) throw error
    // It is not there, or it is a directory: servers say both in the same words.
    const entered = await exchange.connection.enter(exchange.task, url.name)
    if (isRefused(entered)) throw error
    return listHere(context, null)
  }
}

async function retrieveFile({ exchange, url }: VerbContext): Promise<Response> {
  const { connection, task } = exchange
  await connection.goHome(task)
  const isText = url.type === 'a'
  await connection.setType(task, isText ? 'A' : 'I')
  const size = isText ? null : await sizeOf(exchange, url.name)
  const range = isText ? null : parseRange(task.request.headers.get('range'), size)
  if (range === 'unsatisfiable') return unsatisfiable(exchange, size)
  const { transfer, served } = await begin(exchange, url.name, range)
  task.responseStarted = true
  const headers = new Headers(isText ? {} : { 'Accept-Ranges': 'bytes' })
  const length = describeLength(headers, size, served)
  const most = served?.last == null ? null : length
  const body = new DownloadBody(exchange, transfer, { length, most })
  const { lines: transcript } = connection.channel.transcript
  return new FTPResponse({
    request: task.request,
    statusCode: served === null ? 200 : 206,
    reason: connection.channel.transcript.redact(replyText(transfer.opening)),
    headers,
    body: isText ? new LocalLineEnds(body) : body,
    reply: transfer.opening,
    transcript,
  })
}

/** Begins the transfer; a server without REST sends the whole file, as one of HTTP may. */
async function begin(
  exchange: FTPExchange,
  name: Buffer,
  range: ByteRange | null,
): Promise<{ transfer: Transfer; served: ByteRange | null }> {
  const { connection, task } = exchange
  try {
    return { transfer: await connection.transfer(task, 'RETR', name, range?.first ?? 0), served: range }
  } catch (error) {
    if (!(error instanceof Refusal) || error.verb !== 'REST' || !UNSUPPORTED.has(error.reply.code)) throw error
    return { transfer: await connection.transfer(task, 'RETR', name), served: null }
  }
}

/** Sets Content-Length and Content-Range. @returns the bytes to expect, or `null`. */
function describeLength(headers: Headers, size: number | null, served: ByteRange | null): number | null {
  if (size === null) return null
  const first = served?.first ?? 0
  const last = served?.last ?? size - 1
  const length = last - first + 1
  headers.set('Content-Length', length)
  if (served !== null) headers.set('Content-Range', `bytes ${first}-${last}/${size}`)
  return length
}

function unsatisfiable(exchange: FTPExchange, size: number | null): Response {
  const { connection, task } = exchange
  const response = new FTPResponse({
    request: task.request,
    statusCode: 416,
    reason: 'Range Not Satisfiable',
    headers: { 'Content-Range': `bytes */${size}` },
    reply: null,
    transcript: connection.channel.transcript.lines,
  })
  exchange.finish()
  return response
}

/** The size of a file in bytes, or `null` if the server does not tell (RFC 3659 section 4). The type must be I: in A some servers refuse, others count line ends. */
export async function sizeOf(exchange: FTPExchange, name: Buffer): Promise<number | null> {
  return sizeIn(await exchange.connection.command(exchange.task, 'SIZE', name))
}

function sizeIn(reply: Reply): number | null {
  const text = replyText(reply)
  return reply.code === 213 && /^[0-9]{1,15}$/.test(text) ? Number(text) : null
}

/** HEAD: SIZE and MDTM of a file; whether a directory is there. */
export async function describe({ exchange, url }: VerbContext): Promise<Response> {
  const { connection, task } = exchange
  const { name } = url
  await connection.goHome(task)
  const headers = new Headers()
  let reply: Reply
  if (url.isDirectory) reply = name.length === 0 ? await connection.must(task, 'NOOP') : await mustEnter(exchange, name)
  else reply = await describeFile(exchange, name, headers)
  const { transcript } = connection.channel
  const response = new FTPResponse({
    request: task.request,
    statusCode: 200,
    reason: transcript.redact(replyText(reply)),
    headers,
    reply,
    transcript: transcript.lines,
  })
  exchange.finish()
  return response
}

async function mustEnter(exchange: FTPExchange, name: Buffer): Promise<Reply> {
  const reply = await exchange.connection.enter(exchange.task, name)
  if (isRefused(reply)) throw new Refusal('CWD', reply)
  return reply
}

async function describeFile(exchange: FTPExchange, name: Buffer, headers: Headers): Promise<Reply> {
  const { connection, task } = exchange
  await connection.setType(task, 'I')
  const sized = await connection.command(task, 'SIZE', name)
  const size = sizeIn(sized)
  const dated = await connection.command(task, 'MDTM', name)
  if (size === null && isRefused(dated)) {
    // Neither is there for a directory; and some servers know neither command.
    const entered = await connection.enter(task, name)
    if (!isRefused(entered)) return entered
    throw new Refusal('SIZE', sized)
  }
  if (size !== null) {
    headers.set('Content-Length', size)
    headers.set('Accept-Ranges', 'bytes')
  }
  const modified = isRefused(dated) ? null : parseTimestamp(replyText(dated))
  if (modified !== null) headers.set('Last-Modified', new Date(modified).toUTCString())
  return size === null ? dated : sized
}
