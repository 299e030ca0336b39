import assert from 'node:assert/strict'
import type { PreparedRequest } from '@entreat/core'

/** All that can be seen of a request, at one moment. */
type Snapshot = Readonly<Record<keyof typeof looks, unknown>>

const looks = {
  method: (request: PreparedRequest): unknown => request.method,
  URL: (request: PreparedRequest): unknown => request.url,
  headers: (request: PreparedRequest): unknown => [...request.headers.items()],
  'headers object': (request: PreparedRequest): unknown => request.headers,
  body: (request: PreparedRequest): unknown => request.body,
  auth: (request: PreparedRequest): unknown => request.auth,
  hooks: (request: PreparedRequest): unknown => request.hooks,
  'hook lists': (request: PreparedRequest): unknown => Object.values(request.hooks).flat(),
}

const parts = Object.keys(looks) as (keyof typeof looks)[]

/** Remembers a request as it is now. */
export function takeSnapshot(request: PreparedRequest): Snapshot {
  return Object.fromEntries(parts.map((part) => [part, looks[part](request)])) as Snapshot
}

/** Checks that a request is as it was. */
export function assertUnchanged(request: PreparedRequest, before: Snapshot): void {
  for (const part of parts) {
    const now = looks[part](request)
    const message = `it changed the request's ${part}`
    if (part === 'headers' || part === 'hook lists') assert.deepEqual(now, before[part], message)
    else assert.ok(now === before[part], message)
  }
}
