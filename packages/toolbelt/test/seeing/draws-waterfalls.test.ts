import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DigestAuth, Session, UsageError } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { type Har, type HarEntry, HarRecorder, type HarTimings } from '@entreat/toolbelt/har'
import { renderWaterfall } from '@entreat/toolbelt/waterfall'
import { type Browser, launchBrowser, type Page } from '../support/browser.ts'
import { readPng } from '../support/read-png.ts'

/** An entry that begins at `startMs` and has these phases, in milliseconds. */
function entry(
  startMs: number,
  timings: Partial<HarTimings>,
  more: Partial<HarEntry> = {},
  url = `https://e.com/at-${startMs}`,
): HarEntry {
  return {
    startedDateTime: new Date(1_700_000_000_000 + startMs).toISOString(),
    time: 0,
    request: {
      method: 'GET',
      url,
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: [],
      queryString: [],
      headersSize: -1,
      bodySize: 0,
    },
    response: {
      status: 200,
      statusText: 'OK',
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: [{ name: 'Server', value: 'test' }],
      content: { size: 5, mimeType: 'text/plain', text: 'whale' },
      redirectURL: '',
      headersSize: -1,
      bodySize: 5,
    },
    cache: {},
    timings: { blocked: -1, dns: -1, connect: -1, ssl: -1, send: 0, wait: 0, receive: 0, ...timings },
    ...more,
  }
}

function harOf(...entries: readonly HarEntry[]): Har {
  return { log: { version: '1.2', creator: { name: 'test', version: '0' }, entries } }
}

/** Three exchanges, out of order: one opens a connection, one follows, one is long and overlaps both. */
const SAMPLE = harOf(
  entry(500, { send: 100, wait: 200, receive: 200 }, { _call: 1, _hop: 1 }),
  entry(0, { dns: 100, connect: 200, ssl: 100, send: 50, wait: 100, receive: 50 }, { _call: 1, _hop: 0 }),
  entry(250, { wait: 500, receive: 250 }),
)

