import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

// A thread that listens and then blocks never accepts: with its backlog full, the kernel drops every further SYN.
const LISTENER = `
const { parentPort, workerData } = require('node:worker_threads')
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(new Int32Array(workerData), 0, 0))
})`

/** A TCP port that does not answer at all. Linux only. */
export class BlackHole {
  readonly port: number
  readonly #worker: Worker
  readonly #fillers: readonly Socket[]
  readonly #gate: SharedArrayBuffer

  private constructor(port: number, worker: Worker, gate: SharedArrayBuffer, fillers: readonly Socket[]) {
    this.port = port
    this.#worker = worker
    this.#gate = gate
    this.#fillers = fillers
  }

  static async open(): Promise<BlackHole> {
    const gate = new SharedArrayBuffer(4)
    const worker = new Worker(LISTENER, { eval: true, workerData: gate })
    const [port] = (await once(worker, 'message')) as [number]
    const fillers: Socket[] = []
    // A backlog of 1 holds two.
    for (let count = 0; count < 2; count++) {
      const socket = connect(port, '127.0.0.1')
      fillers.push(socket)
      await once(socket, 'connect')
    }
    return new BlackHole(port, worker, gate, fillers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#fillers) socket.destroy()
    Atomics.store(new Int32Array(this.#gate), 0, 1)
    Atomics.notify(new Int32Array(this.#gate), 0)
    await this.#worker.terminate()
  }
}
