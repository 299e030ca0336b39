import { fork } from 'node:child_process'
import { join } from 'node:path'

const runner = join(import.meta.dirname, 'run-blocks.mjs')

/** Longest time that one block may take, in milliseconds. */
const limitMs = 10_000

/**
 * Runs the files in order in one process; after a crash or a hang, the rest in another.
 *
 * @returns for each file, null or what went wrong.
 */
export async function executeBlocks(files: string[], folder: string): Promise<Map<string, string | null>> {
  const outcomes = new Map<string, string | null>()
  let rest = files
  while (rest.length > 0) {
    const problem = await runUntilProblem(rest, folder, outcomes)
    const stuck = rest.find((file) => !outcomes.has(file))
    if (stuck) outcomes.set(stuck, problem)
    rest = rest.filter((file) => !outcomes.has(file))
  }
  return outcomes
}

function runUntilProblem(files: string[], folder: string, outcomes: Map<string, string | null>): Promise<string> {
  const child = fork(runner, files, {
    cwd: folder,
    env: cleanEnvironment(folder),
    execArgv: ['--enable-source-maps', '--no-warnings'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let stderr = ''
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, limitMs)
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.on('message', ({ file, error }: { file: string; error: string | null }) => {
    outcomes.set(file, error)
    timer.refresh()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve(
        timedOut ? `not over after ${limitMs} ms` : `ended with ${signal ?? code} before the block was over\n${stderr}`,
      )
    })
  })
}

/** No proxy, netrc or CA of the machine: the blocks run alike everywhere. */
function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/proxy$|^netrc$|_ca_bundle$|^node_options$|^vitest/i.test(name),
  )
  return { ...Object.fromEntries(kept), HOME: home }
}
