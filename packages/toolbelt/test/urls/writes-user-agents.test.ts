import { release, type } from 'node:os'
import { expect, test } from 'vitest'
import { UsageError } from '@entreat/core'
import { userAgent, UserAgentBuilder } from '@entreat/toolbelt/user-agent'

test('names the app, extras, the runtime and the system', () => {
  const expected = `app/1.0 requests/2.0 extra/3 Node.js/${process.versions.node} ${type()}/${release()}`
  expect(userAgent('app', '1.0', { extras: [['requests', '2.0'], ['extra', '3']] })).toBe(expected) // prettier-ignore
  expect(
    userAgent('app', '1.0', { extras: { requests: '2.0' }, includeSystem: false, includeImplementation: false }),
  ).toBe('app/1.0 requests/2.0')
})

test('is built piece by piece, in the order of the calls', () => {
  const builder = new UserAgentBuilder('app', '1').includeSystem().includeExtras({ x: '2' }).includeImplementation()
  expect(builder.build()).toBe(`app/1 ${type()}/${release()} x/2 Node.js/${process.versions.node}`)
})

test.each(['', 'a b', 'a/b', 'a\r\nX: y', 'ä', '(x)'])('refuses %j as a name or version', (part) => {
  expect(() => userAgent(part, '1')).toThrow(UsageError)
  expect(() => userAgent('app', part)).toThrow(UsageError)
  expect(() => userAgent('app', '1', { extras: [[part, '1']] })).toThrow(UsageError)
})

test('refuses extras that are no pairs, and unknown options', () => {
  expect(() => userAgent('app', '1', { extras: [['x']] as never })).toThrow(/pairs/)
  expect(() => userAgent('app', '1', { extra: {} } as object)).toThrow(/has no option "extra"/)
})
