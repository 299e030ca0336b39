import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** One fenced code block of the documentation. */
export interface Block {
  /** Path of the document, relative to the repository's root. */
  readonly document: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  readonly language: 'ts' | 'js' | 'cjs'
  /** False for a block marked `no-run`: it is checked, not executed. */
  readonly isRun: boolean
  readonly code: string
}

const languages: Record<string, Block['language']> = {
  ts: 'ts',
  typescript: 'ts',
  js: 'js',
  javascript: 'js',
  cjs: 'cjs',
}

/** The documents whose code is executed: the READMEs, docs/guide and docs/extend. */
export function findDocuments(root: string): string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'README.md'))
  const pages = ['guide', 'extend'].map((name) => join(root, 'docs', name)).flatMap(markdownFilesIn)
  const found = [join(root, 'README.md'), ...packages, ...pages].filter((file) => existsSync(file))
  return found.map((file) => relative(root, file))
}

function markdownFilesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'))
  return names.toSorted().map((name) => join(folder, name))
}

/** Reads a document's TypeScript and JavaScript blocks, in order. */
export function readBlocks(root: string, document: string): Block[] {
  const blocks: Block[] = []
  const lines = readFileSync(join(root, document), 'utf8').split('\n')
  for (let index = 0; index < lines.length; index += 1) {
    const opening = /^(\s*)(`{3,})\s*(\w*)(.*)$/.exec(lines[index] ?? '')
    if (!opening) continue
    const [, indent = '', fence = '', name = '', words = ''] = opening
    const start = index
    do index += 1
    while (index < lines.length && lines[index]?.trim() !== fence)
    const language = Object.hasOwn(languages, name) ? languages[name] : undefined
    if (!language) continue
    const code = lines
      .slice(start + 1, index)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    blocks.push({ document, line: start + 1, language, isRun: !/\bno-run\b/.test(words), code: code.join('\n') })
  }
  return blocks
}

/** Sends the public hosts that the documentation names to the embedded server. */
export function redirectHosts(code: string, serverUrl: string): string {
  return code.replace(
    /https?:\/\/(httpbin\.org|(?:[a-z0-9-]+\.)*example\.(?:com|org|net))(?![\w.:-])/g,
    serverUrl.replace(/\/$/, ''),
  )
}

/** The block as a file in which every line keeps the number it has in the document. */
export function withDocumentLines(block: Block, code: string): string {
  return '\n'.repeat(block.line) + code + '\n'
}
