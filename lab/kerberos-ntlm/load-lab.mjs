import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

/**
 * Loads the lab in a program that Node runs as it stands: Node 20 cannot read TypeScript.
 *
 * @returns {Promise<typeof import('./start-lab.ts')>} what start-lab.ts exports.
 */
export async function loadLab() {
  const path = fileURLToPath(new URL('./start-lab.ts', import.meta.url))
  const { module } = await runnerImport(path, { configFile: false, logLevel: 'silent' })
  return module
}
