import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, expect, test } from 'vitest'

const here = fileURLToPath(new URL('..', import.meta.url))
/** Inside the package, so that its dependencies are found; ignored by git. */
const out = join(here, 'node_modules', '.transpiled')

afterAll(() => rmSync(out, { recursive: true, force: true }))

/** Node 20 runs no TypeScript. */
function transpile(path: string): string {
  const { outputText } = ts.transpileModule(readFileSync(join(here, path), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
    },
  })
  const target = join(out, dirname(path), basename(path).replace(/\.ts$/, '.js'))
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, outputText)
  return target
}

test('the suite runs under node:test as it does under vitest', () => {
  writeFileSync(join(mkdirSync(out, { recursive: true }) ?? out, 'package.json'), '{ "type": "module" }')
  transpile('src/file-adapter.ts')
  transpile('test/file-target.ts')
  const file = transpile('test/file-adapter.node-test.ts')
  const { NODE_OPTIONS: _ours, NODE_TEST_CONTEXT: _none, ...env } = process.env
  const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { encoding: 'utf8', env })
  expect(run.stdout + run.stderr).toContain('ok 1 - FileAdapter under node:test')
  expect(run.stdout).toContain('4.2.2 never changes the request')
  expect(run.stdout).toContain('(not applicable: adapter declares no network)')
  expect(run.status).toBe(0)
}, 60_000)
