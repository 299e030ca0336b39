// The documentation's site. `node scripts/site.mjs build` builds it and checks its links; `node scripts/site.mjs serve` shows it on a free port.
import { cpSync, createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run, runMain } from './install.mjs'

const built = join(root, 'docs', '.vitepress', 'dist')
const apiReference = join(root, 'docs', 'reference', 'api')

const contentTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/**
 * Builds the site into docs/.vitepress/dist, the API reference in it if that has been written.
 *
 * @returns an exit code: 1 if a page cannot be rendered or a link is dead.
 */
export function buildSite() {
  console.log('Building docs/.vitepress/dist…')
  if (run('vitepress', ['build', 'docs']) !== 0) return 1
  const hasReference = existsSync(join(apiReference, 'index.html'))
  if (hasReference) cpSync(apiReference, join(built, 'reference', 'api'), { recursive: true })
  const { pages, dead } = findDeadLinks()
  for (const { page, link, why } of dead) console.log(`FAILED ${page} links to ${link}: ${why}`)
  console.log(`${pages} pages, ${dead.length} dead links${hasReference ? '' : '; without the API reference'}`)
  return dead.length > 0 ? 1 : 0
}

/** The links between the pages as they were rendered: VitePress itself looks at no anchors. */
function findDeadLinks() {
  const files = readdirSync(built, { recursive: true }).filter((name) => name.endsWith('.html'))
  const pages = new Map(files.filter((name) => !isReference(name)).map((name) => [`/${name}`, readPage(name)]))
  const dead = []
  for (const [page, { links }] of pages) {
    for (const link of links) {
      const { pathname, hash } = new URL(link, `http://site${page}`)
      const file = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
      const why = (text) => dead.push({ page, link, why: text })
      if (isReference(file.slice(1))) continue
      if (!existsSync(join(built, file))) why('no such page')
      else if (hash && pages.has(file) && !pages.get(file).anchors.has(decodeURIComponent(hash.slice(1))))
        why('no such heading')
    }
  }
  return { pages: pages.size, dead }
}

function isReference(file) {
  return file.replaceAll('\\', '/').startsWith('reference/api/')
}

function readPage(name) {
  const html = readFileSync(join(built, name), 'utf8')
  const anchors = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))
  const links = [...html.matchAll(/<a\s[^>]*?href="([^"]+)"/g)].map(([, href]) => href.replaceAll('&amp;', '&'))
  return { anchors, links: links.filter((href) => !/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(href)) }
}

/**
 * Serves the built site on loopback.
 *
 * @param port - 0 for a free one.
 * @returns the address, and the server to close.
 */
export async function serveSite(port = 0) {
  if (!existsSync(join(built, 'index.html'))) throw new Error('There is no site yet: run `pnpm docs`')
  const server = createServer((request, response) => {
    const found = fileOf(new URL(request.url, 'http://site').pathname)
    const file = found ?? join(built, '404.html')
    response.writeHead(found ? 200 : 404, { 'Content-Type': contentTypes[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}/`, server }
}

/** A path's file inside the site, or undefined; dots that lead out of it do not count. */
function fileOf(pathname) {
  const file = join(built, decodeURIComponent(pathname))
  if (relative(built, file).startsWith('..')) return undefined
  return [file, join(file, 'index.html'), `${file}.html`].find((path) =>
    statSync(path, { throwIfNoEntry: false })?.isFile(),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    if (process.argv[2] !== 'serve') return buildSite()
    console.log((await serveSite()).url)
    return 0
  })
}
