import type { Challenge, Response } from '@entreat/core'

/** A refused request whose server's clock is off by less was not refused for that. */
const NOTICEABLE_MS = 60_000

/** What is known about servers' clocks, by origin. */
export class ServerClocks {
  readonly #offsets = new Map<string, number>()

  /** Milliseconds that the clock of an origin is ahead of this machine's; 0 if nothing is known. */
  offset(origin: string): number {
    return this.#offsets.get(origin) ?? 0
  }

  learn(origin: string, offsetMs: number): void {
    this.#offsets.set(origin, offsetMs)
  }
}

/**
 * Reads from a refusal that the timestamp was the reason, and how far the server's clock is ahead.
 *
 * Two signs count: `oauth_problem="timestamp_refused"`, and a `Date` that is far from the time that was sent.
 *
 * @param challenges - of the response, parsed.
 * @param sentMs - the time that was sent, in milliseconds since the epoch.
 * @param now - this machine's clock.
 * @returns milliseconds, or `null` if the time was not the reason, or is not known.
 */
export function refusedClock(
  response: Response,
  challenges: readonly Challenge[],
  { sentMs, now }: { readonly sentMs: number; readonly now: number },
): number | null {
  if (response.statusCode !== 401 && response.statusCode !== 400) return null
  const problem = challenges.find(({ scheme }) => scheme.toLowerCase() === 'oauth')
  const isTold = parameter(problem, 'oauth_problem') === 'timestamp_refused'
  if (response.statusCode === 400 && !isTold) return null
  const server = acceptedTime(parameter(problem, 'oauth_acceptable_timestamps')) ?? headerTime(response)
  if (server === null || (!isTold && Math.abs(server - sentMs) <= NOTICEABLE_MS)) return null
  return server - now
}

function parameter(challenge: Challenge | undefined, name: string): string | null {
  return challenge?.params.get(name) ?? null
}

/** The middle of `from-to`, both in seconds. */
function acceptedTime(range: string | null): number | null {
  const [, from, to] = /^([0-9]{1,12})-([0-9]{1,12})$/.exec(range ?? '') ?? []
  return from === undefined ? null : Math.round((Number(from) + Number(to)) * 500)
}

function headerTime(response: Response): number | null {
  const time = Date.parse(response.headers.get('date') ?? '')
  return Number.isNaN(time) ? null : time
}
