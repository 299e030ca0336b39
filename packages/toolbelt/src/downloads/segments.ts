import type { Response } from '@entreat/core'
import { DownloadError } from './download-error.ts'
import { fittingRange, type Source } from './source.ts'
import type { Version } from './validator.ts'

/** A version that can be fetched in parts: its length and a strong validator are known. */
export interface SegmentedVersion extends Version {
  readonly validator: string
  readonly total: number
}

/** Segments shorter than this are not worth a connection each. */
const LEAST_SEGMENT = 1024 * 1024

/** How many segments a file of this length is fetched in. */
export function segmentCount(total: number, wanted: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(total / LEAST_SEGMENT)))
}

/**
 * Fetches a file in so many segments at once. The first that fails ends the others.
 *
 * @param write - is given each piece with its place.
 * @throws DownloadError (`ERR_CONTENT_CHANGED`) if the server no longer has this version; what the requests throw once their retries are used up.
 */
export async function fetchSegments(
  source: Source,
  version: SegmentedVersion,
  count: number,
  write: (piece: Buffer, position: number) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const failure = new AbortController()
  const together = source.within(signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]))
  const length = Math.ceil(version.total / count)
  const segments = Array.from({ length: count }, (_, index) => ({
    first: index * length,
    last: Math.min(version.total, (index + 1) * length) - 1,
  }))
  const results = await Promise.allSettled(
    segments.map(async (segment) => {
      try {
        await fetchSegment(together, version, segment, write)
      } catch (error) {
        failure.abort(error)
        throw error
      }
    }),
  )
  // The others fail with the same reason.
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failure.signal.reason ?? failed.reason
}

async function fetchSegment(
  source: Source,
  version: SegmentedVersion,
  { first, last }: { first: number; last: number },
  write: (piece: Buffer, position: number) => Promise<void>,
): Promise<void> {
  let position = first
  for (let failures = 0; position <= last;) {
    try {
      const before = position
      const response = await source.ask({ first: position, last, validator: version.validator })
      try {
        refuseAnotherVersion(response, position, version)
        for await (const piece of response.iterContent()) {
          const wanted = piece.subarray(0, last + 1 - position)
          await write(wanted, position)
          position += wanted.length
          if (position > last) break
        }
        if (position === before)
          throw new DownloadError('The server gives nothing of the range that it was asked for', { response })
      } finally {
        response.close()
      }
    } catch (error) {
      if (!(await source.mayGoOn(error, ++failures))) throw error
    }
  }
}

function refuseAnotherVersion(response: Response, position: number, version: Version): void {
  response.raiseForStatus()
  if (response.statusCode === 206 && fittingRange(response, position, version) !== null) return
  throw new DownloadError('The content changed on the server while it was fetched', {
    code: 'ERR_CONTENT_CHANGED',
    response,
  })
}
