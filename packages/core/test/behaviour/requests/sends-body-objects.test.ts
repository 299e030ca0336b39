import { expect, test } from 'vitest'
import { type Body, createBody, post, Request, UsageError } from '@entreat/core'
import { reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

/** A body of somebody else's making. */
class Alphabet implements Body {
  readonly length = 26
  readonly isReplayable = true
  readonly contentType = 'text/x-alphabet'
  openings = 0

  async *open(): AsyncGenerator<Uint8Array> {
    this.openings++
    yield Buffer.from('abcdefghijklm')
    yield Buffer.from('nopqrstuvwxyz')
  }

  bytes(): Promise<Uint8Array> {
    return Promise.resolve(Buffer.from('abcdefghijklmnopqrstuvwxyz'))
  }
}

test('sends a Body given as data, with its length and its type', async () => {
  await post(site().on('/body', reply(200)), { data: new Alphabet() })
  const seen = site().last('/body')
  expect([seen.header('content-length'), seen.header('content-type')]).toEqual(['26', 'text/x-alphabet'])
  expect(seen.body.toString()).toBe('abcdefghijklmnopqrstuvwxyz')
})

test('lets a header of the request beat the type of a Body', async () => {
  await post(site().on('/typed', reply(200)), { data: new Alphabet(), headers: { 'Content-Type': 'text/plain' } })
  expect(site().last('/typed').header('content-type')).toBe('text/plain')
})

test('opens a Body anew for each hop that needs it', async () => {
  const body = new Alphabet()
  const target = site().on('/again', reply(200))
  await post(site().on('/moved', reply(307, { Location: target })), { data: body })
  expect(site().last('/again').body.toString()).toBe('abcdefghijklmnopqrstuvwxyz')
  expect(body.openings).toBe(2)
})

test('refuses a Body beside files', async () => {
  const asked = new Request('POST', site().url, { data: new Alphabet(), files: { a: 'x' } })
  await expect(asked.prepare()).rejects.toThrow(UsageError)
})

test('takes a record with fields called open and bytes for a form', async () => {
  const prepared = await new Request('POST', site().url, { data: { open: 'yes', bytes: 3 } }).prepare()
  expect(Buffer.from((await prepared.body?.bytes(100)) ?? []).toString()).toBe('open=yes&bytes=3')
})

test('createBody makes a Body of any content and leaves a Body as it is', async () => {
  const body = new Alphabet()
  expect(createBody(body)).toBe(body)
  expect(createBody('héllo').length).toBe(6)
  expect(createBody(new Blob(['abc'])).length).toBe(3)
  expect(() => createBody(5 as never)).toThrow(UsageError)
})
