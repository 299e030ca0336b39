import { readFile, rename, writeFile } from 'node:fs/promises'
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@entreat/core'

/** Header lines in order, as `[name, value]`. */
export type RecordedHeaders = readonly (readonly [name: string, value: string])[]

/** A body: text where it is UTF-8, else base64. `isTruncated` if it was not read to its end when it was recorded. */
export type RecordedBody =
  | { readonly text: string; readonly isTruncated?: true }
  | { readonly base64: string; readonly isTruncated?: true }

/** One request and its response, as they travelled, less what was redacted. */
export interface RecordedInteraction {
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: RecordedHeaders
    readonly body: RecordedBody | null
  }
  readonly response: {
    readonly statusCode: number
    readonly reason: string
    readonly headers: RecordedHeaders
    readonly body: RecordedBody | null
  }
}

/** A cassette as a file has it. */
export interface CassetteFile {
  readonly format: typeof FORMAT
  readonly interactions: readonly RecordedInteraction[]
}

const FORMAT = 'entreat-cassette/1'

/** Recorded interactions, in the order in which their requests were sent. */
export class Cassette {
  readonly #interactions: RecordedInteraction[]

  constructor(interactions: readonly RecordedInteraction[] = []) {
    this.#interactions = [...interactions]
  }

  get interactions(): readonly RecordedInteraction[] {
    return this.#interactions
  }

  /** Adds one at the end. */
  add(interaction: RecordedInteraction): void {
    this.#interactions.push(interaction)
  }

  toJSON(): CassetteFile {
    return { format: FORMAT, interactions: this.#interactions }
  }

  /**
   * What {@link Cassette.toJSON} gave, parsed.
   *
   * @throws UsageError for anything else.
   */
  static fromJSON(value: unknown): Cassette {
    const { format, interactions } = (value ?? {}) as Partial<CassetteFile>
    if (format !== FORMAT || !Array.isArray(interactions)) {
      throw new UsageError(`This is no cassette: its format must be "${FORMAT}", not ${JSON.stringify(format ?? null)}`)
    }
    interactions.forEach(checkInteraction)
    return new Cassette(interactions)
  }

  /** Reads a file. @throws UsageError for one that is no cassette; what reading it throws. */
  static async load(path: string | URL): Promise<Cassette> {
    return Cassette.fromJSON(JSON.parse(await readFile(path, 'utf8')))
  }

  /** Writes a file: whole, or not at all. */
  async save(path: string | URL): Promise<void> {
    const target = path instanceof URL ? fileURLToPath(path) : path
    const temporary = `${target}.${randomUUID()}.tmp`
    await writeFile(temporary, `${JSON.stringify(this, null, 2)}\n`)
    await rename(temporary, target)
  }
}

function checkInteraction(value: unknown, index: number): void {
  const { request, response } = (value ?? {}) as Partial<RecordedInteraction>
  if (typeof request?.method === 'string' && typeof request.url === 'string' && Array.isArray(request.headers)) {
    if (Number.isInteger(response?.statusCode) && Array.isArray(response?.headers)) return
  }
  throw new UsageError(`Interaction ${index} of the cassette lacks a request or a response`)
}

/** Bytes as a cassette has them. */
export function recordBody(bytes: Buffer, isTruncated = false): RecordedBody {
  const mark = isTruncated ? { isTruncated: true as const } : {}
  return isUtf8(bytes) ? { text: bytes.toString(), ...mark } : { base64: bytes.toString('base64'), ...mark }
}

/** The bytes of a recorded body. */
export function bodyBytes(body: RecordedBody | null): Buffer {
  if (body === null) return Buffer.alloc(0)
  return 'text' in body ? Buffer.from(body.text) : Buffer.from(body.base64, 'base64')
}
