import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Runs an example as a user would, without the machine's proxies and netrc.
 *
 * @param path - of the program.
 * @param home - an empty folder that is its home.
 * @returns the lines that it wrote.
 * @throws if it ends with an error, or not within 15 seconds.
 */
export async function runProgram(path: string, args: readonly string[], home: string): Promise<string[]> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/proxy$|^netrc$|_ca_bundle$/i.test(key)),
  )
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], {
    env: { ...env, HOME: home },
    timeout: 15_000,
  })
  return stdout.trimEnd().split('\n')
}
