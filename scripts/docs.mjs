// `pnpm docs`: writes docs/reference/errors.md, the list of decisions and the API reference, checks every relative link in the documentation, and builds the
// site from it, all offline. `pnpm docs --serve` then shows it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { anchorOf } from './anchors.mjs'
import { install, root, run, runMain, ScriptError, workspaceFolders } from './install.mjs'
import { buildSite, serveSite } from './site.mjs'

const generated = join(root, 'docs', 'reference', 'api')

async function main() {
  install()
  const { writeErrorCodes } = await import('./error-codes.mjs')
  listDecisions()
  const faults = writeErrorCodes()
  for (const fault of faults) console.log(`FAILED ${fault}`)
  if (faults.length > 0 || !writeReference()) return 1
  const files = documents()
  const broken = files.flatMap(findBrokenLinks)
  for (const { file, line, target, why } of broken) console.log(`FAILED ${file}:${line} links to ${target}: ${why}`)
  console.log(`${files.length} documents, ${broken.length} broken links`)
  if (broken.length > 0 || buildSite() !== 0) return 1
  if (process.argv.includes('--serve')) console.log(`Serving ${(await serveSite()).url} until Ctrl+C`)
  return 0
}

/** Writes docs/reference/api, unless the sources are those it was written from: TypeDoc takes half a minute. */
function writeReference() {
  const stamp = join(root, '.cache', 'api-reference.sha256')
  const fingerprint = fingerprintOfSources()
  const isCurrent = existsSync(join(generated, 'index.html')) && existsSync(stamp)
  if (isCurrent && readFileSync(stamp, 'utf8') === fingerprint) return true
  console.log('Writing docs/reference/api…')
  if (run('typedoc', ['--treatWarningsAsErrors']) !== 0) return false
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, fingerprint)
  return true
}

function fingerprintOfSources() {
  const hash = createHash('sha256')
  const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`)
  const sources = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
    .filter((name) => name.endsWith('.ts'))
  for (const name of ['package.json', 'typedoc.json', 'tsconfig.base.json', ...sources.toSorted()]) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** Every Markdown file a reader starts from: docs/, the root's and each package's. */
function documents() {
  const inFolder = (folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(root, folder, name))
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join(root, 'docs', name))
  return [
    ...workspaceFolders().flatMap(inFolder),
    ...inDocs.filter((file) => file.endsWith('.md') && !file.startsWith(generated)),
  ]
}

/** Writes the list in docs/decisions/README.md from the headings of the decisions. */
function listDecisions() {
  const folder = join(root, 'docs', 'decisions')
  const index = join(folder, 'README.md')
  const names = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name))
  const list = names.toSorted().map((name) => {
    const [, number, title] = /^# (\d+)\. (.+)$/m.exec(readFileSync(join(folder, name), 'utf8')) ?? []
    if (title === undefined)
      throw new ScriptError(`docs/decisions/${name} has no heading such as "# ${Number(name.slice(0, 4))}. Title"`)
    return `- [${number}](${name}): ${title}\n`
  })
  const written = readFileSync(index, 'utf8')
  writeFileSync(index, written.slice(0, written.indexOf('\n- [') + 1) + list.join(''))
}

function findBrokenLinks(file) {
  const broken = []
  for (const { target, line } of linksOf(readFileSync(file, 'utf8'))) {
    const [path, anchor] = target.split('#')
    const linked = path === '' ? file : join(dirname(file), decodeURIComponent(path))
    const report = (why) => broken.push({ file: relative(root, file), line, target, why })
    if (!existsSync(linked)) report('no such file')
    else if (anchor && linked.endsWith('.md') && !anchorsOf(linked).has(anchor)) report('no such heading')
  }
  return broken
}

/** Relative link targets with their line numbers; code is left out. */
function* linksOf(markdown) {
  let fenced = false
  for (const [index, text] of markdown.split('\n').entries()) {
    if (/^\s*(```|~~~)/.test(text)) fenced = !fenced
    if (fenced) continue
    const prose = text.replace(/`[^`]*`/g, '')
    for (const [, inline, reference] of prose.matchAll(/\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)/g)) {
      const target = inline ?? reference
      if (!/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) yield { target, line: index + 1 }
    }
  }
}

/** The anchors that GitHub gives to a document's headings. */
function anchorsOf(file) {
  const anchors = new Set()
  if (!statSync(file).isFile()) return anchors
  for (const [, heading] of readFileSync(file, 'utf8').matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const anchor = anchorOf(heading)
    let unique = anchor
    for (let n = 1; anchors.has(unique); n += 1) unique = `${anchor}-${n}`
    anchors.add(unique)
  }
  return anchors
}

await runMain(main)
