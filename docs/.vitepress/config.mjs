// The documentation's site: `pnpm docs` builds it. A new Markdown file in docs/ is a page without a change here.
import { defineConfig } from 'vitepress'
import { anchorOf } from '../../scripts/anchors.mjs'
import { pairBlocks, resolveLinks } from './markdown.mjs'
import { findPages, sidebarOf } from './pages.mjs'

const pages = findPages()
const apiReference = { text: 'API, every export', link: '/reference/api/index.html', target: '_self' }

// A page is in the group that names it, or in the one that takes the rest of its folder.
const sidebar = sidebarOf([
  {
    text: 'First steps',
    pages: ['guide/start', 'guide/sessions', 'guide/text-and-json', 'guide/timeouts-and-retries', 'guide/errors'],
  },
  { text: 'Credentials', pages: ['guide/auth', 'guide/oauth', 'guide/tls', 'guide/behind-a-corporate-proxy'] },
  {
    text: 'Transfers',
    pages: ['guide/streaming', 'guide/multipart', 'guide/downloads', 'guide/concurrency', 'guide/http2', 'guide/ftp'],
  },
  { text: 'Around a Session', pages: ['guide/adapters', 'guide/apis', 'guide/caching'], rest: ['guide'] },
  { text: 'Seeing and testing', pages: ['guide/diagnostics', 'guide/seeing', 'guide/testing'] },
  {
    text: 'Coming from',
    pages: ['requests', 'axios', 'got', 'fetch', 'node-fetch', 'request'].map((name) => `migrate/${name}`),
    rest: ['migrate'],
  },
  {
    text: 'Extending',
    pages: ['extend/first-adapter', 'extend/first-auth-scheme', 'extend/your-own-package'],
    rest: ['extend'],
  },
  { text: 'Packages', pages: ['packages/core'], rest: ['packages'] },
  {
    text: 'Reference',
    pages: ['reference/errors', 'reference/differences'],
    rest: ['reference', ''],
    links: [apiReference],
  },
  { text: 'Project', pages: ['decisions/index', 'project/contributing', 'project/security'], rest: ['project'] },
])

export default defineConfig({
  title: 'entreat',
  description: 'HTTP for TypeScript on Node, with the nouns of Python’s Requests',
  lang: 'en',
  srcDir: '..',
  // Every page is in findPages(); these folders hold Markdown that is none.
  srcExclude: [
    '{README,CHANGELOG}.md',
    '{benchmarks,examples,lab}/**',
    'packages/*/CHANGELOG.md',
    'packages/*/*/**',
    'docs/reference/api/**',
  ],
  rewrites: (source) => pages[source] ?? source,
  cacheDir: '../.cache/vitepress',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    anchor: { slugify: anchorOf },
    config: (md) => {
      resolveLinks(md)
      pairBlocks(md)
    },
  },
  transformPageData: ({ relativePath }) => {
    // Room for two columns of code.
    if (relativePath.startsWith('migrate/')) return { frontmatter: { aside: false } }
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/guide/start', activeMatch: '^/guide/' },
      { text: 'Extend', link: '/extend/first-adapter', activeMatch: '^/extend/' },
      { text: 'Migrate', link: '/migrate/requests', activeMatch: '^/migrate/' },
      { text: 'API', link: apiReference.link, target: '_self' },
    ],
    sidebar: {
      '/': sidebar,
      '/decisions/': sidebarOf([{ text: 'Decisions', pages: ['decisions/index'], rest: ['decisions'] }]),
    },
    outline: [2, 3],
    search: { provider: 'local' },
    externalLinkIcon: true,
    footer: { message: 'Apache-2.0' },
  },
})
