import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TestServer } from '@entreat/testkit'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findDocuments, readBlocks, redirectHosts, withDocumentLines } from './blocks.ts'
import type { Block } from './blocks.ts'
import { executeBlocks } from './execute-blocks.ts'

// The code in READMEs and guides, type-checked and executed as a reader would, against the built packages.
// CONTRIBUTING.md tells the convention.

const root = join(import.meta.dirname, '..', '..', '..', '..')
const workFolder = join(root, '.cache', 'docs')
const documents = findDocuments(root).map((document) => ({ document, blocks: readBlocks(root, document) }))
const allBlocks = documents.flatMap(({ blocks }) => blocks)
let server: TestServer

beforeAll(async () => {
  if (!existsSync(join(root, 'packages/core/dist/index.js'))) throw new Error('dist is missing: run `pnpm build` first')
  await rm(workFolder, { recursive: true, force: true })
  server = await TestServer.start()
  await Promise.all(allBlocks.map(writeBlock))
})

afterAll(async () => {
  await server?.close()
})

test('every README shows code', () => {
  const silent = documents.filter(({ document, blocks }) => document.endsWith('README.md') && blocks.length === 0)
  expect(silent.map(({ document }) => document)).toEqual([])
})

test('the TypeScript blocks type-check under the options of this workspace', { timeout: 60_000 }, () => {
  const blocks = allBlocks.filter(({ language }) => language === 'ts')
  expect(findTypeErrors(blocks)).toEqual([])
})

for (const { document, blocks } of documents) {
  const toRun = blocks.filter(({ isRun }) => isRun)
  if (toRun.length === 0) continue
  describe(document, () => {
    let outcomes: Map<string, string | null>

    beforeAll(async () => {
      outcomes = await executeBlocks(toRun.map(runnableFile), folderOf(document))
    }, 300_000)

    for (const block of toRun) {
      test(`runs the code at line ${block.line}`, () => {
        const problem = outcomes.get(runnableFile(block))
        if (problem !== null) throw new Error(`${document}:${block.line}: ${problem}`)
      })
    }
  })
}

function folderOf(document: string): string {
  return join(workFolder, document.replaceAll(/[\\/]/g, '-'))
}

function sourceFile({ document, line }: Block): string {
  return join(folderOf(document), `line-${line}.ts`)
}

function runnableFile({ document, line, language }: Block): string {
  return join(folderOf(document), `line-${line}.${language === 'cjs' ? 'cjs' : 'mjs'}`)
}

async function writeBlock(block: Block): Promise<void> {
  const source = withDocumentLines(block, redirectHosts(block.code, server.url))
  await mkdir(folderOf(block.document), { recursive: true })
  if (block.language !== 'ts') return writeFile(runnableFile(block), source)
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, inlineSourceMap: true }
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName: sourceFile(block) })
  await writeFile(sourceFile(block), source)
  await writeFile(runnableFile(block), outputText)
}

function findTypeErrors(blocks: Block[]): string[] {
  const program = ts.createProgram(blocks.map(sourceFile), readerOptions())
  return blocks.flatMap((block) => {
    const file = program.getSourceFile(sourceFile(block))
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    return found.map(({ start = 0, messageText }) => {
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1
      return `${block.document}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
  })
}

/** The workspace's options, less what only serves its own sources: a reader has `dist`, and may leave a name unused. */
function readerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.test.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown
  }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return {
    ...options,
    customConditions: [],
    moduleDetection: ts.ModuleDetectionKind.Force,
    noUnusedLocals: false,
    noUnusedParameters: false,
    typeRoots: [join(root, 'node_modules', '@types')],
  }
}
