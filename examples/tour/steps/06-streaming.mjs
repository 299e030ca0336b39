import assert from 'node:assert/strict'
// >>>
import { Session } from '@entreat/core'
// <<<

export const title = 'Streaming: by chunks and by lines instead of all at once'
export const claim =
  'Streamed, the first bytes were there while the server still wrote, and 32 MiB came in 64 KiB pieces.'
export const source = import.meta.url

export async function run({ server, console }) {
  const clock = () => performance.now()
  // >>>
  const session = new Session({ baseUrl: server.url })
  const slow = '/drip?numbytes=10&duration=1&delay=0' // ten bytes in a second

  let started = clock()
  const response = await session.get(slow, { stream: true })
  for await (const _byte of response) break
  const firstMs = clock() - started
  response.close() // gives up the rest

  started = clock()
  await session.get(slow)
  const wholeMs = clock() - started
  console.log(`first bytes of a stream: ${firstMs.toFixed(0)} ms; all at once: ${wholeMs.toFixed(0)} ms`)

  let [bytes, largest] = [0, 0]
  const long = await session.get('/download/33554432', { stream: true })
  for await (const chunk of long.iterContent(64 * 1024)) {
    bytes += chunk.length
    largest = Math.max(largest, chunk.length)
  }
  console.log(`${bytes} bytes, never more than ${largest} in a chunk`)

  const lines = []
  const text = await session.get('/lines/3?eol=mixed', { stream: true })
  for await (const line of text.iterLines()) lines.push(line)
  console.log(lines)
  await session.close()
  // <<<
  return { wholeMs, firstMs, bytes, largest, lines }
}

export function verify({ wholeMs, firstMs, bytes, largest, lines }) {
  assert.ok(wholeMs > 800, `the whole body took ${wholeMs} ms`)
  assert.ok(firstMs < wholeMs / 2, `the first bytes took ${firstMs} ms`)
  assert.deepEqual({ bytes, largest }, { bytes: 33_554_432, largest: 65_536 })
  assert.deepEqual(lines, ['line 1', 'line 2', 'line 3'])
}
