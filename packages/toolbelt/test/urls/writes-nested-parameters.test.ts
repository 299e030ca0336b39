import { expect, test } from 'vitest'
import { Session, UsageError } from '@entreat/core'
import { StubAdapter } from '@entreat/testkit'
import { nestedParams, type NestedParamsOptions } from '@entreat/toolbelt/query'

const data = { a: { b: [1, 'x'] }, when: new Date(0), no: null, yes: true }

test.each<[NestedParamsOptions, string[]]>([
  [{}, ['a[b][0]=1', 'a[b][1]=x']],
  [{ lists: 'brackets' }, ['a[b][]=1', 'a[b][]=x']],
  [{ lists: 'repeat' }, ['a[b]=1', 'a[b]=x']],
  [{ lists: 'comma', members: 'dots' }, ['a.b=1,x']],
])('writes lists and members with %j', (options, expected) => {
  const pairs = nestedParams(data, options).map(([name, value]) => `${name}=${value}`)
  expect(pairs).toEqual([...expected, 'when=1970-01-01T00:00:00.000Z', 'yes=true'])
})

test('is what params and data take', async () => {
  const stub = new StubAdapter().on('POST', 'http://stub.test/')
  const session = new Session({ trustEnv: false }).mount('http://', stub)
  await session.post('http://stub.test/', { params: nestedParams({ a: { b: 1 } }), data: nestedParams({ c: ['ä'] }) })
  expect(stub.requests[0]?.url).toBe('http://stub.test/?a%5Bb%5D=1')
  expect(stub.requests[0]?.body.toString()).toBe('c%5B0%5D=%C3%A4')
})

test('refuses what cannot be written', () => {
  const endless: { self?: unknown } = {}
  endless.self = endless
  expect(() => nestedParams(endless as never)).toThrow(/deeper than 32/)
  expect(() => nestedParams({ a: (() => 1) as never })).toThrow(UsageError)
  expect(() => nestedParams({ a: [[1]] }, { lists: 'comma' })).toThrow(UsageError)
  expect(() => nestedParams({}, { list: 'comma' } as object)).toThrow(/has no option/)
})
