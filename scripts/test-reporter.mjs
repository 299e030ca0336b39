// A vitest reporter that writes what run.mjs sums up: how many passed, and which tests failed or were skipped.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { root } from './install.mjs'

export default class TestReporter {
  /** @param modules - vitest's TestModules, one a file. */
  onTestRunEnd(modules) {
    const summary = { passed: 0, failed: [], skipped: [] }
    for (const module of modules) addModule(summary, module)
    const file = process.env.ENTREAT_TEST_SUMMARY
    if (!file) return
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(summary))
  }
}

function addModule(summary, module) {
  const file = relative(root, module.moduleId)
  let failedTests = 0
  for (const test of module.children.allTests()) {
    const { state, note } = test.result()
    const entry = { file, name: test.fullName, note }
    if (state === 'passed') summary.passed += 1
    else if (state === 'failed') summary.failed.push(entry)
    else summary.skipped.push(entry)
    if (state === 'failed') failedTests += 1
  }
  // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
  if (module.state() === 'failed' && failedTests === 0) summary.failed.push({ file, name: 'the file itself' })
}
