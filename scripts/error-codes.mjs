// Writes docs/reference/errors.md from the docstrings of the error classes; `--check` only tells whether it is up to date.
//
// A class of errors says what happened in its docstring, and what to do about it under `@remedy`. A code that is not a class's own stands below,
// or above the function that raises it: `@code ERR_NAME (Class) - what happened`, followed by its own `@remedy`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = join(root, 'docs', 'reference', 'errors.md')
const CODE = /^ERR_[A-Z0-9_]*[A-Z0-9]$/
/** Node's own, which the sources compare with. */
const FOREIGN = /^ERR_(?:BUFFER_TOO_LARGE$|HTTP2_|OSSL_)/

const HEAD = `# Error codes

<!-- Written by \`pnpm docs\` from the docstrings of the error classes: change those. -->

Every error that a package of entreat raises is a \`RequestException\` with one of these codes. Codes are stable, messages are not.
The [guide](../guide/errors.md) shows how to tell errors apart.
`

/** Every source of every package, parsed. */
function sources() {
  const packages = join(root, 'packages')
  return readdirSync(packages)
    .filter((name) => readdirSync(join(packages, name)).includes('src'))
    .flatMap((name) =>
      readdirSync(join(packages, name, 'src'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((file) => ({
          package: name,
          tree: ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true),
        })),
    )
}

function* nodesOf(node) {
  yield node
  for (const child of node.getChildren()) yield* nodesOf(child)
}

function parentOf(node) {
  const clause = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
  const expression = clause?.types[0]?.expression
  return expression !== undefined && ts.isIdentifier(expression) ? expression.text : null
}

/** Every class below RequestException by name, itself included. */
function errorClasses(files) {
  const declared = files.flatMap(({ package: home, tree }) =>
    [...nodesOf(tree)].filter(ts.isClassDeclaration).map((node) => ({ home, node, name: node.name.text })),
  )
  const found = new Map()
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const { home, node, name } of declared) {
      const parent = parentOf(node)
      if (name === 'RequestException' || found.has(parent)) found.set(name, { home, node, parent, name })
    }
  }
  return found
}

/** The text of a docstring, and its tags in order. */
function docOf(node) {
  const doc = node.jsDoc?.at(-1)
  const plain = (comment) =>
    (ts.getTextOfJSDocComment(comment) ?? '')
      .replace(/\{@link (\w+)\}/g, '`$1`')
      .replace(/\s+/g, ' ')
      .trim()
  const tags = (doc?.tags ?? []).map((tag) => ({ name: tag.tagName.text, text: plain(tag.comment) }))
  return { text: plain(doc?.comment), tags }
}

/** What a docstring says of codes: the class's own, where there is one, and those under \`@code\`. */
function entriesOf(node, home, errorClass) {
  const { text, tags } = docOf(node)
  const own = errorClass === null ? [] : [{ ...errorClass, home, cause: text, remedy: '' }]
  const entries = [...own]
  for (const { name, text: said } of tags) {
    if (name === 'code') {
      const [, code, type = errorClass?.type, cause] = /^(\S+)(?: \((\w+)\))? - (.+)$/.exec(said) ?? []
      entries.push({ code, type, parent: null, home, cause, remedy: '' })
    } else if (name === 'remedy' && entries.length > 0) entries.at(-1).remedy = said
  }
  return entries
}

function ownCode(node) {
  return [...nodesOf(node)].find((inner) => ts.isStringLiteral(inner) && CODE.test(inner.text))?.text
}

function collect() {
  const files = sources()
  const classes = errorClasses(files)
  const entries = []
  const used = new Map()
  for (const { package: home, tree } of files) {
    for (const node of nodesOf(tree)) {
      if (ts.isStringLiteral(node) && CODE.test(node.text) && !FOREIGN.test(node.text)) {
        used.set(node.text, (used.get(node.text) ?? new Set()).add(home))
      }
      const known = ts.isClassDeclaration(node) ? classes.get(node.name.text) : undefined
      if (node.jsDoc === undefined && known === undefined) continue
      const errorClass = known === undefined ? null : { code: ownCode(node), type: known.name, parent: known.parent }
      entries.push(...entriesOf(node, home, errorClass))
    }
  }
  return { entries, used }
}

/** What is missing: a table that half the errors are not in is worth nothing. */
function faults({ entries, used }) {
  const known = new Set(entries.map(({ code }) => code))
  return [
    ...entries.flatMap(({ code, type, cause, remedy }) =>
      [
        [!code, `${type} has no code of its own`],
        [!type, `${code} names no class`],
        [!cause, `${code} (${type}) does not say what happened`],
        [!remedy, `${code} (${type}) has no @remedy`],
      ].flatMap(([isFault, why]) => (isFault ? [why] : [])),
    ),
    ...[...used.keys()].filter((code) => !known.has(code)).map((code) => `${code} is raised and has no docstring`),
    ...entries
      .filter(({ code }, index) => entries.findIndex((other) => other.code === code) !== index)
      .map(({ code }) => `${code} is described twice`),
  ]
}

function render({ entries, used }) {
  const order = ['core', ...new Set(entries.map(({ home }) => home).filter((home) => home !== 'core'))]
  const sections = order.map((home) => {
    const own = entries.filter((entry) => entry.home === home).sort((a, b) => (a.code < b.code ? -1 : 1))
    return [`## @entreat/${home}`, ...own.map((entry) => describe(entry, used))].join('\n\n')
  })
  return `${[HEAD.trimEnd(), ...sections].join('\n\n')}\n`
}

function describe({ code, type, parent, home, cause, remedy }, used) {
  const others = [...(used.get(code) ?? [])].filter((name) => name !== home).map((name) => `\`@entreat/${name}\``)
  const lineage = parent === null || parent === 'Error' ? '' : `, a \`${parent}\``
  const also = others.length === 0 ? '' : ` Also raised by ${others.join(', ')}.`
  return [`### ${code}`, `\`${type}\`${lineage}.${also}`, `- Cause: ${cause}`, `- Remedy: ${remedy}`]
    .join('\n\n')
    .replace('\n\n- Remedy', '\n- Remedy')
}

/** Writes the page, or only compares. @returns what is wrong, line by line. */
export function writeErrorCodes({ checks = false } = {}) {
  const found = collect()
  const wrong = faults(found)
  const text = render(found)
  if (!checks && wrong.length === 0) writeFileSync(page, text)
  else if (wrong.length === 0 && readFileSync(page, 'utf8') !== text) {
    wrong.push(`${relative(root, page)} is not what the sources say: run pnpm docs`)
  }
  return wrong
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wrong = writeErrorCodes({ checks: process.argv.includes('--check') })
  for (const line of wrong) console.log(`FAILED ${line}`)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
