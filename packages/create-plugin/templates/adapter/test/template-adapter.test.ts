import { describe, expect, test } from 'vitest'
import { ConnectionError, Session, UsageError } from '@entreat/core'
import { adapterSuite } from '@entreat/testkit'
import { TemplateAdapter } from '../src/index.ts'
import { capabilities, TemplateTarget } from './template-target.ts'

const target = new TemplateTarget()

// Every rule of the adapter contract that applies. A failure names the class and the rule.
adapterSuite({
  name: 'TemplateAdapter',
  create: () => target.adapter(),
  capabilities,
  target: () => target,
  runner: { describe, test },
})

test('a session reads template-scheme: URLs like any other', async () => {
  const session = new Session().mount('template-scheme://', target.adapter())
  const { url } = target.resource(12, 7)
  const response = await session.get(url)
  expect([response.statusCode, response.content.length]).toEqual([200, 12])
  expect((await session.head(url)).headers.get('content-length')).toBe('12')
  expect((await session.get('template-scheme://main/missing')).ok).toBe(false)
  await session.close()
})

test('a failure says what could not be read, and why', async () => {
  const session = new Session().mount('template-scheme://', target.adapter())
  const { url } = target.failing()
  const error = await session.get(url).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConnectionError)
  expect(String(error)).toContain(url)
  expect((error as ConnectionError).cause).toBeInstanceOf(Error)
  await session.close()
})

test('an unknown option is an error that names the nearest one', () => {
  const options = { sources: () => null } as never
  expect(() => new TemplateAdapter(options)).toThrow(UsageError)
  expect(() => new TemplateAdapter(options)).toThrow(/has no option "sources"/)
})
