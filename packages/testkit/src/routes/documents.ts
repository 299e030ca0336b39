import { sendBytes, sendJson, sendText } from '../reply.ts'
import { param, parseCount, type RouteContext, type TestRoute } from '../route-context.ts'
import { on } from '../router.ts'
import { seededBytes } from '../seeded-bytes.ts'

const html = `<!DOCTYPE html>
<html>
  <head><title>entreat test server</title></head>
  <body><h1>Moby-Dick</h1><p>Call me Ishmael.</p></body>
</html>
`
const xml = `<?xml version="1.0" encoding="us-ascii"?>
<slideshow title="Sample Slide Show"><slide type="all"><title>Wake up to WonderWidgets!</title></slide></slideshow>
`
const utf8 = `<h1>Unicode Demo</h1>
<pre>∮ E⋅da = Q,  n → ∞, ∑ f(i) = ∏ g(i)
Καλημέρα, Здравствуйте, こんにちは, 你好, გამარჯობა, שלום, 🙂
</pre>
`
const slideshow = {
  slideshow: {
    author: 'Yours Truly',
    date: 'date of publication',
    slides: [{ title: 'Wake up to WonderWidgets!', type: 'all' }],
    title: 'Sample Slide Show',
  },
}

/** Routes with a fixed or seeded body: `/html`, `/xml`, `/json`, `/robots.txt`, `/encoding/utf8`, `/links/:n/:offset`, `/link-header`, `/bytes/:n`. */
export function documentRoutes(): readonly TestRoute[] {
  return [
    on('GET', '/html', ({ response }) => sendText(response, html, 'text/html; charset=utf-8')),
    on('GET', '/xml', ({ response }) => sendText(response, xml, 'application/xml')),
    on('GET', '/json', ({ response }) => sendJson(response, slideshow)),
    on('GET', '/robots.txt', ({ response }) => sendText(response, 'User-agent: *\nDisallow: /deny\n', 'text/plain')),
    on('GET', '/encoding/utf8', ({ response }) => sendText(response, utf8, 'text/html; charset=utf-8')),
    on('GET', '/links/:n/:offset', sendLinks),
    on('GET', '/link-header', sendLinkHeader),
    on('GET', '/bytes/:n', sendSeededBytes),
  ]
}

function sendLinks(context: RouteContext): void {
  const count = parseCount(param(context, 'n'))
  const current = parseCount(param(context, 'offset'))
  const links = Array.from({ length: count }, (_, index) =>
    index === current ? String(index) : `<a href='/links/${count}/${index}'>${index}</a>`,
  )
  const page = `<html><head><title>Links</title></head><body>${links.join(' ')}</body></html>\n`
  sendText(context.response, page, 'text/html; charset=utf-8')
}

/** RFC 8288: `?page=` (default 1) of `?pages=` (default 3), with absolute URLs. */
function sendLinkHeader(context: RouteContext): void {
  const page = parseCount(context.query.get('page'), 1)
  const last = parseCount(context.query.get('pages'), 3)
  const link = (to: number, relation: string): string =>
    `<${context.origin}/link-header?page=${to}&pages=${last}>; rel="${relation}"`
  const links = [link(1, 'first'), link(last, 'last')]
  if (page > 1) links.unshift(link(page - 1, 'prev'))
  if (page < last) links.unshift(link(page + 1, 'next'))
  context.response.setHeader('Link', links.join(', '))
  sendJson(context.response, { page, pages: last })
}

function sendSeededBytes(context: RouteContext): void {
  const count = parseCount(param(context, 'n'))
  const seed = parseCount(context.query.get('seed'))
  sendBytes(context.response, seededBytes(count, seed), {
    'Content-Type': 'application/octet-stream',
  })
}
