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

/** One fenced block of any language, as it stands in a document. */
export interface Fence {
  /** Line of the opening fence, from 1. */
  readonly line: number
  /** The first word after the fence, such as `ts`; empty if there is none. */
  readonly language: string
  /** The words after it. */
  readonly words: string
  readonly code: string
}

/** The documents whose code is executed: the READMEs, and the pages of docs/ that users read. */
export function findDocuments(root: string): string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'README.md'))
  const pages = ['.', 'guide', 'extend', 'migrate'].map((name) => join(root, 'docs', name)).flatMap(markdownFilesIn)
  const found = [join(root, 'README.md'), ...packages, ...pages]
  return found.filter((file) => existsSync(file)).map((file) => relative(root, file))
}

function markdownFilesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'))
  return names.toSorted().map((name) => join(folder, name))
}

/** Reads every fenced block of a document, in order. */
export function readFences(root: string, document: string): Fence[] {
  const fences: Fence[] = []
  const lines = readFileSync(join(root, document), 'utf8').split('\n')
  for (let index = 0; index < lines.length; index += 1) {
    const opening = /^(\s*)(`{3,})\s*(\w*)(.*)$/.exec(lines[index] ?? '')
    if (!opening) continue
    const [, indent = '', fence = '', language = '', words = ''] = opening
    const start = index
    do index += 1
    while (index < lines.length && lines[index]?.trim() !== fence)
    const code = lines
      .slice(start + 1, index)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    fences.push({ line: start + 1, language, words, code: code.join('\n') })
  }
  return fences
}

/** Reads a document's TypeScript and JavaScript blocks, in order; those of other clients (`peer`) are left out. */
export function readBlocks(root: string, document: string): Block[] {
  return readFences(root, document).flatMap(({ language: name, words, line, code }) => {
    const language = Object.hasOwn(languages, name) ? languages[name] : undefined
    if (!language || isPeer(words)) return []
    return [{ document, line, language, isRun: !/\bno-run\b/.test(words), code }]
  })
}

/** Whether a block is another client's half of a pair: see migration-pairs.test.ts. */
export function isPeer(words: string): boolean {
  return /\bpeer\b/.test(words)
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
