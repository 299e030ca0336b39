// The `then` operations of a call: what a program does with the response it got.
import { fromError } from './results.mjs'
import { fromValue, toValue } from './values.mjs'

/** `read()` comes before the synchronous accessors of a streamed response. */
async function buffered(response, { streamed }) {
  if (streamed) await response.read()
  return response
}

function chunkOptions({ decode_unicode: decodeUnicode, delimiter, size }) {
  const options = {}
  if (decodeUnicode !== undefined) options.decodeUnicode = decodeUnicode
  if (delimiter !== undefined) options.delimiter = toValue(delimiter)
  if (size !== undefined) options.chunkSize = size
  return options
}

async function collect(items, take = Infinity) {
  const list = []
  for await (const item of items) {
    list.push(item)
    if (list.length >= take) break
  }
  return list
}

const join = (items) => (typeof items[0] === 'string' ? items.join('') : Buffer.concat(items))

async function iterContent(response, op) {
  const { chunkSize, ...options } = chunkOptions(op)
  const items = await collect(response.iterContent(chunkSize, options), op.take)
  return op.join ? join(items) : items
}

async function rawRead(response, { size }) {
  if (size === undefined) return Buffer.concat(await collect(response.raw))
  for (;;) {
    const piece = response.raw.read(size)
    if (piece !== null || response.raw.readableEnded) return piece
    await new Promise((resolve) => response.raw.once('readable', resolve))
  }
}

const operations = {
  json: async (response, op, mode) => (await buffered(response, mode)).json(),
  text: async (response, op, mode) => (await buffered(response, mode)).text,
  content: async (response, op, mode) => (await buffered(response, mode)).content,
  apparent_encoding: async (response, op, mode) => (await buffered(response, mode)).apparentEncoding,
  encoding: (response) => response.encoding,
  links: (response) => response.links,
  ok: (response) => response.ok,
  // JavaScript has no bool(): `ok` is what it asks.
  bool: (response) => response.ok,
  url: (response) => response.url,
  raise_for_status: (response) => void response.raiseForStatus(),
  close: (response) => response.close(),
  iter: (response) => collect(response),
  iter_content: iterContent,
  // iter_lines() gives bytes unless asked for text; iterLines() the other way round.
  iter_lines: (response, op) => collect(response.iterLines({ decodeUnicode: false, ...chunkOptions(op) })),
  set_encoding: (response, { value }) => {
    response.encoding = value
  },
  raw_read: rawRead,
  header: (response, { name }) => response.headers.get(name),
  cookie: (response, { name }) => response.cookies.get(name),
}

async function runOp(response, op, mode) {
  try {
    return { op: op.op, value: fromValue(await operations[op.op](response, op, mode)) }
  } catch (error) {
    return { op: op.op, error: fromError(error) }
  }
}

/** Runs the operations one after another; each result or error is recorded. */
export async function runOps(response, ops, mode) {
  const outcomes = []
  for (const op of ops) outcomes.push(await runOp(response, typeof op === 'string' ? { op } : op, mode))
  return outcomes
}
