import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

// docs/reference/parity.md has a row for every test of Requests' own suite, and the tests that it names exist.

const page = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'reference', 'parity.md')

/** By file, each test with its class: W and L are portable, A in its intent, N not at all. */
const suite = readJson(join(import.meta.dirname, 'requests-tests.json')) as Record<string, Record<string, string>>
const deviations = readJson(join(import.meta.dirname, 'deviations.json')) as Record<string, unknown>

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

interface Row {
  /** `tests/test_hooks.py test_hooks L` */
  readonly name: string
  readonly reason: string | null
  /** Files by absolute path, with the title of a test or the name of a case. */
  readonly tests: readonly (readonly [path: string, title: string])[]
}

function readRows(): Row[] {
  let file = ''
  const markdown = readFileSync(page, 'utf8')
  const paths = new Map(
    [...markdown.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, label = '', path = '']) => [
      label,
      join(dirname(page), path),
    ]),
  )
  return markdown.split(/\n(?=- |## |\[)/).flatMap((block) => {
    const text = block.replaceAll(/\s+/g, ' ').trim()
    file = /^## `(tests\/[^`]+)`/.exec(text)?.[1] ?? file
    const [, name, kind, rest = ''] = /^- `([^`]+)` \(([WLAN])\): (.*)$/.exec(text) ?? []
    if (name === undefined) return []
    const tests = [...rest.matchAll(/\[([^\]]+)\] `([^`]+)`/g)].map(
      ([, label = '', title = '']) => [paths.get(label) ?? label, title] as const,
    )
    return [{ name: `${file} ${name} ${kind}`, reason: /^Not here: ([^[]+)/.exec(rest)?.[1] ?? null, tests }]
  })
}

const rows = readRows()

test('every test of the suite has a row, with its class, and every row is one of them', () => {
  const names = Object.entries(suite).flatMap(([file, tests]) =>
    Object.entries(tests).map(([name, kind]) => `${file} ${name} ${kind}`),
  )
  expect(names).toHaveLength(347)
  expect(rows.map(({ name }) => name)).toEqual(names)
})

test('every portable test is held by one of ours, or says why not', () => {
  for (const { name, reason, tests } of rows) expect(tests.length > 0 || reason !== null, name).toBe(true)
  const portable = rows.filter(({ name }) => /[WL]$/.test(name))
  expect(portable.filter(({ tests }) => tests.length === 0).length).toBeLessThan(10)
})

test('every test that is named exists', () => {
  const sources = new Map<string, string>()
  for (const [path, title] of rows.flatMap(({ tests }) => tests)) {
    expect(existsSync(path), path).toBe(true)
    const source = sources.get(path) ?? readFileSync(path, 'utf8')
    sources.set(path, source)
    // Titles and names of cases stand in quotes of either kind.
    const isThere = [`'${title.replaceAll("'", "\\'")}'`, JSON.stringify(title)].some((text) => source.includes(text))
    expect(isThere, `${path}: ${title}`).toBe(true)
    if (path.includes('scenarios')) expect(Object.keys(deviations)).not.toContain(title)
  }
})
