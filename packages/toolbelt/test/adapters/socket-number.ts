import type { Socket } from 'node:net'
import koffi from 'koffi'

const getSocketOption = koffi
  .load(null)
  .func('int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)')

/** A socket option that is an int, as the system has it. */
export function socketNumber(socket: Socket, level: number, option: number): number {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const value = Buffer.alloc(4)
  const failed = getSocketOption(fd, level, option, value, [4]) as number
  if (failed !== 0) throw new Error(`getsockopt(${level}, ${option}) failed`)
  return value.readInt32LE()
}
