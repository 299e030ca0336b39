import type { Body } from '@entreat/core'
import { trackUpload } from '../progress.ts'
import { MultipartEncoder, type MultipartEncoderOptions, type MultipartFields } from './multipart-encoder.ts'

/**
 * A MultipartEncoder that tells how much of it has been sent: {@link trackUpload} under the name and in the shape that users of requests-toolbelt know.
 */
export class MultipartEncoderMonitor implements Body {
  readonly encoder: MultipartEncoder
  readonly #tracked: Body
  #bytesRead = 0

  /** @param callback - called with this monitor after each piece, and once more at the end. What it throws ends the upload. */
  constructor(encoder: MultipartEncoder, callback: (monitor: MultipartEncoderMonitor) => void = () => {}) {
    this.encoder = encoder
    this.#tracked = trackUpload(encoder, ({ transferred }) => {
      this.#bytesRead = transferred
      callback(this)
    })
  }

  /** A monitor of an encoder made of these fields. */
  static fromFields(
    fields: MultipartFields,
    callback?: (monitor: MultipartEncoderMonitor) => void,
    options?: MultipartEncoderOptions,
  ): MultipartEncoderMonitor {
    return new MultipartEncoderMonitor(new MultipartEncoder(fields, options), callback)
  }

  /** Bytes sent so far; from 0 again where the body is sent again. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  get length(): number | null {
    return this.encoder.length
  }

  get contentType(): string {
    return this.encoder.contentType
  }

  get isReplayable(): boolean {
    return this.#tracked.isReplayable
  }

  get isSpent(): boolean {
    return this.#tracked.isSpent === true
  }

  open(): AsyncIterable<Uint8Array> | Uint8Array {
    return this.#tracked.open()
  }

  bytes(maxBytes: number): Promise<Uint8Array> {
    return this.encoder.bytes(maxBytes)
  }
}
