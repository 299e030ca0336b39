import { spawn } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { get } from '@entreat/core'
import { expect, test } from 'vitest'
// @ts-expect-error: a JavaScript module without types
import { startOAuth1Provider } from '../tour/oauth1-provider.mjs'

interface Provider {
  readonly url: string
  readonly nonces: readonly string[]
  close(): Promise<void>
}

/** Runs the example as a user would, who follows the link and types what it says. */
async function runExample(...args: string[]): Promise<string[]> {
  const env = { PATH: process.env['PATH'], HOME: tmpdir(), NO_PROXY: '*' }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'three-legged-oauth1.mjs'), ...args], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 15_000,
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    const link = /^open (http:\S+)$/.exec(line)?.[1]
    if (link === undefined) continue
    const page = new URLSearchParams((await get(link)).text)
    child.stdin.end(`${page.get('code')}\n`)
  }
  return lines
}

test('signs a user in once, and has the token from then on', async () => {
  const provider = await (startOAuth1Provider as () => Promise<Provider>)()
  const folder = await mkdtemp(join(tmpdir(), 'entreat-examples-'))
  const directory = join(folder, 'tokens')
  expect(await runExample(provider.url, directory)).toEqual([expect.stringMatching(/^open /), 'hello=ishmael'])
  expect(await runExample(provider.url, directory)).toEqual(['hello=ishmael'])
  expect(new Set(provider.nonces).size).toBe(4)
  if (process.platform !== 'win32') expect((await stat(directory)).mode & 0o777).toBe(0o700)
  await provider.close()
  await rm(folder, { recursive: true })
})
