import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

// docs/reference/toolbelt.md has a row for every public name of requests-toolbelt, with a test that exists.

const page = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'reference', 'toolbelt.md')
const rows = readFileSync(page, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\|\s*(?:---|there|here)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
/** The last parts of the names in the first column: `MultipartEncoder.read` is `read`. */
const named = new Set(
  rows.flatMap(([, first = '']) => [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.split('.').at(-1))),
)

test('every row names what stands in its place, and a test that exists', () => {
  expect(rows.length).toBeGreaterThan(60)
  for (const row of rows) {
    const tests = [...(row.at(-2) ?? '').matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => path)
    expect(tests, row.join(' | ')).not.toEqual([])
    for (const path of tests) expect(existsSync(join(page, '..', path)), path).toBe(true)
    expect(row[2]).not.toMatch(/^(?:|missing|none)$/i)
  }
})

test('every name of grequests has a row', () => {
  const names = [
    'map',
    'imap',
    'imap_enumerated',
    'AsyncRequest',
    'send',
    'request',
    'get',
    'options',
    'head',
    'post',
    'put',
    'patch',
    'delete',
  ]
  expect(names.filter((name) => !named.has(name))).toEqual([])
})

const LIST_NAMES = `
import importlib, inspect, pkgutil, warnings
warnings.simplefilter('ignore')
import requests_toolbelt
for info in pkgutil.walk_packages(requests_toolbelt.__path__, 'requests_toolbelt.'):
    try:
        module = importlib.import_module(info.name)
    except ImportError:
        continue
    for name, value in inspect.getmembers(module):
        if name.startswith('_') or getattr(value, '__module__', '') != info.name:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            print(name)
`
const { status, stdout } = spawnSync('/usr/bin/python3', ['-c', LIST_NAMES], { encoding: 'utf8' })
const missing = status === 0 ? null : 'python3-requests-toolbelt is not installed'

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(
  `requests-toolbelt${missing === null ? '' : `: ${missing}`}`,
  () => {
    test('every public class and function has a row', () => {
      const names = new Set(stdout.trim().split('\n'))
      expect(names.size).toBeGreaterThan(40)
      expect([...names].filter((name) => !named.has(name))).toEqual([])
    })
  },
)
