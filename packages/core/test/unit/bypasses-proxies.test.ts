import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isProxyBypassed,
  noProxyFromEnvironment,
  proxiesFromEnvironment,
  selectProxy,
} from '../../src/environment-proxies.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'

describe('proxiesFromEnvironment', () => {
  it.each([
    [
      { http_proxy: 'a', HTTPS_PROXY: 'b', all_proxy: 'c', ftp_proxy: 'd' },
      { http: 'a', https: 'b', all: 'c', ftp: 'd' },
    ],
    [{ HTTP_PROXY: 'upper', http_proxy: 'lower' }, { http: 'lower' }],
    [{ http_proxy: 'lower', HTTP_PROXY: 'upper' }, { http: 'lower' }],
    [{ HTTP_PROXY: 'upper', http_proxy: '' }, {}],
    [{ HTTP_PROXY: '', http_proxy: 'lower' }, { http: 'lower' }],
    [{ Http_Proxy: 'mixed' }, { http: 'mixed' }],
    [{ HTTP_PROXY: 'evil', HTTPS_PROXY: 'fine', REQUEST_METHOD: 'GET' }, { https: 'fine' }],
    [{ HTTP_PROXY: 'evil', http_proxy: 'mine', REQUEST_METHOD: '' }, { http: 'mine' }],
    [{ no_proxy: 'x', NO_PROXY: 'y', _proxy: 'z', proxy: 'w', http_proxy_: 'v', http_proxy: undefined }, {}],
  ])('reads %j', (env, expected) => {
    expect(proxiesFromEnvironment(env)).toEqual(expected)
  })

  it('inherits nothing', () => {
    const proxies = proxiesFromEnvironment({ __proto___proxy: 'x' })
    expect(Object.keys(proxies)).toEqual(['__proto__'])
    expect(proxies['constructor']).toBeUndefined()
  })
})

describe('noProxyFromEnvironment', () => {
  it('prefers lower case, unless that is empty', () => {
    expect(noProxyFromEnvironment({ no_proxy: 'a', NO_PROXY: 'b' })).toBe('a')
    expect(noProxyFromEnvironment({ no_proxy: '', NO_PROXY: 'b' })).toBe('b')
    expect(noProxyFromEnvironment({})).toBe('')
  })
})

describe('selectProxy', () => {
  const all = { 'http://h.example': '1', http: '2', 'all://h.example': '3', all: '4' }
  it.each([
    ['http', 'h.example', all, '1'],
    ['http', 'H.Example', all, '1'],
    ['http', 'other.example', all, '2'],
    ['http', '', all, '2'],
    ['https', 'h.example', all, '3'],
    ['https', 'other.example', all, '4'],
    ['file', '', all, '4'],
    ['http', 'x.h.example', { 'http://h.example': '1' }, undefined],
    ['http', 'h.example', { 'all://h.example': '3', http: '2' }, '2'],
    ['http', 'h.example', { http: null, all: '4' }, null],
    ['http', 'h.example', { http: '', all: '4' }, null],
    ['http', '[::1]', { 'http://::1': '1' }, '1'],
    ['http', '::1', { 'http://[::1]': '1' }, '1'],
    ['http', 'h.example', {}, undefined],
    ['constructor', 'h', {}, undefined],
    ['__proto__', 'h', {}, undefined],
  ] as const)('for %s and %s of %j selects %s', (scheme, host, proxies, expected) => {
    expect(selectProxy(scheme, host, proxies)).toBe(expected)
  })
})

