import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

// playwright-core's own types need those of the DOM, which this workspace does without. What the tests use of it:

/** Where an element is, in CSS pixels. */
interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Elements of a page. */
interface Locator {
  all(): Promise<Locator[]>
  allTextContents(): Promise<string[]>
  boundingBox(): Promise<Box | null>
  click(): Promise<void>
  count(): Promise<number>
  first(): Locator
  getAttribute(name: string): Promise<string | null>
  locator(selector: string): Locator
  nth(index: number): Locator
  textContent(): Promise<string | null>
}

/** One page. */
export interface Page {
  readonly keyboard: { press(key: string): Promise<void> }
  close(): Promise<void>
  /** @param expression - JavaScript. */
  evaluate(expression: string): Promise<unknown>
  goto(url: string): Promise<unknown>
  locator(selector: string): Locator
  on(event: 'request', listener: (request: { url(): string }) => void): void
  on(event: 'console', listener: (message: { text(): string }) => void): void
  on(event: 'pageerror', listener: (error: Error) => void): void
  on(event: 'dialog', listener: (dialog: { message(): string }) => void): void
  screenshot(): Promise<Buffer>
}

/** One browser. */
export interface Browser {
  close(): Promise<void>
  newPage(options: {
    readonly colorScheme: 'dark' | 'light'
    readonly viewport: { readonly width: number; readonly height: number }
    readonly deviceScaleFactor: number
  }): Promise<Page>
}

interface Playwright {
  readonly chromium: {
    launch(options: { readonly executablePath: string; readonly args: readonly string[] }): Promise<Browser>
  }
}

/** A real browser, or `null` where the machine has none. */
export async function launchBrowser(): Promise<Browser | null> {
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
    .map((name) => `/usr/bin/${name}`)
    .find((path) => existsSync(path))
  if (executablePath === undefined) return null
  const { chromium } = createRequire(import.meta.url)('playwright-core') as Playwright
  // No sandbox: CI runs as root, and the pages are ours.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
