import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidURL, Session } from '@entreat/core'
import { adapterSuite } from '@entreat/testkit'
import { FileAdapter } from '../src/file-adapter.ts'
import { capabilities, FileTarget } from './file-target.ts'

let target: FileTarget
let session: Session

beforeAll(() => {
  target = new FileTarget()
  session = new Session()
  session.mount('file://', new FileAdapter())
})
afterAll(async () => {
  await session.close()
  target.remove()
})

adapterSuite({
  name: 'FileAdapter',
  create: () => new FileAdapter(),
  capabilities,
  runner: { describe, test },
  target: () => target,
})

function write(name: string, content: string): string {
  const path = join(target.folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  utimesSync(path, 0, 1_600_000_000)
  return pathToFileURL(path).href
}

test('a session reads a file like any other resource', async () => {
  const response = await session.get(write('a.json', '{"read": true}'))
  expect(response.json()).toEqual({ read: true })
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(response.headers.get('content-length')).toBe('14')
  expect(response.headers.get('last-modified')).toBe('Sun, 13 Sep 2020 12:26:40 GMT')
})

test('HEAD has the headers and no body', async () => {
  const response = await session.head(write('a.txt', 'text'))
  expect([response.statusCode, response.headers.get('content-length'), response.content.length]).toEqual([200, '4', 0])
})

test('names are percent-decoded, and a query is no part of them', async () => {
  const url = write('100 % é?#.txt', 'odd name')
  expect(url).toContain('100%20%25%20')
  expect((await session.get(`${url}?x#y`)).text).toBe('odd name')
  expect((await session.get(url.replace('file://', 'file://localhost'))).text).toBe('odd name')
  expect((await session.get(url.replace('file://', 'file:'))).text).toBe('odd name')
})

test('another host, a NUL byte and bad percent-encoding are refused', async () => {
  for (const url of ['file://example.com/etc/hosts', 'file:///etc/hosts%00.txt', 'file:///%zz']) {
    await expect(session.get(url)).rejects.toBeInstanceOf(InvalidURL)
  }
})
