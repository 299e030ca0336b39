// Which Markdown files are pages of the site, where they stand on it, and the sidebar that follows from that.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Folders of docs/, in which, as in docs/ itself, every Markdown file is a page. */
const folders = ['guide', 'extend', 'migrate', 'reference', 'decisions']

/** Files of the root that are pages as well. */
const rootPages = {
  'CONTRIBUTING.md': 'project/contributing.md',
  'SECURITY.md': 'project/security.md',
  'CODE_OF_CONDUCT.md': 'project/conduct.md',
}

/**
 * Every page: its file in the repository and its file on the site.
 *
 * @returns source to page, such as `packages/core/README.md` to `packages/core.md`.
 */
export function findPages() {
  const pages = Object.fromEntries(markdownFilesIn('docs').map((name) => [`docs/${name}`, name]))
  for (const folder of folders) {
    for (const name of markdownFilesIn(`docs/${folder}`)) {
      pages[`docs/${folder}/${name}`] = `${folder}/${name === 'README.md' ? 'index.md' : name}`
    }
  }
  for (const name of readdirSync(join(root, 'packages'))) {
    if (existsSync(join(root, 'packages', name, 'README.md')))
      pages[`packages/${name}/README.md`] = `packages/${name}.md`
  }
  for (const [source, page] of Object.entries(rootPages)) {
    if (existsSync(join(root, source))) pages[source] = page
  }
  return pages
}

/**
 * The sidebar: groups of links.
 *
 * A group names its pages in order (`pages`), or takes all of some folders that no group names (`rest`; `''` is docs/ itself), so that a new file shows by itself.
 *
 * @param groups - `{ text, pages?, rest?, collapsed?, links? }`; pages and folders as they are on the site, without `.md`.
 * @throws Error if a page is named that does not exist.
 */
export function sidebarOf(groups) {
  const sources = new Map(Object.entries(findPages()).map(([source, page]) => [page.replace(/\.md$/, ''), source]))
  const named = new Set(groups.flatMap(({ pages = [] }) => pages))
  for (const page of named)
    if (!sources.has(page))
      throw new Error(`The sidebar names ${page}, which is not there: see docs/.vitepress/config.mjs`)
  return groups
    .map(({ text, pages = [], rest = [], collapsed, links = [] }) => {
      const others = [...sources.keys()].filter((page) => rest.includes(folderOf(page)) && !named.has(page))
      const items = [...pages, ...others].map((page) => ({ text: titleOf(sources.get(page)), link: linkOf(page) }))
      return { text, collapsed, items: [...items, ...links] }
    })
    .filter(({ items }) => items.length > 0)
}

/** The first heading of a Markdown file, as plain text. */
export function titleOf(source) {
  const [, heading] = /^# (.+)$/m.exec(readFileSync(join(root, source), 'utf8')) ?? []
  return (heading ?? source).replaceAll('`', '')
}

/** The address of a page on the site. */
export function linkOf(page) {
  return `/${page.replace(/\.md$/, '').replace(/(^|\/)index$/, '$1')}`
}

function folderOf(page) {
  return page === 'index' ? null : posix.dirname(page).replace('.', '')
}

function markdownFilesIn(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .toSorted()
}
