// Tagged values of the corpus (SCHEMA.md, "Tagged values") to what a user of Node would pass, and back.

const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, 'base64'))

/** Text or bytes of the corpus as bytes. */
function contentBytes(value) {
  const content = toValue(value)
  return typeof content === 'string' ? new Uint8Array(Buffer.from(content, 'utf8')) : content
}

// A Python generator: one pass, no length.
async function* oneShot(chunks) {
  yield* chunks
}

function splitLines(bytes) {
  const lines = []
  let start = 0
  while (start < bytes.length) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline + 1
    lines.push(bytes.subarray(start, end))
    start = end
  }
  return lines
}

// A seekable file of Python is what Node calls a Blob, or a File when it has a name; one that cannot seek is a one-shot stream.
function toFileObject({ content, name, position = 0, seekable = true }) {
  const rest = contentBytes(content).subarray(position)
  if (!seekable) return oneShot(splitLines(rest))
  return name === undefined ? new Blob([rest]) : new File([rest], name)
}

function toFileTuple(file) {
  const tuple = [toValue(file.name), toValue(file.content)]
  if ('type' in file || 'headers' in file) tuple.push(toValue(file.type))
  if ('headers' in file) tuple.push(toValue(file.headers))
  return tuple
}

const untag = {
  $bytes: bytesOf,
  $pairs: (pairs) => pairs.map(toValue),
  $dict: (pairs) => pairs.map(toValue),
  $tuple: (items) => items.map(toValue),
  $stream: (chunks) => oneShot(chunks.map(toValue)),
  $fileobj: toFileObject,
  $file: toFileTuple,
  $repeat: ({ text, times }) => text.repeat(times),
  $float: (name) => ({ nan: NaN, inf: Infinity, '-inf': -Infinity })[name],
  $int: (digits) => BigInt(digits),
  $object: (text) => ({ toString: () => text }),
}

/** A value of the corpus as the JavaScript value that stands for it. */
export function toValue(value) {
  if (Array.isArray(value)) return value.map(toValue)
  if (value === null || typeof value !== 'object') return value
  const keys = Object.keys(value)
  const untagger = keys.length === 1 && Object.hasOwn(untag, keys[0]) ? untag[keys[0]] : undefined
  if (untagger) return untagger(value[keys[0]])
  return Object.fromEntries(keys.map((key) => [key, toValue(value[key])]))
}

function fromNumber(number) {
  if (Number.isNaN(number)) return { $float: 'nan' }
  if (!Number.isFinite(number)) return { $float: number > 0 ? 'inf' : '-inf' }
  return number
}

/** What an operation on a response returned, in the corpus's notation. */
export function fromValue(value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'string')
    return value.isWellFormed() ? value : { $utf16: Buffer.from(value, 'utf16le').toString('base64') }
  if (typeof value === 'number') return fromNumber(value)
  if (typeof value === 'bigint') return { $int: String(value) }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(fromValue)
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromValue(item)]))
  return value
}
