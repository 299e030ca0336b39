import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

// playwright-core's own types need those of the DOM, which this workspace does without. What the test of the site uses of it:

/** Elements of a page. */
interface Locator {
  allTextContents(): Promise<string[]>
  click(): Promise<void>
  fill(text: string): Promise<void>
  first(): Locator
  waitFor(): Promise<void>
}

/** One page. */
export interface Page {
  close(): Promise<void>
  /** @param expression - JavaScript. */
  evaluate(expression: string): Promise<unknown>
  goto(url: string): Promise<unknown>
  locator(selector: string): Locator
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void
  on(event: 'pageerror', listener: (error: Error) => void): void
  on(event: 'request', listener: (request: { url(): string }) => void): void
  on(event: 'response', listener: (response: { status(): number; url(): string }) => void): void
  screenshot(options: { readonly path: string }): Promise<Buffer>
  setViewportSize(size: { readonly width: number; readonly height: number }): Promise<void>
  waitForURL(url: RegExp): Promise<void>
}

/** One browser. */
export interface Browser {
  close(): Promise<void>
  newPage(options: {
    readonly colorScheme: 'dark' | 'light'
    readonly viewport: { readonly width: number; readonly height: number }
  }): Promise<Page>
}

interface Playwright {
  readonly chromium: {
    launch(options: { readonly executablePath: string; readonly args: readonly string[] }): Promise<Browser>
  }
}

/** A real browser, or `null` where the machine has none. */
export async function launchBrowser(): Promise<Browser | null> {
  const paths = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`)
  const executablePath = paths.find((path) => existsSync(path))
  if (executablePath === undefined) return null
  const { chromium } = createRequire(import.meta.url)('playwright-core') as Playwright
  // No sandbox: CI runs as root, and the pages are ours.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
