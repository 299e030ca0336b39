import { expect, test } from 'vitest'
import { InvalidURL, Request } from '@entreat/core'

async function prepared(url: string): Promise<[url: string, origin: string, pathUrl: string]> {
  const request = await new Request('GET', url, { params: { a: 'b c' } }).prepare()
  return [request.url, request.origin, request.pathUrl]
}

// RFC 3986 section 3.2.2: a registered name may be percent-encoded; what it names is for the scheme to say.
test('a scheme built on HTTP may have a percent-encoded name, whose case is kept', async () => {
  const origin = 'http+unix://%2fvar%2FRun%2fdocker.sock'
  expect(await prepared('HTTP+unix://%2fvar%2FRun%2fdocker.sock/v1/../x?y=1#z')).toEqual([
    `${origin}/x?y=1&a=b+c#z`,
    origin,
    '/x?y=1&a=b+c',
  ])
  expect(await prepared('http+unix://user:secret@%2Frun/')).toEqual([
    'http+unix://%2Frun/?a=b+c',
    'http+unix://%2Frun',
    '/?a=b+c',
  ])
})

test('a percent-encoded name is no host of http and https, nor is one that is badly encoded', async () => {
  for (const url of [
    'http://%2Frun/',
    'HTTPS://ex%61mple.com/',
    'http+unix://%2/',
    'http+unix://%zz/',
    'http+unix://%2Frun:80/',
  ])
    await expect(prepared(url)).rejects.toBeInstanceOf(InvalidURL)
})
