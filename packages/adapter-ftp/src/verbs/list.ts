import type { Response } from '@entreat/core'
import { DownloadBody } from '../download-body.ts'
import { FTPResponse } from '../ftp-response.ts'
import { decodeListing, linesOf } from '../listing/entry.ts'
import { parseList } from '../listing/list.ts'
import { parseMlsd } from '../listing/mlsd.ts'
import { Refusal } from '../protocol/refusal.ts'
import { isRefused, replyText } from '../protocol/reply.ts'
import type { Transfer } from '../protocol/transfer.ts'
import type { VerbContext } from './verb.ts'

/** The commands that list a directory. */
export type ListVerb = 'LIST' | 'NLST' | 'MLSD'

const UNSUPPORTED: ReadonlySet<number> = new Set([500, 502, 504])

/**
 * Lists a directory: entries of MLSD or LIST, names of NLST, as JSON; as the server's own text for a request with `Accept: text/plain`.
 *
 * @param verb - `null` for the best that the server has.
 */
export async function listDirectory(context: VerbContext, verb: ListVerb | null): Promise<Response> {
  const { exchange, url } = context
  const { connection, task } = exchange
  if (url.name.length === 0) await connection.goHome(task)
  else {
    const entered = await connection.enter(task, url.name)
    if (isRefused(entered)) throw new Refusal('CWD', entered)
  }
  return listHere(context, verb)
}

/** Lists the directory that the connection is in. */
export async function listHere(context: VerbContext, verb: ListVerb | null): Promise<Response> {
  const { exchange } = context
  const { task } = exchange
  const begun = await begin(context, verb)
  if (begun === null) return listing(context, verb ?? 'LIST', Buffer.alloc(0))
  task.responseStarted = true
  const body = new DownloadBody(exchange, begun.transfer, { length: null, most: null })
  const bytes = await body.collect(task.options.limits.decodedBytes)
  return listing(context, begun.verb, bytes, begun.transfer)
}

/** @returns `null` for a directory that the server calls empty by refusing to list it. */
async function begin(
  { exchange }: VerbContext,
  verb: ListVerb | null,
): Promise<{ transfer: Transfer; verb: ListVerb } | null> {
  const { connection, task } = exchange
  const chosen = verb ?? (connection.features.has('MLST') ? 'MLSD' : 'LIST')
  try {
    return { transfer: await connection.transfer(task, chosen, undefined), verb: chosen }
  } catch (error) {
    if (!(error instanceof Refusal) || error.verb !== chosen) throw error
    const { reply } = error
    if (chosen !== 'MLSD' && (reply.code === 450 || reply.code === 550) && /no files/i.test(replyText(reply))) {
      return null
    }
    if (verb !== null || chosen === 'LIST' || !UNSUPPORTED.has(reply.code)) throw error
    return { transfer: await connection.transfer(task, 'LIST', undefined), verb: 'LIST' }
  }
}

function listing({ exchange }: VerbContext, verb: ListVerb, bytes: Buffer, transfer?: Transfer): Response {
  const { task, connection } = exchange
  const { transcript } = connection.channel
  const { request } = task
  const text = decodeListing(bytes)
  const isRaw = /^\s*text\/plain\b/i.test(request.headers.get('accept') ?? '')
  const response = new FTPResponse({
    request,
    statusCode: 200,
    reason: transfer === undefined ? 'No files' : transcript.redact(replyText(transfer.opening)),
    headers: { 'Content-Type': isRaw ? 'text/plain; charset=utf-8' : 'application/json' },
    body: isRaw ? text : JSON.stringify(entriesOf(verb, text)),
    reply: transfer?.opening ?? null,
    transcript: transfer?.transcript ?? transcript.lines,
  })
  exchange.finish()
  return response
}

function entriesOf(verb: ListVerb, text: string): unknown {
  if (verb === 'NLST') return linesOf(text).filter((name) => name !== '.' && name !== '..')
  return verb === 'MLSD' ? parseMlsd(text) : parseList(text, Date.now())
}