describe('as text', () => {
  test('is one page that loads and runs nothing', () => {
    const html = renderWaterfall(SAMPLE, { title: 'A <title>', language: 'de' })
    expect(html).toMatch(/^<!doctype html>\n<html lang="de">/)
    expect(html).toContain('<h1>A &lt;title&gt;</h1>')
    expect(html).toContain('default-src &#39;none&#39;')
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=/i)
  })

  test('shows that nothing was recorded', () => {
    expect(renderWaterfall(harOf())).toContain('Nothing was recorded.')
  })

  test('escapes whatever a HAR holds, and tolerates what it lacks', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (value, text) => {
        const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>${text}`
        const one = entry(0, { wait: 1 }, {}, hostile)
        const odd = {
          ...one,
          response: { ...one.response, _error: hostile, statusText: hostile },
          comment: hostile,
          timings: value,
        }
        const html = renderWaterfall(harOf(odd as HarEntry, {} as HarEntry), { title: hostile })
        expect(html).not.toMatch(/<script|<img/i)
        expect(html).not.toContain('NaN')
      }),
      { numRuns: 100 },
    )
  })

  test('text that turns writing around cannot make a URL look like another', () => {
    expect(renderWaterfall(harOf(entry(0, {}, {}, 'https://e.com/\u202egnp.exe')))).not.toContain('\u202e')
  })

  test('10,000 exchanges are drawn in good time', () => {
    const started = performance.now()
    const many = Array.from({ length: 10_000 }, (_, index) => entry(index, { wait: 5 }))
    expect(renderWaterfall(harOf(...many)).length).toBeGreaterThan(1_000_000)
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test.each([null, {}, { log: {} }, 'har'])('refuses %j', (value) => {
    expect(() => renderWaterfall(value as never)).toThrow(UsageError)
  })

  test('refuses unknown options', () => {
    expect(() => renderWaterfall(SAMPLE, { theme: 'dark' } as object)).toThrow(/has no option "theme"/)
  })
})

describe('in a browser', () => {
  let browser: Browser | null = null
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entreat-waterfall-'))
    browser = await launchBrowser()
  }, 60_000)
  beforeEach((ctx) => {
    if (browser === null) ctx.skip('chromium is not installed')
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Opens a HAR's page; fails if it asks for anything, complains of anything, or runs anything. */
  async function open(
    har: Har,
    options: { dark?: boolean; width?: number } = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const file = join(folder, `${Math.random().toString(36).slice(2)}.html`)
    writeFileSync(file, renderWaterfall(har))
    const { dark = false, width = 1280 } = options
    const colorScheme = dark ? 'dark' : 'light'
    const page = await (browser as Browser).newPage({
      colorScheme,
      viewport: { width, height: 800 },
      deviceScaleFactor: 1,
    })
    const complaints: string[] = []
    page.on('request', (request) => request.url() === pathToFileURL(file).href || complaints.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('dialog', (dialog) => complaints.push(dialog.message()))
    await page.goto(pathToFileURL(file).href)
    return { page, complaints }
  }

  test('bars begin in the order of sending, and are as long as their exchanges', async () => {
    const { page, complaints } = await open(SAMPLE)
    const lane = await page.locator('.lane').first().boundingBox()
    const bars = await Promise.all((await page.locator('.bar').all()).map((bar) => bar.boundingBox()))
    const parts = bars.map((bar) => [
      ((bar?.x ?? 0) - (lane?.x ?? 0)) / (lane?.width ?? 1),
      (bar?.width ?? 0) / (lane?.width ?? 1),
    ])
    const expected = [
      [0, 0.5],
      [0.25, 0.75],
      [0.5, 0.5],
    ]
    parts.forEach((part, row) =>
      part.forEach((value, at) => expect(value).toBeCloseTo(expected[row]?.[at] as number, 1)),
    )
    expect(await page.locator('.path').allTextContents()).toEqual(['/at-0', '/at-250', '/at-500'])
    expect(complaints).toEqual([])
    await page.close()
  })

  test.each([false, true])('a screenshot shows the phases in their order and colours (dark: %s)', async (dark) => {
    const { page } = await open(SAMPLE, { dark })
    const pixels = readPng(await page.screenshot())
    const colourOf = (name: string): Promise<string> => cssVariable(page, name)
    const names = ['dns', 'connect', 'ssl', 'send', 'wait', 'receive', 'card', 'page'] as const
    const colours = new Map(await Promise.all(names.map(async (name) => [await colourOf(name), name] as const)))
    /** Phases met from left to right along the middle of a row's bar. */
    const phasesOf = async (row: number): Promise<{ phases: string[]; from: number }> => {
      const box = await page.locator('.lane').nth(row).boundingBox()
      const y = Math.round((box?.y ?? 0) + (box?.height ?? 0) / 2)
      const phases: string[] = []
      let from = -1
      for (let x = Math.round(box?.x ?? 0); x < (box?.x ?? 0) + (box?.width ?? 0); x++) {
        const name = colours.get(pixels.at(x, y))
        if (name === undefined || name === 'card' || name === 'page') continue
        if (from === -1) from = x
        if (phases.at(-1) !== name) phases.push(name)
      }
      return { phases, from }
    }
    const rows = [await phasesOf(0), await phasesOf(1), await phasesOf(2)]
    expect(rows.map(({ phases }) => phases)).toEqual([
      ['dns', 'connect', 'ssl', 'send', 'wait', 'receive'],
      ['wait', 'receive'],
      ['send', 'wait', 'receive'],
    ])
    const begins = rows.map(({ from }) => from)
    expect(begins).toEqual(begins.toSorted((a, b) => a - b))
    expect(new Set(begins).size).toBe(3)
    await page.close()
  })

  test.each([false, true])('contrast is 4.5:1 for text and 3:1 for phases (dark: %s)', async (dark) => {
    const { page } = await open(SAMPLE, { dark })
    const value = (name: string): Promise<string> => cssVariable(page, name)
    for (const ground of ['page', 'card', 'hover']) {
      for (const text of ['ink', 'soft', 'ok', 'move', 'bad', 'err', 'link']) {
        expect(contrast(await value(text), await value(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5)
      }
      for (const phase of ['blocked', 'dns', 'connect', 'ssl', 'send', 'wait', 'receive']) {
        expect(contrast(await value(phase), await value(ground)), `${phase} on ${ground}`).toBeGreaterThanOrEqual(3)
      }
    }
    await page.close()
  })

  test('a row opens by keyboard, and is read aloud with its numbers', async () => {
    const { page } = await open(SAMPLE)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const details = page.locator('details').first()
    expect(await details.getAttribute('open')).not.toBeNull()
    expect(await details.locator('pre').textContent()).toBe('whale')
    expect(await details.locator('tr').allTextContents()).toEqual([
      'Begins at0 ms',
      'DNS100 ms',
      'Connect100 ms',
      'TLS100 ms',
      'Send50 ms',
      'Wait100 ms',
      'Receive50 ms',
      'Total500 ms',
    ])
    const heard = await page.locator('.lane').first().getAttribute('aria-label')
    expect(heard).toBe('begins at 0 ms, DNS 100 ms, Connect 100 ms, TLS 100 ms, Send 50 ms, Wait 100 ms, Receive 50 ms')
    expect(await page.locator('.row').nth(2).locator('.label').textContent()).toBe('redirect 1')
    await page.close()
  })

  test.each([1280, 800, 360])('fits a window of %i pixels without scrolling sideways', async (width) => {
    const long = entry(0, { wait: 5 }, {}, `https://e.com/${'long/'.repeat(100)}?${'q'.repeat(300)}`)
    const { page } = await open(harOf(long, ...SAMPLE.log.entries), { width })
    await page.locator('summary').first().click()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    await page.close()
  })

  test('nothing in a HAR runs or loads', async () => {
    const evil = `"><script>alert(1)</script><img src="http://127.0.0.1:1/x" onerror="alert(2)"><style>@import url(http://127.0.0.1:1/)</style>`
    const one = entry(0, { wait: 1 }, { comment: evil }, `https://e.com/${evil}`)
    const text = {
      ...one.response,
      headers: [{ name: evil, value: evil }],
      content: { size: 1, mimeType: evil, text: evil },
    }
    const { page, complaints } = await open(harOf({ ...one, response: text }))
    await page.locator('summary').click()
    expect(await page.locator('pre').textContent()).toBe(evil)
    expect(await page.locator('script, img').count()).toBe(0)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('what a Session did is seen: a redirect, a refused leg, a failure', async () => {
    const server = await TestServer.start({ tls: false })
    const session = new Session({ trustEnv: false })
    const recorder = new HarRecorder()
    recorder.attach(session)
    await session.get(`${server.url}/redirect/1`)
    await session.get(`${server.url}/digest-auth/auth/ahab/ivory`, {
      auth: new DigestAuth('ahab', 'ivory'),
    })
    await session.post(`${server.url}/close`).catch(() => {})
    await session.close()
    await server.close()
    const { page, complaints } = await open(recorder.toHar())
    const rows = await page.locator('.row').all()
    const shown = await Promise.all(
      rows.map(async (row) => [
        (await row.locator('.status').textContent())?.replace('status ', ''),
        (await row.locator('.label').allTextContents()).join(),
      ]),
    )
    expect(shown.slice(0, 4)).toEqual([
      ['302', ''],
      ['200', 'redirect 1'],
      ['401', ''],
      ['200', 'with credentials'],
    ])
    expect(shown[4]?.[0]).toBe('failed')
    expect(complaints).toEqual([])
    await page.close()
  })
})

async function cssVariable(page: Page, name: string): Promise<string> {
  const value = await page.evaluate(`getComputedStyle(document.documentElement).getPropertyValue('--${name}')`)
  return String(value).trim()
}

/** WCAG 2.2, contrast ratio. */
function contrast(first: string, second: string): number {
  const [light, dark] = [luminance(first), luminance(second)].sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(hex: string): number {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(full.slice(at, at + 2), 16) / 255
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
