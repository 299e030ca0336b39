import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DigestAuth, post, Retry, type RequestOptions, UnrewindableBodyError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { expect, test } from 'vitest'
import { fileBody } from '@entreat/toolbelt/body'
import { MultipartEncoder, MultipartEncoderMonitor } from '@entreat/toolbelt/multipart'
import { type Answer, useSite } from '../support/site.ts'
import { failure } from '../support/failure.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const site = useSite()
const path = join(temporaryFolder(), 'content')
writeFileSync(path, seededBytes(3_000_000))

const hashes = new Map<string, string[]>()

/** Notes what was received under a name, and answers as it is told. */
function noting(name: string, answer: Answer): Answer {
  return async (request, response) => {
    const hash = createHash('sha256')
    for await (const piece of request) hash.update(piece as Buffer)
    hashes.set(name, [...(hashes.get(name) ?? []), `${request.headers['content-length']} ${hash.digest('hex')}`])
    await answer(request, response)
  }
}

async function form(): Promise<MultipartEncoder> {
  return new MultipartEncoder({ name: 'whale', file: await fileBody(path), blob: new Blob([seededBytes(100_000, 1)]) })
}

async function fingerprint(encoder: MultipartEncoder): Promise<string> {
  return `${encoder.length} ${createHash('sha256')
    .update(await encoder.bytes(10_000_000))
    .digest('hex')}`
}

test('travels with its length and its type, whole', async () => {
  const encoder = await form()
  await post(
    site().on(
      '/once',
      noting('once', (_request, response) => void response.end()),
    ),
    { data: encoder },
  )
  expect(hashes.get('once')).toEqual([await fingerprint(encoder)])
  expect(site().received('/once')[0]?.header('content-type')).toBe(encoder.contentType)
})

const twice: [what: string, start: (name: string) => string, options: RequestOptions][] = [
  [
    'a 307',
    (name) => {
      const target = site().on(
        `/${name}-target`,
        noting(name, (_request, response) => void response.end()),
      )
      return site().on(
        `/${name}`,
        noting(name, (_request, response) => void response.writeHead(307, { Location: target }).end()),
      )
    },
    {},
  ],
  [
    'a digest challenge',
    (name) => {
      let isFirst = true
      return site().on(
        `/${name}`,
        noting(name, (_request, response) => {
          if (isFirst) response.writeHead(401, { 'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"' })
          isFirst = false
          response.end()
        }),
      )
    },
    { auth: new DigestAuth('ahab', 'ivory') },
  ],
  [
    'a retried 503',
    (name) => {
      let isFirst = true
      return site().on(
        `/${name}`,
        noting(name, (_request, response) => {
          if (isFirst) response.statusCode = 503
          isFirst = false
          response.end()
        }),
      )
    },
    { retry: new Retry({ total: 1, statusForcelist: [503], allowedMethods: null, backoffMs: 0 }) },
  ],
]

test.each(twice)('sends the same bytes again after %s', async (what, start, options) => {
  const name = what.replaceAll(' ', '-')
  const encoder = await form()
  const response = await post(start(name), { data: encoder, ...options })
  expect(response.statusCode).toBe(200)
  const expected = await fingerprint(encoder)
  expect(hashes.get(name)).toEqual([expected, expected])
})

test('fails instead of sending an empty or shorter body, when a part is a stream', async () => {
  const target = site().on(
    '/stream-target',
    noting('stream', (_request, response) => void response.end()),
  )
  const start = site().on(
    '/stream',
    noting('stream', (_request, response) => void response.writeHead(307, { Location: target }).end()),
  )
  const encoder = new MultipartEncoder({
    a: (async function* () {
      yield 'once'
    })(),
  })
  expect(await failure(post(start, { data: encoder }))).toBeInstanceOf(UnrewindableBodyError)
  expect(hashes.get('stream')?.length).toBe(1)
})

test('a monitor tells how much was sent, to the end', async () => {
  const seen: number[] = []
  const encoder = await form()
  const monitor = new MultipartEncoderMonitor(encoder, ({ bytesRead }) => seen.push(bytesRead))
  await post(
    site().on(
      '/monitored',
      noting('monitored', (_request, response) => void response.end()),
    ),
    { data: monitor },
  )
  expect(hashes.get('monitored')).toEqual([await fingerprint(encoder)])
  expect(seen.at(-1)).toBe(encoder.length)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen.length).toBeGreaterThan(5)
})

test('what a monitor throws ends the upload and is what the caller sees', async () => {
  const own = new Error('enough')
  const monitor = MultipartEncoderMonitor.fromFields({ file: await fileBody(path) }, ({ bytesRead }) => {
    if (bytesRead > 500_000) throw own
  })
  expect(await failure(post(`${site().url}/upload`, { data: monitor }))).toBe(own)
})
