import { isAscii, isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { Iso2022JpStream } from './iso-2022-jp.ts'
import { ReplayingStream } from './replaying-stream.ts'

/** Decodes text that arrives in pieces. Characters that cannot be decoded become U+FFFD; nothing throws. */
export interface TextStream {
  /** The text that is complete with `chunk`; a character cut in two comes with the next one. */
  decode(chunk: Uint8Array): string
  /** What is left at the end: empty, or U+FFFD for a character that was cut off. Nothing may be decoded after it. */
  end(): string
}

/**
 * The charset of a Content-Type.
 *
 * @param contentType - the header's value, `null` if there is none.
 * @returns the `charset` parameter as it was sent, double and single quotes removed (it may be empty or unknown); else `utf-8` for JSON; else `null`.
 * @see RFC 9110 section 8.3.2, RFC 8259 section 8.1
 */
export function charsetOf(contentType: string | null): string | null {
  if (contentType === null) return null
  const known = remembered.get(contentType)
  if (known !== undefined) return known
  const charset = findCharset(contentType)
  if (contentType.length <= 100) {
    if (remembered.size >= 100) remembered.clear()
    remembered.set(contentType, charset)
  }
  return charset
}

/** Servers say the same few things again and again. */
const remembered = new Map<string, string | null>()

function findCharset(contentType: string): string | null {
  const charset = charsetParameter(contentType)
  if (charset !== null) return charset
  const mediaType = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  return mediaType.includes('application/json') || mediaType.endsWith('+json') ? 'utf-8' : null
}

/**
 * Decodes text; never throws.
 *
 * @param encoding - a WHATWG label or the name of a Python codec, such as `utf-8`, `latin-1`, `cp1252`, `utf-8-sig`, `utf_32`. An unknown one counts as
 * `utf-8`. `null` asks the bytes: a byte order mark, then UTF-8 if they are valid UTF-8, else windows-1252.
 * @returns text with U+FFFD for what cannot be decoded. A byte order mark is removed for `null`, `utf-8-sig`, `utf-16` and `utf-32`, as in Python;
 * `utf-8`, `utf-16-le` and the like keep it.
 */
export function decodeText(bytes: Uint8Array, encoding: string | null): string {
  const name = canonicalName(encoding ?? detectEncoding(bytes))
  if (name === 'utf-8') return view(bytes).toString('utf8')
  if (name === 'latin1') return view(bytes).toString('latin1')
  const stream = openStream(name)
  return stream.decode(bytes) + stream.end()
}

/**
 * Names the encoding that the bytes suggest: `utf-8-sig`, `utf-16` or `utf-32` for a byte order mark, `utf-8` for valid UTF-8 (ASCII and nothing at all
 * included), else `windows-1252`.
 */
export function detectEncoding(bytes: Uint8Array): string {
  return encodingOfMark(bytes) ?? (isUtf8(bytes) ? 'utf-8' : 'windows-1252')
}

/**
 * Starts decoding text that arrives in pieces: all pieces together give what {@link decodeText} gives for the whole.
 *
 * @param encoding - as for {@link decodeText}, but `null` is UTF-8 without its byte order mark: the bytes to look at are not there yet.
 */
export function createTextDecoder(encoding: string | null): TextStream {
  return openStream(encoding === null ? 'utf-8-sig' : canonicalName(encoding))
}

/**
 * Whether text in an encoding can be cut into lines before it is decoded: an LF or CR byte is never a part of another character, and each line can be decoded
 * by itself.
 *
 * @param hasDelimiter - whether a text other than the usual line breaks ends a line: that has the same bytes in UTF-8 alone.
 */
export function linesAreBytes(encoding: string | null, hasDelimiter: boolean): boolean {
  if (encoding === null) return true
  const name = canonicalName(encoding)
  if (name.startsWith('utf-8') || hasDelimiter) return name.startsWith('utf-8')
  return !/^(?:utf-(?:16|32)|iso-2022-jp)/.test(labelledDecoder(name)?.encoding ?? name)
}

/**
 * Decodes JSON text whose encoding nobody declared: UTF-8, UTF-16 or UTF-32, told by byte order mark or by where the null bytes stand. The mark is removed.
 *
 * @returns the text. Bytes that are invalid in that encoding are decoded as {@link decodeText} does without an encoding, which leaves the parser to complain.
 * @see RFC 8259 section 8.1, RFC 4627 section 3
 */
export function decodeJsonBytes(bytes: Uint8Array): string {
  const name = encodingOfMark(bytes) ?? encodingOfNulls(bytes)
  if (!name.startsWith('utf-16')) return decodeText(bytes, name === 'utf-8' ? null : name)
  const label = name === 'utf-16' ? (bytes[0] === 0xfe ? 'utf-16be' : 'utf-16le') : name
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch {
    return decodeText(bytes, null)
  }
}

function charsetParameter(contentType: string): string | null {
  let charset: string | null = null
  for (const parameter of parametersOf(contentType)) {
    const equals = parameter.indexOf('=')
    // As in Requests, the last one counts.
    if (equals !== -1 && stripQuotes(parameter.slice(0, equals)).toLowerCase() === 'charset') {
      charset = stripQuotes(parameter.slice(equals + 1))
    }
  }
  return charset
}

/** What stands between semicolons, not counting those between double quotes. A quote without end is no quote. */
function* parametersOf(contentType: string): Iterable<string> {
  let start = contentType.indexOf(';') + 1
  let quotesEnd = true
  let at = start
  while (start > 0 && at < contentType.length) {
    if (contentType[at] === ';') {
      yield contentType.slice(start, at)
      start = at + 1
    } else if (contentType[at] === '"' && quotesEnd) {
      const close = endOfQuoted(contentType, at + 1)
      quotesEnd = close !== -1
      if (quotesEnd) at = close
    }
    at++
  }
  if (start > 0) yield contentType.slice(start)
}

function endOfQuoted(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return -1
}

function stripQuotes(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isQuoteOrBlank(text.charCodeAt(start))) start++
  while (end > start && isQuoteOrBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isQuoteOrBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x22 || code === 0x27
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function encodingOfMark(bytes: Uint8Array): 'utf-8-sig' | 'utf-16' | 'utf-32' | null {
  const [first, second, third, fourth] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8-sig'
  if (first === 0xff && second === 0xfe) return third === 0 && fourth === 0 ? 'utf-32' : 'utf-16'
  if (first === 0xfe && second === 0xff) return 'utf-16'
  return first === 0 && second === 0 && third === 0xfe && fourth === 0xff ? 'utf-32' : null
}

/** JSON begins with an ASCII character, so its null bytes tell the encoding. */
function encodingOfNulls(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be' {
  const [first, second, third, fourth] = bytes
  if (first === 0) {
    if (second !== 0) return second === undefined ? 'utf-8' : 'utf-16be'
    return third === 0 && fourth !== undefined && fourth !== 0 ? 'utf-32be' : 'utf-8'
  }
  if (second !== 0) return 'utf-8'
  return third === 0 && fourth === 0 ? 'utf-32le' : 'utf-16le'
}

/** Names that Python and the web use for one codec, letters and digits only. Those that end in nothing here are left to TextDecoder. */
const CODECS: ReadonlyMap<string, string> = new Map([
  ...aliases('utf-8', 'utf8 u8 utf cp65001'),
  ...aliases('utf-8-sig', 'utf8sig'),
  ...aliases('utf-16', 'utf16 u16'),
  ...aliases('utf-16le', 'utf16le unicodelittleunmarked'),
  ...aliases('utf-16be', 'utf16be unicodebigunmarked'),
  ...aliases('utf-32', 'utf32 u32'),
  ...aliases('utf-32le', 'utf32le'),
  ...aliases('utf-32be', 'utf32be'),
  ...aliases('latin1', 'latin1 latin l1 iso88591 88591 iso885911987 isoir100 cp819 ibm819 csisolatin1'),
  ...aliases('ascii', 'ascii usascii us 646 iso646us ansix341968 cp367 ibm367 csascii'),
  ...aliases('windows-1252', 'windows1252 cp1252 xcp1252 1252'),
  ...aliases('shift_jis', 'cp932 ms932 932 mskanji windows31j sjis shiftjis'),
  ...aliases('euc-jp', 'eucjp ujis'),
  ...aliases('euc-kr', 'euckr cp949 ms949 949 uhc'),
  ...aliases('gbk', 'cp936 ms936 936 euccn eucgb2312cn gb231280'),
  ...aliases('big5', 'cp950 ms950 950 big5hkscs hkscs'),
  ...aliases('iso-2022-jp', 'iso2022jp csiso2022jp'),
  ...aliases('koi8-r', 'koi8r'),
  ...aliases('koi8-u', 'koi8u'),
  ...aliases('ibm866', 'cp866 866'),
  ...aliases('macintosh', 'macroman'),
  ...aliases('x-mac-cyrillic', 'maccyrillic'),
  ...aliases('iso-8859-13', 'latin7 l7'),
  ...aliases('iso-8859-14', 'latin8 l8'),
  ...aliases('iso-8859-15', 'latin9'),
  ...aliases('iso-8859-16', 'latin10 l10 isoir226 csiso885916'),
])

function aliases(name: string, keys: string): [key: string, name: string][] {
  return keys.split(' ').map((key) => [key, name])
}

/** What {@link openStream} takes. An unknown name is returned as a label for TextDecoder to judge. */
function canonicalName(encoding: string): string {
  if (encoding === 'utf-8') return encoding
  const label = encoding.toLowerCase().trim()
  const key = label.replace(/[^a-z0-9]/g, '')
  const known = CODECS.get(key)
  if (known !== undefined) return known
  const iso = /^(?:iso)?8859([0-9]{1,2})$/.exec(key)
  if (iso !== null) return `iso-8859-${iso[1]}`
  const windows = /^(?:cp|windows)(125[0-9]|874)$/.exec(key)
  return windows === null ? label : `windows-${windows[1]}`
}

function openStream(name: string): TextStream {
  switch (name) {
    case 'utf-8-sig':
      return decoderStream(new TextDecoder('utf-8'))
    case 'utf-16':
      return markedStream(2, (head) =>
        decoderStream(new TextDecoder(head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-16le')),
      )
    case 'utf-32':
      return markedStream(4, (head) => utf32Stream(head[0] !== 0 || head[3] !== 0xff, true))
    case 'utf-32le':
    case 'utf-32be':
      return utf32Stream(name === 'utf-32le', false)
    case 'latin1':
      return { decode: (chunk) => view(chunk).toString('latin1'), end: () => '' }
    case 'ascii':
      return byteStream(0x80, '\ufffd'.repeat(0x80))
    case 'windows-1252':
      return byteStream(0x80, WINDOWS_1252)
    case 'iso-8859-16':
      return byteStream(0xa0, ISO_8859_16)
    case 'iso-2022-jp':
      return new Iso2022JpStream()
    case 'x-user-defined':
      // Encoding standard, section 14.5: from U+F780 on, so that the bytes can be had again.
      return byteStream(0x80, String.fromCharCode(...Array.from({ length: 0x80 }, (_, index) => 0xf780 + index)))
    default:
      return labelStream(name)
  }
}

function labelStream(label: string): TextStream {
  const decoder = labelledDecoder(label) ?? labelledDecoder(label.replaceAll('_', '-'))
  if (decoder === null) return decoderStream(new TextDecoder('utf-8', { ignoreBOM: true }))
  if (/^(?:gb|big5|euc|shift)/.test(decoder.encoding)) return new ReplayingStream(decoder.encoding)
  const stream = decoderStream(decoder)
  if (!decoder.encoding.startsWith('windows-')) return stream
  // The web maps undefined bytes of these code pages to C1 controls; Python, to U+FFFD. No defined byte is one.
  return { decode: (chunk) => stream.decode(chunk).replace(/[\x80-\x9f]/g, '\ufffd'), end: () => stream.end() }
}

function labelledDecoder(label: string): TextDecoder | null {
  try {
    return new TextDecoder(label, { ignoreBOM: true })
  } catch {
    return null
  }
}

function decoderStream(decoder: TextDecoder): TextStream {
  return { decode: (chunk) => decoder.decode(chunk, { stream: true }), end: () => decoder.decode() }
}

/** Windows-1252 from 0x80 to 0x9f. By hand, because TextDecoder in Node 20 to 23 takes these for ISO-8859-1. */
const WINDOWS_1252 = '€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ'

/** ISO-8859-16 from 0xa0 to 0xff. By hand, because TextDecoder in Node does not know it. */
const ISO_8859_16 =
  '\xa0ĄąŁ€„Š§š©Ș«Ź\xadźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêëìíîïđńòóôőöśűùúûüęțÿ'

/** A code page of one byte a character: ISO-8859-1 but for the characters of `table`, the first of which is that of byte `from`. */
function byteStream(from: number, table: string): TextStream {
  return {
    decode: (chunk) => (isAscii(chunk) ? view(chunk).toString('latin1') : mapBytes(chunk, from, table)),
    end: () => '',
  }
}

function mapBytes(bytes: Uint8Array, from: number, table: string): string {
  const units = Buffer.alloc(bytes.length * 2)
  for (const [index, byte] of bytes.entries()) {
    const unit = byte >= from && byte - from < table.length ? table.charCodeAt(byte - from) : byte
    units[index * 2] = unit & 0xff
    units[index * 2 + 1] = unit >> 8
  }
  return units.toString('utf16le')
}

/** Chooses the stream once the bytes of a byte order mark are there. */
function markedStream(markLength: number, choose: (head: Uint8Array) => TextStream): TextStream {
  let chosen: TextStream | null = null
  let held = Buffer.alloc(0)
  return {
    decode(chunk) {
      if (chosen !== null) return chosen.decode(chunk)
      held = Buffer.concat([held, chunk])
      if (held.length < markLength) return ''
      chosen = choose(held)
      return chosen.decode(held)
    },
    end() {
      if (chosen !== null) return chosen.end()
      chosen = choose(held)
      return chosen.decode(held) + chosen.end()
    },
  }
}

function utf32Stream(littleEndian: boolean, stripsMark: boolean): TextStream {
  let rest = Buffer.alloc(0)
  let mayBeMark = stripsMark
  return {
    decode(chunk) {
      const bytes = rest.length === 0 ? view(chunk) : Buffer.concat([rest, chunk])
      const end = bytes.length - (bytes.length % 4)
      rest = Buffer.from(bytes.subarray(end))
      let text = ''
      for (let at = 0; at < end; at += 4) {
        const code = littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
        text += code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code)
      }
      if (!mayBeMark || text === '') return text
      mayBeMark = false
      return text.startsWith('\ufeff') ? text.slice(1) : text
    },
    end: () => (rest.length === 0 ? '' : '\ufffd'),
  }
}
