import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseList } from '../../src/listing/list.ts'
import { parseMlsd, parseTimestamp } from '../../src/listing/mlsd.ts'
import { parseExtendedPassive, parsePassive } from '../../src/protocol/data-channel.ts'

const NOW = Date.UTC(2026, 10, 26, 12)

test.each([
  [
    '-rw-r--r--    1 103      106            10 Nov 26 01:21 small.txt',
    {
      name: 'small.txt',
      type: 'file',
      size: 10,
      modified: '2026-11-26T01:21:00.000Z',
      permissions: 'rw-r--r--',
      owner: '103',
      group: '106',
    },
  ],
  [
    '-rw-r--r--   1 alice    ftp             0 Dec 31 23:59 a b  c',
    { name: 'a b  c', modified: '2025-12-31T23:59:00.000Z' },
  ],
  ['-rw-r--r--   1 alice    ftp             0 Jan  1  2020 x', { name: 'x', modified: '2020-01-01T00:00:00.000Z' }],
  ['drwxr-xr-x+  2 root root 4096 Nov 26 01:00 sub', { name: 'sub', type: 'directory', size: null }],
  [
    'lrwxrwxrwx   1 root root 11 Nov 26 01:00 link -> /etc/passwd',
    { name: 'link', type: 'link', target: '/etc/passwd', size: null },
  ],
  ['crw-rw-rw-   1 root root 1, 3 Nov 26 01:00 null', { name: 'null', type: 'other' }],
  ['-rw-r--r-- 1 ftp 123 Nov 26 01:00 no group', { name: 'no group', size: 123, owner: 'ftp' }],
  ['-rw-r--r-- 1 root root 5 2026-11-26 01:00 iso', { name: 'iso', modified: '2026-11-26T01:00:00.000Z' }],
  [
    '11-26-26  01:05PM       <DIR>          Program Files',
    { name: 'Program Files', type: 'directory', modified: '2026-11-26T13:05:00.000Z' },
  ],
  [
    '11-26-2026  12:05AM                 1234 a.txt',
    { name: 'a.txt', type: 'file', size: 1234, modified: '2026-11-26T00:05:00.000Z' },
  ],
])('LIST: %s', (line, wanted) => {
  expect(parseList(`total 5\r\n${line}\r\n`, NOW)).toMatchObject([wanted])
})

test.each([
  [
    'type=file;size=5;modify=20261126010203.456;UNIX.mode=0644; a; b',
    { name: 'a; b', type: 'file', size: 5, modified: '2026-11-26T01:02:03.456Z', permissions: '0644' },
  ],
  ['Type=DIR;Modify=20200101000000; sub', { name: 'sub', type: 'directory', size: null }],
  ['type=OS.unix=slink:/etc/passwd;size=11; link', { name: 'link', type: 'link', target: '/etc/passwd' }],
  [' bare', { name: 'bare', type: 'other', size: null, modified: null }],
])('MLSD: %s', (line, wanted) => {
  expect(parseMlsd(`type=cdir; .\r\ntype=pdir; ..\r\n${line}\r\n`)).toMatchObject([wanted])
})

test('names survive, whatever they are made of', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => !/[\r\n\0]/.test(text) && text.trim() === text && text !== '.' && text !== '..')
  fc.assert(
    fc.property(name, (given) => {
      expect(parseMlsd(`type=file;size=1; ${given}\r\n`)[0]?.name).toBe(given)
      expect(parseList(`-rw-r--r-- 1 a b 5 Nov 26 01:00 ${given}\r\n`, NOW)[0]?.name).toBe(given)
    }),
  )
})

test('any text gives entries, and a megabyte of it takes no longer than it must', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      for (const { name } of [...parseList(text, NOW), ...parseMlsd(text)]) expect(name).not.toBe('')
    }),
  )
  const started = performance.now()
  for (const line of [
    '-rw-r--r-- ',
    '-rw-r--r-- 1 ',
    '1 '.repeat(9),
    '01-01-01 1:00 ',
    ' ',
    'type=a;',
    '-rw-r--r-- a b 1 Nov 1 2020 ',
  ])
    for (const text of [line.repeat(1_000_000 / line.length), `${line.repeat(400)}\n`.repeat(100)]) {
      parseList(text, NOW)
      parseMlsd(text)
    }
  expect(performance.now() - started).toBeLessThan(10_000)
})

test.each([
  ['20261126010203', '2026-11-26T01:02:03.000Z'],
  ['20261126010203.5', '2026-11-26T01:02:03.500Z'],
  ['20160229000000', '2016-02-29T00:00:00.000Z'],
  ['20261301000000', null],
  ['20260230000000', null],
  ['20261126250000', null],
  ['1990', null],
])('the time %s is %s', (text, iso) => {
  expect(parseTimestamp(text)).toBe(iso)
})

test.each([
  ['Entering Extended Passive Mode (|||6446|)', 6446],
  ['ok (!!!6446!)', 6446],
  ['ok (|||0|)', null],
  ['ok (||6446|)', null],
])('EPSV: %s', (text, port) => {
  expect(parseExtendedPassive(text)).toBe(port)
})

test.each([
  ['Entering Passive Mode (127,0,0,1,4,1)', 1025],
  ['=127,0,0,1,4,1', 1025],
  ['(127,0,0,1,256,1)', null],
  ['(1,2,3)', null],
])('PASV: %s', (text, port) => {
  expect(parsePassive(text)).toBe(port)
})
