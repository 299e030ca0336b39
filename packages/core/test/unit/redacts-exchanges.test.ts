import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Redaction, UsageError } from '@entreat/core'
import { expectFast, FAMILIES } from './adversarial.ts'

const redaction = new Redaction({ secretNames: ['X-Account', 'pin'], secretValues: ['white whale'] })

test.each([
  ['Authorization', 'Basic YWhhYjppdm9yeQ==', 'Basic ***'],
  ['authorization', 'Digest username="ahab", response="abc"', 'Digest ***'],
  ['Authorization', 'raw-token', '***'],
  ['Proxy-Authorization', 'Negotiate YII=', 'Negotiate ***'],
  ['WWW-Authenticate', 'NTLM TlRMTVNTUAAC==, Digest realm="sea", nonce="n"', 'NTLM ***, Digest realm="sea", nonce="n"'],
  ['Proxy-Authenticate', 'Negotiate oRQwEqAD/+=', 'Negotiate ***'],
  ['WWW-Authenticate', 'Negotiate, NTLM', 'Negotiate, NTLM'],
  ['Cookie', 'sid=hush; theme=dark', 'sid=***; theme=***'],
  ['Set-Cookie', 'sid=hush; Path=/; HttpOnly', 'sid=***; Path=/; HttpOnly'],
  ['Set-Cookie', 'nameless', '***'],
  ['X-Api-Key', 'hush', '***'],
  ['x-account', '4711', '***'],
  ['Location', 'https://u:p@e.com/?token=hush&page=2', 'https://e.com/?token=***&page=2'],
  ['X-Note', 'the white whale', 'the ***'],
  ['Accept', 'text/html', 'text/html'],
])('shows %s: %s as %s', (name, value, shown) => {
  expect(redaction.header(name, value)).toBe(shown)
})

test('masks parameters of URLs by name, and keeps the spelling of the others', () => {
  expect(redaction.url('https://a:b@e.com/p?PIN=12&q=%41+b&x#f')).toBe('https://e.com/p?PIN=***&q=%41+b&x#f')
  expect(redaction.url('https://e.com/white%20whale')).toBe('https://e.com/***')
})

test('masks fields of forms and members of JSON, at any depth', () => {
  expect(redaction.body('password=hush&q=white+whale', 'application/x-www-form-urlencoded')).toBe('password=***&q=***')
  const json = '{"a":[{"client_secret":"hush","pin":1234}],"token":null}'
  expect(redaction.body(json, 'application/vnd.api+json; charset=utf-8')).toBe(
    '{"a":[{"client_secret":"***","pin":"***"}],"token":null}',
  )
  expect(redaction.body('password=hush', 'text/plain')).toBe('password=hush')
})

test('leaves JSON without secrets, and what is no JSON, as it is spelled', () => {
  expect(redaction.body('{ "n": 12345678901234567890 }', 'application/json')).toBe('{ "n": 12345678901234567890 }')
  expect(redaction.body('{"password": ', 'application/json')).toBe('{"password": ')
})

test('no secret value survives in any text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), fc.string(), (secret, before, after) => {
      fc.pre(!'***'.includes(secret))
      const shown = new Redaction({ secretValues: [secret] }).text(before + secret + after)
      expect(shown.split('***').join('\u0000')).not.toContain(secret)
    }),
  )
})

test('refuses an unknown option', () => {
  expect(() => new Redaction({ names: [] } as object)).toThrow(UsageError)
})

test.each(Object.entries(FAMILIES))('takes linear time for a megabyte of %s', (_name, text) => {
  for (const name of ['Cookie', 'Set-Cookie', 'Authorization', 'Location', 'WWW-Authenticate'])
    expectFast(() => redaction.header(name, text))
  for (const type of ['application/json', 'application/x-www-form-urlencoded'])
    expectFast(() => redaction.body(text, type))
})
