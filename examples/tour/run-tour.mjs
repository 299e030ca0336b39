import { readdirSync } from 'node:fs'
import { TestServer } from '@entreat/testkit'
import { runSteps } from './run-steps.mjs'
import { createTheme, wantsColor } from './theme.mjs'

/**
 * Runs the steps of a folder, in the order of their names, and writes the report to a stream.
 *
 * @param folder - a file URL that ends with a slash.
 * @returns the exit code: 0 only if every claim was verified.
 */
export async function runTour(folder, stream) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.mjs'))
  const steps = await Promise.all(files.toSorted().map((name) => import(new URL(name, folder).href)))
  const server = await TestServer.start()
  try {
    const theme = createTheme(wantsColor(stream, process.env))
    const failed = await runSteps(steps, { server, theme, write: (text) => void stream.write(`${text}\n`) })
    return failed.length === 0 && steps.length > 0 ? 0 : 1
  } finally {
    await server.close()
  }
}
