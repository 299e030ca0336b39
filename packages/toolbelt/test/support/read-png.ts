import { inflateSync } from 'node:zlib'

/** The pixels of an image. */
export interface Pixels {
  readonly width: number
  readonly height: number
  /** `#rrggbb` of one pixel. */
  at(x: number, y: number): string
}

/** Reads a PNG as browsers write screenshots: 8 bits, RGB or RGBA, not interlaced (PNG, 3rd edition, sections 9 and 11). */
export function readPng(file: Buffer): Pixels {
  const width = file.readUInt32BE(16)
  const height = file.readUInt32BE(20)
  const channels = file[25] === 6 ? 4 : 3
  const data: Buffer[] = []
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at)
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(file.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const pixels = unfilter(inflateSync(Buffer.concat(data)), width * channels, channels)
  const at = (x: number, y: number): string => {
    const from = (y * width + x) * channels
    return `#${pixels.subarray(from, from + 3).toString('hex')}`
  }
  return { width, height, at }
}

function unfilter(raw: Buffer, stride: number, channels: number): Buffer {
  const rows = raw.length / (stride + 1)
  const out = Buffer.alloc(rows * stride)
  for (let y = 0; y < rows; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const to = y * stride + x
      const left = x >= channels ? (out[to - channels] as number) : 0
      const up = y > 0 ? (out[to - stride] as number) : 0
      const corner = x >= channels && y > 0 ? (out[to - stride - channels] as number) : 0
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter as number] as number
      out[to] = ((raw[y * (stride + 1) + 1 + x] as number) + predicted) & 255
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [byLeft, byUp, byCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  if (byLeft <= byUp && byLeft <= byCorner) return left
  return byUp <= byCorner ? up : corner
}
