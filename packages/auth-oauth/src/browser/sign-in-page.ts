/** A page that needs nothing from anywhere, and that no other site may frame. */
export interface SignInPage {
  readonly status: number
  readonly html: string
}

const STYLE =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}'

/** @param paragraphs - text; what is special in HTML is escaped. */
export function signInPage(status: number, title: string, ...paragraphs: readonly string[]): SignInPage {
  const body = paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join('')
  const head = `<meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style>`
  return {
    status,
    html: `<!doctype html><html lang="en"><head>${head}</head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`,
  }
}

/** The header fields of every page: nothing is loaded, kept, framed or told to other sites. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Connection: 'close',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`)
}
