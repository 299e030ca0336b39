import { spawn } from 'node:child_process'

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]]

/**
 * How to open a URL in the user's browser.
 *
 * @param url - http or https; never given to a shell.
 * @param platform - as `process.platform`.
 * @param env - read for whether there is a screen at all.
 * @returns `null` where there is none, as in a remote shell.
 */
export function browserCommand(
  url: string,
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): Command | null {
  if (platform === 'darwin') return ['open', url]
  // Not cmd's start, which would read & and % in the URL.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', url]
  if (env['WSL_DISTRO_NAME']) return ['wslview', url]
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open', url] : null
}

/**
 * Opens a URL in the user's browser.
 *
 * @returns whether something was started. It may open nothing all the same, so the URL is to be shown in any case.
 */
export async function openBrowser(url: string): Promise<boolean> {
  const command = browserCommand(url, process.platform, process.env)
  if (command === null) return false
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: 'ignore', detached: true })
  const isStarted = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
  child.unref()
  return isStarted
}
