// What the site does to Markdown that is written for GitHub: links, and code side by side.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPages, linkOf, titleOf } from './pages.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const repository = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).repository?.url

/** A markdown-it plugin: links relative to the file lead to the page, or to the repository where the site has none. */
export function resolveLinks(md) {
  const pages = findPages()
  md.core.ruler.push('repository-links', (state) => {
    const source = sourceOf(state.env)
    for (const { children } of state.tokens) {
      for (const [index, token] of (children ?? []).entries()) {
        const href = token.type === 'link_open' ? token.attrGet('href') : null
        if (href === null || /^(#|\/|[a-z][a-z0-9+.-]*:)/i.test(href)) continue
        const [path, hash] = href.split('#')
        const target = relative(root, join(root, dirname(source), decodeURIComponent(path))).replaceAll('\\', '/')
        const page = pages[target] ?? pages[`${target}/README.md`]
        if (page !== undefined) token.attrSet('href', linkOf(page) + (hash ? `#${hash}` : ''))
        else leadToRepository(children, index, target)
      }
    }
  })
}

// Until the packages say where their repository is, such a link is the file's name to look up in a clone.
function leadToRepository(tokens, index, target) {
  const token = tokens[index]
  const path = join(root, target)
  if (!existsSync(path)) throw new Error(`A link leads to ${target}, which is not there`)
  if (repository !== undefined) {
    const address = repository.replace(/^git\+|\.git$/g, '')
    token.attrSet('href', `${address}/${statSync(path).isDirectory() ? 'tree' : 'blob'}/main/${target}`)
    return
  }
  token.tag = 'span'
  token.attrs = [
    ['class', 'in-repository'],
    ['title', `${target} in the repository`],
  ]
  const close = tokens.findIndex(({ type }, at) => at > index && type === 'link_close')
  tokens[close].tag = 'span'
  // Not link_open: its renderer would look for a href.
  token.type = 'span_open'
  tokens[close].type = 'span_close'
}

/** A markdown-it plugin: a block marked `peer` and the block after it are shown side by side. */
export function pairBlocks(md) {
  const { fence } = md.renderer.rules
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const html = fence(tokens, index, options, env, self)
    if (isPeer(tokens[index])) return `<div class="pair"><div><p class="side">${peerOf(env)}</p>${html}</div>`
    if (isPeer(tokens[index - 1])) return `<div><p class="side">entreat</p>${html}</div></div>`
    return html
  }
}

function isPeer(token) {
  return token?.type === 'fence' && /\bpeer\b/.test(token.info)
}

function peerOf(env) {
  const [, name] = /^From (.+)$/.exec(titleOf(sourceOf(env))) ?? []
  return name ?? 'before'
}

/** The file of a page, relative to the root. */
function sourceOf(env) {
  return relative(root, env.realPath ?? env.path).replaceAll('\\', '/')
}
