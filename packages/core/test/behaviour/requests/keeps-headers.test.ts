import { expect, test } from 'vitest'
import { Headers, Session } from '@entreat/core'

// What Requests' CaseInsensitiveDict does, in the terms of a Headers.

test.each<[what: string, headers: Headers]>([
  ['a record', new Headers({ 'Content-Type': 'application/json', accept: '*/*' })],
  [
    'pairs',
    new Headers([
      ['Content-Type', 'application/json'],
      ['accept', '*/*'],
    ]),
  ],
  ['another Headers', new Headers(new Headers({ 'Content-Type': 'application/json', accept: '*/*' }))],
  ['a WHATWG Headers', new Headers(new globalThis.Headers({ 'Content-Type': 'application/json', accept: '*/*' }))],
])('is made of %s', (_what, headers) => {
  expect([...headers.keys()].map((name) => name.toLowerCase()).sort()).toEqual(['accept', 'content-type'])
  expect(headers.get('content-TYPE')).toBe('application/json')
})

test('holds one line for a name that is set in several spellings: the last', () => {
  const headers = new Headers()
  headers.set('spam', 'oneval')
  headers.set('Spam', 'blueval')
  headers.set('SPAM', 'redval')
  expect([headers.size, headers.get('spam'), [...headers.items()]]).toEqual([1, 'redval', [['SPAM', 'redval']]])
})

test.each(['Accept', 'accept', 'aCCEPT', 'ACCEPT'])('finds and deletes a name given as %s', (name) => {
  const headers = new Headers({ Accept: 'application/json', Other: '1' })
  expect([headers.has(name), headers.get(name), headers.getAll(name)]).toEqual([
    true,
    'application/json',
    ['application/json'],
  ])
  headers.delete(name)
  expect([headers.has('Accept'), headers.get('Accept'), [...headers.items()]]).toEqual([false, null, [['Other', '1']]])
})

test('has null for a name that is not there, and nothing from Object.prototype', () => {
  const headers = new Headers({ spam: '1' })
  expect([headers.get('not-spam'), headers.has('not-spam'), headers.has('constructor')]).toEqual([null, false, false])
})

test('is updated by merge, which leaves other names as they were', () => {
  const headers = new Headers({ Accept: '*/*', 'Accept-Encoding': 'gzip', Connection: 'close' })
  headers.merge({ ACCEPT: 'text/html', 'X-New': '1' })
  expect([...headers.items()]).toEqual([
    ['ACCEPT', 'text/html'],
    ['Accept-Encoding', 'gzip'],
    ['Connection', 'close'],
    ['X-New', '1'],
  ])
})

test('is iterated in order, each name in the case it was given', () => {
  const headers = new Headers({ Accept: '1', 'user-Agent': '2' })
  expect([...headers.keys()]).toEqual(['Accept', 'user-Agent'])
  expect([...headers]).toEqual([...headers.entries()])
  expect(Object.fromEntries(headers)).toEqual({ Accept: '1', 'user-Agent': '2' })
})

test('has a copy that shares nothing with it', () => {
  const headers = new Headers({ Accept: '1' })
  const copy = headers.copy()
  expect([...copy.items()]).toEqual([...headers.items()])
  copy.set('Accept', '2')
  expect([headers.get('accept'), copy.get('accept')]).toEqual(['1', '2'])
})

test('is how a Session keeps a header that is set twice in two spellings', () => {
  const session = new Session()
  session.headers.set('Accept', 'application/json')
  session.headers.set('ACCEPT', 'text/html')
  expect(session.headers.getAll('accept')).toEqual(['text/html'])
})
