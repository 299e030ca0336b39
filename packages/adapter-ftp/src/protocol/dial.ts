import { connect, type Socket } from 'node:net'
import type { Address, SocketOptions } from '@entreat/core'
import type { SlabReceiver } from './slab-receiver.ts'

/**
 * Opens a plain data connection to an address.
 *
 * @param receiver - takes its bytes, instead of `data` events.
 * @param signal - cancels it, with its reason.
 */
export function dial(
  address: Address,
  options: SocketOptions,
  receiver: SlabReceiver | null,
  signal: AbortSignal,
): Promise<Socket> {
  const { localAddress, onSocket } = options
  const wanted = Object.assign(Object.create(null), address, { allowHalfOpen: true, noDelay: true })
  if (localAddress !== undefined) wanted.localAddress = localAddress
  if (receiver !== null) wanted.onread = receiver.onread
  const socket = connect(wanted)
  return new Promise((resolve, reject) => {
    const done = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', done)
      socket.on('error', () => {})
      if (error === undefined) return resolve(socket)
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => done(signal.reason)
    socket.once('error', done)
    socket.once('connect', () => {
      try {
        onSocket?.(socket)
        done(undefined)
      } catch (error) {
        done(error)
      }
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
