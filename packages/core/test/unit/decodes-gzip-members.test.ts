import * as zlib from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gunzip, gunzipSync } from '../../src/message/gunzip.ts'

const NO_LIMIT = { maxOutputLength: 2 ** 32 }

/** One member with every optional field of RFC 1952 section 2.3, whose header crc is right or not. */
function fullMember(text: string, isSound = true): Buffer {
  const plain = zlib.gzipSync(text)
  const head = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3]),
    Buffer.from([5, 0, 1, 2, 3, 4, 5]),
    Buffer.from('name\0comment\0'),
  ])
  const crc = Buffer.alloc(2)
  crc.writeUInt16LE((zlib.crc32(head) & 0xffff) ^ (isSound ? 0 : 1))
  return Buffer.concat([head, crc, plain.subarray(10)])
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function streamed(bytes: Buffer, size = 7): Promise<Buffer> {
  const decoded: Uint8Array[] = []
  for await (const piece of gunzip(pieces(bytes, size))) decoded.push(piece)
  return Buffer.concat(decoded)
}

const atOnce = (bytes: Buffer): Promise<Buffer> => Promise.resolve().then(() => gunzipSync(bytes, NO_LIMIT))

const member = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constant(new Uint8Array(40_000)),
  fc.constant(new Uint8Array(0)),
)
const rest = fc.uint8Array({ maxLength: 40 }).filter((bytes) => !(bytes[0] === 0x1f && bytes[1] === 0x8b))

describe('gunzip', () => {
  it('joins the members and leaves alone what follows them, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 4 }),
        rest,
        fc.integer({ min: 1, max: 100 }),
        async (members, garbage, size) => {
          const bytes = Buffer.concat([...members.map((content) => zlib.gzipSync(content)), garbage])
          const decoded = Buffer.concat(members)
          expect((await streamed(bytes, size)).equals(decoded)).toBe(true)
          expect((await atOnce(bytes)).equals(decoded)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each([
    ['streamed', streamed],
    ['at once', atOnce],
  ])('reads extra field, name, comment and header crc of any member, %s', async (_way, decode) => {
    const bytes = Buffer.concat([zlib.gzipSync('one '), fullMember('two '), fullMember('three'), Buffer.from('!')])
    expect(String(await decode(bytes))).toBe('one two three')
  })

  it.each([
    ['that is empty', Buffer.alloc(0)],
    ['that is no gzip', Buffer.from('plain')],
    ['of one byte', Buffer.from([0x1f])],
    ['whose header ends early', zlib.gzipSync('hello').subarray(0, 9)],
    ['whose data end early', zlib.gzipSync('hello').subarray(0, 12)],
    ['without a trailer', zlib.gzipSync('hello').subarray(0, -8)],
    ['with a part of the trailer', zlib.gzipSync('hello').subarray(0, -1)],
    ['whose checksum is wrong', Buffer.concat([zlib.gzipSync('hello').subarray(0, -8), Buffer.alloc(8, 1)])],
    ['whose length is wrong', Buffer.concat([zlib.gzipSync('hello').subarray(0, -4), Buffer.alloc(4, 1)])],
    ['whose header crc is wrong', fullMember('hello', false)],
    ['of an unknown method', Buffer.concat([Buffer.from([0x1f, 0x8b, 7]), zlib.gzipSync('hello').subarray(3)])],
    ['with reserved flags', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0x80]), zlib.gzipSync('hello').subarray(4)])],
    ['with a later member cut short', Buffer.concat([zlib.gzipSync('one'), zlib.gzipSync('two').subarray(0, -3)])],
    [
      'whose name never ends',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(80_000, 65)]),
    ],
  ])('refuses a body %s', async (_what, bytes) => {
    await expect(streamed(bytes, 1000)).rejects.toThrow(Error)
    await expect(atOnce(bytes)).rejects.toThrow(Error)
  })

  it('counts the bytes of all members against the limit', () => {
    const bytes = Buffer.concat([zlib.gzipSync('12345'), zlib.gzipSync('12345'), Buffer.from('garbage')])
    expect(gunzipSync(bytes, { maxOutputLength: 10 }).length).toBe(10)
    const tooLong = expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) as Error
    for (const most of [9, 5, 3]) expect(() => gunzipSync(bytes, { maxOutputLength: most })).toThrow(tooLong)
  })

  it('passes on what its source throws, and what it had before', async () => {
    const bytes = zlib.gzipSync(Buffer.alloc(100_000))
    const failing = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 60)
      throw new Error('the line is dead')
    }
    let length = 0
    const read = async (): Promise<void> => {
      for await (const piece of gunzip(failing())) length += piece.length
    }
    await expect(read()).rejects.toThrow('the line is dead')
    expect(length).toBeGreaterThan(0)
  })
})