/** `[noProxy, url, bypassed]` */
function check([noProxy, url, bypassed]: readonly [string, string, boolean]): void {
  const [, scheme = '', host = '', port] = /^(\w+):\/\/(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(url) ?? []
  expect(isProxyBypassed({ scheme, host, port: port === undefined ? null : Number(port) }, noProxy)).toBe(bypassed)
}

describe('isProxyBypassed', () => {
  const likeRequests: [string, string, boolean][] = [
    ['127.0.0.1', 'http://127.0.0.1:5000', true],
    ['127.0.0.1', 'http://h.example', false],
    ['127.0.0.0/24', 'http://127.0.0.1:5000', true],
    ['127.0.0.0/24', 'http://127.1.2.3', false],
    ['10.0.0.0/8,127.0.0.0/8', 'http://127.0.0.1', true],
    ['10.0.0.0/8,127.0.0.0/8', 'http://h.example', false],
    ['127.0.0.0/33,127.0.0.0/0,127.0.0.0/x', 'http://127.0.0.1', false],
    ['0.0.1', 'http://10.127.0.0.1.example', false],
    ['0.0.1', 'http://127.0.0.1', true],
    ['example,example.com', 'http://nothexample', false],
    ['example,example.com', 'http://badexample.com', false],
    ['localhost:5000', 'http://localhost:5000', true],
    ['localhost:5000', 'http://localhost:5001', false],
    ['*.h.example', 'http://x.h.example', false],
    ['LOCALHOST', 'http://localhost:5000', true],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://192.168.0.1:5000', true],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://172.16.1.1:5000', true],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://localhost.localdomain:5000', true],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://192.168.1.1:5000', false],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://172.16.1.12', false],
    ['192.168.0.0/24,127.0.0.1,localhost.localdomain,172.16.1.1', 'http://google.com:5000', false],
    ['google.com:6000', 'http://www.google.com:6000', true],
    ['google.com:6000', 'http://google.com:5000', false],
    ['*', 'http://anything.example', true],
    ['a.example,*', 'http://b.example', false],
    ['.example.com', 'http://www.example.com', true],
    ['.example.com', 'http://example.com', true],
    ['example.com', 'http://www.example.com', true],
    ['http://example.com', 'http://example.com', false],
    ['', 'http://example.com', false],
    [',, ,', 'http://example.com', false],
  ]
  it.each(likeRequests)('as in Requests: NO_PROXY=%s %s: %s', (...row) => check(row))

  const beyondRequests: [string, string, boolean][] = [
    ['a.example b.example', 'http://b.example', true],
    ['a.example\tb.example', 'http://a.example', true],
    ['fd00::/8', 'http://[fd12:3456::1]', true],
    ['fd00::/8', 'http://[fe80::1]', false],
    ['2001:db8::/33', 'http://[2001:db8:7fff::1]', true],
    ['2001:db8::/33', 'http://[2001:db8:8000::1]', false],
    ['[2001:db8::]/32', 'http://[2001:db8::1]', true],
    ['::/0,::/129,2001::/x', 'http://[2001::1]', false],
    ['::1/128', 'http://[::1]', true],
    ['10.0.0.0/9', 'http://10.127.255.255', true],
    ['10.0.0.0/9', 'http://10.128.0.0', false],
    ['10.1.2.3/32', 'http://10.1.2.3', true],
    ['10/8', 'http://10.1.2.3', false],
    ['10.0.0.0/8', 'http://fd00', false],
    ['10.0.0.0/8', 'http://10.example', false],
    ['::ffff:10.0.0.0/104', 'http://10.1.2.3', true],
    ['::ffff:10.0.0.0/96', 'http://10.1.2.3', false],
    ['[::1]', 'http://[::1]', true],
    ['[::1]:8080', 'http://[::1]:8080', true],
    ['[::1]:8080', 'http://[::1]:8081', false],
    ['2001:DB8:0:0::1', 'http://[2001:db8::1]', true],
    ['2001:db8::1.2.3.4', 'http://[2001:db8::102:304]', true],
    ['fe80::1', 'http://[fe80::1%25eth0]', true],
    ['::ffff:10.0.0.1', 'http://10.0.0.1', true],
    ['10.0.0.1', 'http://[::ffff:a00:1]', true],
    ['10.0.0.1', 'http://167772161', true],
    ['10.0.0.1', 'http://0x0a.1', true],
    ['10.0.0.1', 'http://012.0.0.1', true],
    ['10.0.0.1', 'http://10.0.0.01', true],
    ['10.0.0.8', 'http://10.0.0.08', false],
    ['10.0.0.0/8', 'http://10.1', true],
    ['10.0.0.1', 'http://10.0.0.256', false],
    ['example.com.', 'http://www.example.com', true],
    ['example.com', 'http://www.example.com.', true],
    ['example.com:443', 'https://example.com', true],
    ['example.com:443', 'http://example.com', false],
    ['example.com:80', 'http://example.com:80', true],
    ['10.0.0.1:8080', 'http://10.0.0.1:8080', true],
    ['10.0.0.1:8080', 'http://10.0.0.1', false],
    [':80', 'http://example.com', false],
    ['.', 'http://example.com', false],
    ['..', 'http://example.com.', false],
    ['[]', 'http://example.com', false],
  ]
  it.each(beyondRequests)('beyond Requests: NO_PROXY=%s %s: %s', (...row) => check(row))

  const loopbacks = ['localhost', 'localhost.', '127.0.0.1', '127.1', '127.9.9.9', '0x7f.1', '2130706433', '[::1]']
  it.each(['localhost', 'LOCALHOST.', '127.0.0.1', '127.1', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])(
    'takes %s for the loopback by all its names',
    (entry) => {
      for (const host of [...loopbacks, '[::ffff:127.0.0.1]']) check([entry, `http://${host}`, true])
      for (const host of ['0.0.0.0', '[::]', '128.0.0.1', 'notlocalhost', '[::2]'])
        check([entry, `http://${host}`, false])
    },
  )

  it('takes other loopback entries, and ranges, as they stand', () => {
    check(['127.0.0.2', 'http://localhost', false])
    check(['127.0.0.2', 'http://127.0.0.2', true])
    check(['127.0.0.0/8', 'http://localhost', false])
    check(['localhost:80', 'http://127.0.0.1:80', true])
    check(['localhost:80', 'http://127.0.0.1:81', false])
  })

  it('is direct for URLs without a host', () => {
    expect(isProxyBypassed({ scheme: 'file', host: '', port: null }, '')).toBe(true)
  })

  it('covers an IPv6 address in every spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]`).hostname
        check([address, `http://${canonical}`, true])
        check([canonical, `http://[${address}]`, true])
        check([`${address}/128`, `http://${canonical}`, true])
      }),
    )
  })

  it('covers exactly the addresses that share the bits of a range', () => {
    const bits = (value: number): string => value.toString(2).padStart(32, '0')
    const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
    const word = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(word, fc.integer({ min: 1, max: 32 }), fc.nat(31), (base, length, flipped) => {
        const host = (base ^ (1 << flipped)) >>> 0
        const shares = bits(base).slice(0, length) === bits(host).slice(0, length)
        check([`${dotted(base)}/${length}`, `http://${dotted(host)}`, shares])
        check([`::ffff:${dotted(base)}/${length + 96}`, `http://[::ffff:${dotted(host)}]`, shares])
      }),
    )
  })

  it('throws for nothing', () => {
    const text = textOf('01fx.:/[]%*, a\n')
    fc.assert(
      fc.property(text, text, (noProxy, host) => void isProxyBypassed({ scheme: 'http', host, port: 1 }, noProxy)),
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => isProxyBypassed({ scheme: 'http', host: 'h.example', port: null }, text))
    expectFast(() => isProxyBypassed({ scheme: 'http', host: text, port: null }, `${text},10.0.0.0/8,1:1`))
  })
})
