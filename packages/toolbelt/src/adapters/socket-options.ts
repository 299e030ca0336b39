import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { UsageError } from '@entreat/core'

/** Level and option as numbers of this system, such as `1, 9` for SO_KEEPALIVE on Linux; the value as an int, or as bytes. */
export type SocketOption = readonly [level: number, option: number, value: number | Uint8Array]

type SetSocketOption = (descriptor: number, level: number, option: number, value: Uint8Array, length: number) => number

/** What this file uses of koffi, an optional dependency. */
interface Koffi {
  load(path: string | null): { func(signature: string): SetSocketOption }
  errno(): number
}

/**
 * Makes a function that sets options on a socket by setsockopt(2), which Node does not offer.
 *
 * @throws UsageError for a list that cannot be meant, or where it cannot be done: without koffi, on Windows. The function throws an Error with the system's number
 * if the system refuses.
 */
export function socketOptionSetter(options: readonly SocketOption[], where: string): (socket: Socket) => void {
  for (const option of options) {
    const [level, name, value] = Array.isArray(option) ? (option as SocketOption) : []
    const isValue = Number.isInteger(value) || value instanceof Uint8Array
    if (!Number.isInteger(level) || !Number.isInteger(name) || !isValue) {
      throw new UsageError(`${where}: socket options must be [level, option, value], numbers of this system`)
    }
  }
  if (process.platform === 'win32')
    throw new UsageError(
      `${where}: socket options cannot be set on Windows, where Node shows no descriptor of a socket`,
    )
  const koffi = loadKoffi(where)
  const setSocketOption = koffi
    .load(null)
    .func('int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)')
  return (socket) => {
    const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd
    if (fd === undefined || fd < 0) throw new Error('the socket has no descriptor, so its options cannot be set')
    for (const [level, name, value] of options) {
      const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value
      if (setSocketOption(fd, level, name, bytes, bytes.byteLength) !== 0) {
        throw new Error(`setsockopt(${level}, ${name}) failed with error ${koffi.errno()} of the system`)
      }
    }
  }
}

function loadKoffi(where: string): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    throw new UsageError(
      `${where}: this needs the package koffi, by which setsockopt(2) is called: npm install koffi`,
      { cause: error },
    )
  }
}
