import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexLinks, parseLinks } from '../../src/message/links.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'

describe('parseLinks', () => {
  it.each([
    [
      '<http:/.../front.jpeg>; rel=front; type="image/jpeg"',
      [{ url: 'http:/.../front.jpeg', rel: 'front', type: 'image/jpeg' }],
    ],
    ['<http:/.../front.jpeg>', [{ url: 'http:/.../front.jpeg' }]],
    ['<http:/.../front.jpeg>;', [{ url: 'http:/.../front.jpeg' }]],
    [
      '<http:/.../front.jpeg>; type="image/jpeg",<http://.../back.jpeg>; type=image/jpeg;',
      [
        { url: 'http:/.../front.jpeg', type: 'image/jpeg' },
        { url: 'http://.../back.jpeg', type: 'image/jpeg' },
      ],
    ],
    ['', []],
    ['nothing here', []],
    ['<http://open', []],
    ['  < /a > ; REL = "next"', [{ url: '/a', rel: 'next' }]],
    ["</a>; rel='next'", [{ url: '/a', rel: 'next' }]],
    ['</a,b;c>; rel=next', [{ url: '/a,b;c', rel: 'next' }]],
    ['</a>; title="x, y; \\"z\\" =", </b>', [{ url: '/a', title: 'x, y; "z" =' }, { url: '/b' }]],
    ['</a>; title="</b>; rel=last"', [{ url: '/a', title: '</b>; rel=last' }]],
    ['</a>; rel="first"; rel="second"', [{ url: '/a', rel: 'first' }]],
    ['</a>; crossorigin; rel=preload', [{ url: '/a', crossorigin: '', rel: 'preload' }]],
    ['</a>; url=/evil; rel=next', [{ url: '/a', rel: 'next' }]],
    ['</a>; rel="open', [{ url: '/a', rel: 'open' }]],
    ['junk, </a>; rel=next', [{ url: '/a', rel: 'next' }]],
    ['</a> junk; rel="next"junk; x=y, </b>', [{ url: '/a', rel: 'next', x: 'y' }, { url: '/b' }]],
    ['<>; rel=self', [{ url: '', rel: 'self' }]],
    ['</a>; ; =x; rel=a=b', [{ url: '/a', rel: 'a=b' }]],
  ])('reads %s (RFC 8288 section 3)', (header, expected) => {
    expect(parseLinks(header)).toEqual(expected)
  })

  it.each([
    ["title*=UTF-8'de'n%c3%a4chstes", { 'title*': 'nächstes', title: 'nächstes' }],
    ["title=next; title*=utf-8''%e2%82%ac", { 'title*': '€', title: '€' }],
    ["title*=ISO-8859-1'en'%A3", { 'title*': '£', title: '£' }],
    ["title=plain; title*=UTF-8''%ff", { title: 'plain' }],
    ["title=plain; title*=UTF-8''%4", { title: 'plain' }],
    ["title=plain; title*=UTF-8''é", { title: 'plain' }],
    ["title=plain; title*=koi8-r''a", { title: 'plain' }],
    ['title=plain; title*=nonsense', { title: 'plain' }],
    ["note*=utf-8''a%20b", { 'note*': 'a b' }],
  ])('decodes %s (RFC 8187 section 3.2)', (params, expected) => {
    expect(parseLinks(`</a>; ${params}`)).toEqual([{ url: '/a', ...expected }])
  })

  it('makes objects that __proto__ cannot fool', () => {
    const [link] = parseLinks('</a>; __proto__=x; constructor=y')
    expect(Object.getPrototypeOf(link)).toBeNull()
    expect(Object.keys(link ?? {})).toEqual(['url', '__proto__', 'constructor'])
    expect(link?.['toString']).toBeUndefined()
  })

  it('reads back every list it is given', () => {
    const url = textOf('ab/,;="é').filter((text) => text !== '')
    const name = fc.stringMatching(/^[a-z]{1,5}$/).filter((text) => text !== 'url')
    const value = textOf('ab ,;=<>"\\\'é')
    const link = fc.record({ url, params: fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }) })
    fc.assert(
      fc.property(fc.array(link), (links) => {
        const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
        const header = links.map(({ url, params }) =>
          [`<${url}>`, ...params.map(([key, text]) => `${key}=${quoted(text)}`)].join('; '),
        )
        expect(parseLinks(header.join(', '))).toEqual(
          links.map(({ url, params }) => ({ url, ...Object.fromEntries(params) })),
        )
      }),
    )
  })

  it('throws for nothing', () => {
    fc.assert(fc.property(textOf('ab<>=",;*\'% \\'), (header) => void indexLinks(parseLinks(header))))
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => parseLinks(text))
    expectFast(() => parseLinks(`<a>${text}`))
    expectFast(() => parseLinks(`<a>; b=${text}`))
    expectFast(() => indexLinks(parseLinks(`<a>; title*=utf-8''${text}; rel="${text}"`)))
  })
})

describe('indexLinks', () => {
  it('files links under each relation in lower case, or their URL', () => {
    const next = { url: '/2', rel: 'Next LAST' }
    const bare = { url: '/x' }
    expect(indexLinks([next, bare])).toEqual({ next, last: next, '/x': bare })
  })

  it('lets the later link win', () => {
    expect(indexLinks(parseLinks('</a>; rel=next, </b>; rel=next'))).toEqual({ next: { url: '/b', rel: 'next' } })
  })

  it('files __proto__ like any other relation', () => {
    const index = indexLinks(parseLinks('</a>; rel=__proto__'))
    expect(Object.getPrototypeOf(index)).toBeNull()
    expect(Object.keys(index)).toEqual(['__proto__'])
    expect(index['next']).toBeUndefined()
  })
})
