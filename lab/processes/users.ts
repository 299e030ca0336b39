import { existsSync, readFileSync } from 'node:fs'

/** Whether this process may become other users. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * The numbers of a user of this system.
 *
 * @returns `null` if there is no such user.
 */
export function userIds(name: string): { readonly uid: number; readonly gid: number } | null {
  if (!existsSync('/etc/passwd')) return null
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) }
}
