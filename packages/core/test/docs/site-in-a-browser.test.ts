import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Browser, launchBrowser, type Page } from './site-browser.ts'

// The documentation's site, built, served on loopback and read in a real browser, page by page. Screenshots of a few pages are left in
// .cache/site for whoever wants to look.

interface Visit {
  readonly links: readonly string[]
  readonly anchors: readonly string[]
  readonly overflow: readonly string[]
}

const root = join(import.meta.dirname, '..', '..', '..', '..')
const script = join(root, 'scripts', 'site.mjs')
const pictures = join(root, '.cache', 'site')
const phone = { width: 390, height: 844 }
const desk = { width: 1440, height: 900 }
const read = `({
  links: [...document.querySelectorAll('a[href]')].map((link) => link.href),
  anchors: [...document.querySelectorAll('[id]')].map(({ id }) => id),
  overflow: document.documentElement.scrollWidth > innerWidth
    ? [...document.querySelectorAll('.vp-doc *')].filter((element) => element.getBoundingClientRect().right > innerWidth + 1).map(({ outerHTML }) => outerHTML.slice(0, 120)).slice(0, 1)
    : [],
})`

let browser: Browser | null = null
let server: ChildProcess
let url: string
let paths: string[]
const complaints: string[] = []
const visits = new Map<string, Visit>()

beforeAll(async () => {
  browser = await launchBrowser()
  if (!browser) return
  await promisify(execFile)(process.execPath, [script, 'build'], { cwd: root })
  server = spawn(process.execPath, [script, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(server.stdout?.setEncoding('utf8') ?? server, 'data')) as [string]
  url = line.trim()
  await mkdir(pictures, { recursive: true })
  paths = readdirSync(join(root, 'docs', '.vitepress', 'dist'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html') && !name.startsWith('reference/api/') && name !== '404.html')
    .toSorted()
}, 300_000)

afterAll(async () => {
  await browser?.close()
  server?.kill()
})

beforeEach((ctx) => {
  if (!browser) ctx.skip('no Chromium is installed (Debian: chromium)')
})

test(
  'shows every page without an error, a missing file or a request to another host',
  { timeout: 180_000 },
  async () => {
    const waiting = [...paths]
    const read = async (): Promise<void> => {
      const page = await openPage('light')
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift())
        visits.set(path, await visit(page, path))
    }
    await Promise.all([read(), read()])
    expect(visits.size).toBe(paths.length)
    expect(paths.length).toBeGreaterThan(60)
    expect(complaints).toEqual([])
  },
)

test('leads from no page to a page or heading that is not there', async () => {
  const dead: string[] = []
  for (const [path, { links }] of visits) {
    for (const link of links.map((href) => new URL(href)).filter(({ origin }) => `${origin}/` === url)) {
      const target = visits.get(
        decodeURIComponent(link.pathname)
          .slice(1)
          .replace(/(^|\/)$/, '$1index.html'),
      )
      const anchor = decodeURIComponent(link.hash.slice(1))
      // The API reference is TypeDoc's, which checks its own links, and only there if it was written.
      if (link.pathname.startsWith('/reference/api/')) continue
      if (!target || (anchor !== '' && !target.anchors.includes(anchor))) dead.push(`${path}: ${link.href}`)
    }
  }
  expect(dead).toEqual([])
})

test('is as wide as the screen of a phone', () => {
  const wide = [...visits].filter(([, { overflow }]) => overflow.length > 0)
  expect(wide.map(([path, { overflow }]) => `${path}: ${overflow[0]}`)).toEqual([])
})

test('finds Kerberos', { timeout: 60_000 }, async () => {
  const page = await openPage('light')
  await page.goto(url)
  await page.locator('.VPNavBarSearch button').first().click()
  await page.locator('#localsearch-input').fill('Kerberos')
  const results = page.locator('.VPLocalSearchBox .results .result')
  await results.first().waitFor()
  expect((await results.allTextContents()).join(' ')).toContain('Kerberos')
  await page.screenshot({ path: join(pictures, 'search.png') })
  await results.first().click()
  await page.waitForURL(/\/[a-z]+\/[^/]+\.html/)
})

test('can be looked at', { timeout: 60_000 }, async () => {
  const shots = [
    { path: 'index.html', colorScheme: 'light', viewport: desk },
    { path: 'index.html', colorScheme: 'dark', viewport: phone },
    { path: 'guide/sessions.html', colorScheme: 'dark', viewport: desk },
    { path: 'guide/sessions.html', colorScheme: 'light', viewport: phone },
    { path: 'migrate/axios.html', colorScheme: 'light', viewport: desk },
  ] as const
  for (const { path, colorScheme, viewport } of shots) {
    const page = await openPage(colorScheme)
    await page.setViewportSize(viewport)
    await page.goto(url + path)
    const file = `${path.replace('.html', '').replace('/', '-')}-${viewport.width}-${colorScheme}.png`
    expect((await page.screenshot({ path: join(pictures, file) })).length).toBeGreaterThan(1_000)
    await page.close()
  }
})

async function openPage(colorScheme: 'dark' | 'light'): Promise<Page> {
  if (!browser) throw new Error('No browser: the test should have been skipped')
  const page = await browser.newPage({ colorScheme, viewport: desk })
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(`asks ${request.url()}`)
  })
  return page
}

async function visit(page: Page, path: string): Promise<Visit> {
  await page.setViewportSize(phone)
  await page.goto(url + path)
  return (await page.evaluate(read)) as Visit
}
