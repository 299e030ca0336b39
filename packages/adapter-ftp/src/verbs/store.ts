import { randomBytes } from 'node:crypto'
import { InvalidHeader, InvalidURL, type Response } from '@entreat/core'
import type { FTPExchange } from '../exchange.ts'
import { FTPResponse } from '../ftp-response.ts'
import { networkLineEnds } from '../line-ends.ts'
import { Refusal } from '../protocol/refusal.ts'
import { type Reply, replyText } from '../protocol/reply.ts'
import { uploadOffset } from '../range.ts'
import { upload } from '../upload.ts'
import { sizeOf } from './retrieve.ts'
import type { VerbContext } from './verb.ts'

type OpenBody = AsyncIterable<Uint8Array> | Uint8Array

const NO_BODY = new Uint8Array()

/** PUT: STOR, whole or from where `Content-Range` says; under another name first if it is to be atomic. */
export async function store(context: VerbContext): Promise<Response> {
  const { exchange, url, settings } = context
  checkName(context)
  const { headers } = exchange.task.request
  const offset = uploadOffset(headers.get('content-range'))
  if (offset === null)
    throw new InvalidHeader('An upload goes on by `Content-Range: bytes FIRST-LAST/*` or `bytes FIRST-/*`')
  const mode = headers.get('upload-mode')?.toLowerCase() ?? (settings.atomicUploads ? 'atomic' : 'direct')
  if (mode !== 'atomic' && mode !== 'direct') throw new InvalidHeader('Upload-Mode is either atomic or direct')
  const body = openBody(context)
  await prepare(context)
  if (offset > 0) return resume(context, offset, body)
  if (mode === 'atomic') return storeAtomically(context, body)
  return stored(exchange, 201, await send(exchange, 'STOR', url.name, 0, body))
}

/** POST: APPE, which begins a file that is not there. */
export async function append(context: VerbContext): Promise<Response> {
  checkName(context)
  const body = openBody(context)
  await prepare(context)
  return stored(context.exchange, 200, await send(context.exchange, 'APPE', context.url.name, 0, body))
}

function checkName({ url, exchange }: VerbContext): void {
  const { request } = exchange.task
  if (url.isDirectory)
    throw new InvalidURL(`${request.method} needs the name of a file: the URL names a directory`, { request })
}

/** Opened before the server is asked: a body that cannot be sent again must not cost the file that is there. */
function openBody({ exchange, url }: VerbContext): OpenBody {
  const body = exchange.task.request.body?.open() ?? NO_BODY
  return url.type === 'a' ? networkLineEnds(body) : body
}

async function prepare({ exchange, url }: VerbContext): Promise<void> {
  await exchange.connection.goHome(exchange.task)
  await exchange.connection.setType(exchange.task, url.type === 'a' ? 'A' : 'I')
}

async function send(
  exchange: FTPExchange,
  verb: 'STOR' | 'APPE',
  name: Buffer,
  offset: number,
  body: OpenBody,
): Promise<Reply> {
  const { connection, task } = exchange
  const transfer = await connection.transfer(task, verb, name, offset)
  task.responseStarted = true
  return upload(exchange, transfer, verb, body)
}

/** Goes on with a file of which `offset` bytes are there; with more there, the rest is written over. */
async function resume({ exchange, url }: VerbContext, offset: number, body: OpenBody): Promise<Response> {
  const size = await sizeOf(exchange, url.name)
  if (size === null || size < offset) {
    return stored(exchange, 416, null, `The upload cannot go on at byte ${offset}: ${size ?? 0} bytes are there`)
  }
  // Servers that know REST only for RETR know APPE.
  const reply =
    size === offset
      ? await send(exchange, 'APPE', url.name, 0, body)
      : await send(exchange, 'STOR', url.name, offset, body)
  return stored(exchange, 200, reply)
}

/** Writes beside the file, then renames: readers see the old file or the new one, never a part. */
async function storeAtomically({ exchange, url }: VerbContext, body: OpenBody): Promise<Response> {
  const { connection, task } = exchange
  const temporary = temporaryName(url.name)
  const remove = (): Promise<unknown> => connection.command(task, 'DELE', temporary)
  exchange.cleanUp = remove
  try {
    await send(exchange, 'STOR', temporary, 0, body)
    await connection.must(task, 'RNFR', temporary)
    const reply = await connection.must(task, 'RNTO', url.name)
    return stored(exchange, 201, reply)
  } catch (error) {
    if (error instanceof Refusal) await remove()
    throw error
  }
}

function temporaryName(name: Buffer): Buffer {
  const slash = name.lastIndexOf(0x2f) + 1
  const suffix = `.${randomBytes(6).toString('hex')}.part`
  return Buffer.concat([name.subarray(0, slash), Buffer.from('.'), name.subarray(slash), Buffer.from(suffix)])
}

/** DELETE: DELE, or RMD for a URL that ends with a slash. */
export async function remove({ exchange, url }: VerbContext): Promise<Response> {
  const { connection, task } = exchange
  await connection.goHome(task)
  return stored(exchange, 204, await connection.must(task, url.isDirectory ? 'RMD' : 'DELE', url.name))
}

/** MKCOL: MKD. */
export async function makeDirectory({ exchange, url }: VerbContext): Promise<Response> {
  const { connection, task } = exchange
  if (url.name.length === 0) throw new InvalidURL('MKCOL needs the name of a directory', { request: task.request })
  await connection.goHome(task)
  task.requestBytesSent = null
  return stored(exchange, 201, await connection.must(task, 'MKD', url.name))
}

/** MOVE: RNFR and RNTO, to the path of `Destination` on the same server (RFC 4918 section 9.9). */
export async function move({ exchange, url }: VerbContext, destination: Buffer): Promise<Response> {
  const { connection, task } = exchange
  await connection.goHome(task)
  await connection.must(task, 'RNFR', url.name)
  task.requestBytesSent = null
  return stored(exchange, 201, await connection.must(task, 'RNTO', destination))
}

function stored(exchange: FTPExchange, statusCode: number, reply: Reply | null, reason = ''): Response {
  const { transcript } = exchange.connection.channel
  const text = reply === null ? reason : transcript.redact(replyText(reply))
  const init = { request: exchange.task.request, statusCode, reason: text, reply, transcript: transcript.lines }
  const response = new FTPResponse(init)
  exchange.finish()
  return response
}
