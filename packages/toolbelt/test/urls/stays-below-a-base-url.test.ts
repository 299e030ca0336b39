import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Request, Session, UsageError } from '@entreat/core'
import { StubAdapter } from '@entreat/testkit'
import { BaseUrlSession, type BaseUrlOptions } from '@entreat/toolbelt/base-url'

const create = (base: string, url: string, options?: BaseUrlOptions): string =>
  new BaseUrlSession(base, { trustEnv: false }, options).createUrl(url)

test.each([
  ['https://e.com/a', 'b', 'https://e.com/a/b'],
  ['https://e.com/a/', 'b', 'https://e.com/a/b'],
  ['https://e.com/a/', '/b', 'https://e.com/a/b'],
  ['https://e.com', '/b/', 'https://e.com/b/'],
  ['https://e.com/a', '', 'https://e.com/a'],
  ['https://e.com/a?x=1', '?q=1', 'https://e.com/a?q=1'],
  ['https://e.com/a', 'b?q=1#f', 'https://e.com/a/b?q=1#f'],
  ['https://e.com/a', 'x:y', 'https://e.com/a/x:y'],
  ['https://e.com/a', 'b?next=http://o.com/', 'https://e.com/a/b?next=http://o.com/'],
  ['https://e.com/a', 'b/../c', 'https://e.com/a/c'],
  ['https://e.com/a', 'https://e.com/other', 'https://e.com/other'],
])('appends: %s and %j is %s', (base, url, expected) => {
  expect(create(base, url)).toBe(expected)
})

test.each([
  ['https://e.com/a', 'b', 'https://e.com/b'],
  ['https://e.com/a/', 'b', 'https://e.com/a/b'],
  ['https://e.com/a/', '/b', 'https://e.com/b'],
  ['https://e.com/a/b', '../c', 'https://e.com/c'],
])('or resolves as RFC 3986 does: %s and %j is %s', (base, url, expected) => {
  expect(create(base, url, { join: 'rfc3986' })).toBe(expected)
})

describe('leads nowhere else', () => {
  test.each([
    'https://o.com/',
    '//o.com/x',
    '\\\\o.com/x',
    '/\\o.com',
    'http://e.com/',
    'https://e.com:444/',
    'https://e.com@o.com/',
  ])('refuses %j', (url) => {
    expect(() => create('https://e.com/a', url)).toThrow(UsageError)
    expect(() => create('https://e.com/a', url, { join: 'rfc3986' })).toThrow(UsageError)
  })

  test.each(['../b', 'x/../../b', '%2e%2e/b', '..\\b', '/../ab', '../ab'])('refuses to climb: %j', (url) => {
    expect(() => create('https://e.com/a', url)).toThrow(/leads out of/)
  })

  test('whatever a stranger gives', () => {
    const session = new BaseUrlSession('https://e.com/api/v1')
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('./\\:@?#%2eEa ')) }), (url) => {
        const outcome = outcomeOf(() => session.createUrl(url))
        if (outcome instanceof UsageError) return
        const target = new URL(outcome as string)
        expect(target.origin).toBe('https://e.com')
        expect(`${target.pathname}/`).toMatch(/^\/api\/v1\//)
      }),
      { numRuns: 2000 },
    )
  })

  test('allows origins that are named', () => {
    expect(create('https://e.com/a', 'https://cdn.e.com/x', { allowedOrigins: ['https://cdn.e.com'] })).toBe(
      'https://cdn.e.com/x',
    )
  })
})

test('every way to send goes through it, and keeps auth in the scope of the base', async () => {
  const stub = new StubAdapter().on('*', 'http://e.test/*', { text: '' })
  const options = { trustEnv: false, auth: ['ahab', 'ivory'] as [string, string] }
  const session = new BaseUrlSession('http://e.test/api', options, { allowedOrigins: ['http://other.e.test'] })
  session.mount('http://', stub.on('*', 'http://other.e.test/*', { text: '' }))
  await session.get('/get')
  await session.post('post', { json: {} })
  await session.fetch('/fetched')
  await session.send(await session.prepareRequest(new Request('GET', '/prepared')))
  await session.get('http://other.e.test/')
  expect(stub.requests.map(({ url }) => url)).toEqual([
    'http://e.test/api/get',
    'http://e.test/api/post',
    'http://e.test/api/fetched',
    'http://e.test/api/prepared',
    'http://other.e.test/',
  ])
  expect(stub.requests.map(({ headers }) => headers.has('authorization'))).toEqual([true, true, true, true, false])
  await expect(session.get('http://o.test/')).rejects.toThrow(UsageError)
  expect(session).toBeInstanceOf(Session)
})

test('refuses a base that is none', () => {
  expect(() => new BaseUrlSession('e.com')).toThrow(UsageError)
  expect(() => new BaseUrlSession('ftp://e.com')).toThrow(UsageError)
  expect(() => create('https://e.com', 'x', { mode: 'append' } as object)).toThrow(/has no option "mode"/)
})

function outcomeOf(run: () => string): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}
