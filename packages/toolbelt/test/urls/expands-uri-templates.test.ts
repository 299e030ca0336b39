import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '@entreat/core'
import { expandTemplate, type TemplateValue } from '@entreat/toolbelt/uri-template'

// RFC 6570 section 3.2: the variables and expansions that it shows.
const variables: Record<string, TemplateValue> = {
  count: ['one', 'two', 'three'],
  dom: ['example', 'com'],
  dub: 'me/too',
  hello: 'Hello World!',
  half: '50%',
  var: 'value',
  who: 'fred',
  base: 'http://example.com/home/',
  path: '/foo/bar',
  list: ['red', 'green', 'blue'],
  keys: { semi: ';', dot: '.', comma: ',' },
  v: '6',
  x: '1024',
  y: '768',
  empty: '',
  empty_keys: [],
  undef: null,
}

const expansions: Record<string, string> = {
  '{count}': 'one,two,three',
  '{count*}': 'one,two,three',
  '{/count}': '/one,two,three',
  '{/count*}': '/one/two/three',
  '{;count}': ';count=one,two,three',
  '{;count*}': ';count=one;count=two;count=three',
  '{?count}': '?count=one,two,three',
  '{?count*}': '?count=one&count=two&count=three',
  '{&count*}': '&count=one&count=two&count=three',
  '{var}': 'value',
  '{hello}': 'Hello%20World%21',
  '{half}': '50%25',
  'O{empty}X': 'OX',
  'O{undef}X': 'OX',
  '{x,y}': '1024,768',
  '{x,hello,y}': '1024,Hello%20World%21,768',
  '?{x,empty}': '?1024,',
  '?{x,undef}': '?1024',
  '?{undef,y}': '?768',
  '{var:3}': 'val',
  '{var:30}': 'value',
  '{list}': 'red,green,blue',
  '{list*}': 'red,green,blue',
  '{keys}': 'semi,%3B,dot,.,comma,%2C',
  '{keys*}': 'semi=%3B,dot=.,comma=%2C',
  '{+hello}': 'Hello%20World!',
  '{+half}': '50%25',
  '{base}index': 'http%3A%2F%2Fexample.com%2Fhome%2Findex',
  '{+base}index': 'http://example.com/home/index',
  '{+path}/here': '/foo/bar/here',
  'here?ref={+path}': 'here?ref=/foo/bar',
  '{+path,x}/here': '/foo/bar,1024/here',
  '{+path:6}/here': '/foo/b/here',
  '{+keys*}': 'semi=;,dot=.,comma=,',
  '{#var}': '#value',
  '{#path:6}here': '#/foo/bhere',
  '{#keys*}': '#semi=;,dot=.,comma=,',
  'foo{#empty}': 'foo#',
  'foo{#undef}': 'foo',
  '{.who}': '.fred',
  '{.half,who}': '.50%25.fred',
  'www{.dom*}': 'www.example.com',
  'X{.var:3}': 'X.val',
  'X{.empty}': 'X.',
  'X{.empty_keys}': 'X',
  '{/var,x}/here': '/value/1024/here',
  '{/var,empty}': '/value/',
  '{/var:1,var}': '/v/value',
  '{/list*,path:4}': '/red/green/blue/%2Ffoo',
  '{/keys*}': '/semi=%3B/dot=./comma=%2C',
  '{;v,empty,who}': ';v=6;empty;who=fred',
  '{;x,y,undef}': ';x=1024;y=768',
  '{;keys}': ';keys=semi,%3B,dot,.,comma,%2C',
  '{?x,y,empty}': '?x=1024&y=768&empty=',
  '{?var:3}': '?var=val',
  '{?keys*}': '?semi=%3B&dot=.&comma=%2C',
  '?fixed=yes{&x}': '?fixed=yes&x=1024',
  '{&x,y,empty}': '&x=1024&y=768&empty=',
  '{?empty_keys*}': '',
}

test.each(Object.entries(expansions))('%s expands to %s', (template, expected) => {
  expect(expandTemplate(template, variables)).toBe(expected)
})

test.each([
  '{',
  '{}',
  '{x',
  'x}',
  '{x}}',
  '{{x}}',
  '{!x}',
  '{x y}',
  '{x:}',
  '{x:0}',
  '{x:10000}',
  '{x:3*}',
  '{x,,y}',
  '{=x}',
  '{x.}',
  '{-x}',
  'a b',
  'a"b',
  '100%',
  '%zz',
  'a\nb',
])('refuses %j', (template) => {
  expect(() => expandTemplate(template, variables)).toThrow(UsageError)
})

describe('what a stranger gives', () => {
  test('changes nothing of the URL around {name}', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (id) => {
        fc.pre(id !== '.' && id !== '..')
        const url = new URL(expandTemplate('https://e.com/users/{id}/posts{?q}', { id, q: id }))
        expect(url.host).toBe('e.com')
        expect(url.pathname.split('/')).toHaveLength(4)
        expect(url.searchParams.get('q')).toBe(id)
        expect(decodeURIComponent(url.pathname.split('/')[2] ?? '')).toBe(id)
      }),
    )
  })

  test('own members count, and nothing else', () => {
    expect(expandTemplate('{constructor}{toString}{__proto__}x', {})).toBe('x')
    const polluted = Object.prototype as { polluted?: string }
    try {
      polluted.polluted = 'yes'
      expect(expandTemplate('{polluted}{?o*}', { o: { a: 1 } })).toBe('?a=1')
    } finally {
      delete polluted.polluted
    }
  })
})

test('a megabyte of template takes linear time', () => {
  for (const unit of ['{', '{a}', '{a,', 'a.', '%41', '{%41']) {
    const started = performance.now()
    try {
      expandTemplate(unit.repeat(1_000_000 / unit.length), variables)
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError)
    }
    try {
      expandTemplate(`{${unit.repeat(1_000_000 / unit.length)}}`, variables)
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError)
    }
    expect(performance.now() - started).toBeLessThan(4000)
  }
})
