import { createHash } from 'node:crypto'
import { get, request } from 'node:http'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { seededBlocks, seededBytes } from '@entreat/testkit'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

async function head(path: string): Promise<IncomingMessage> {
  const [response] = (await once(get(server().url + path, { agent: false }), 'response')) as [IncomingMessage]
  return response
}

test('/delay answers after a fraction of a second, and echoes', async () => {
  const started = performance.now()
  const answer = await exchange(`${server().url}/delay/0.05`, { method: 'POST', body: 'late' })
  expect(performance.now() - started).toBeGreaterThanOrEqual(49)
  expect(answer.json()).toMatchObject({ data: 'late' })
})

test('/delay-body sends the head before the body', async () => {
  const response = await head('/delay-body/50')
  expect(response.readableLength).toBe(0)
  const started = performance.now()
  for await (const chunk of response) expect(String(chunk)).toContain('"url"')
  expect(performance.now() - started).toBeGreaterThan(20)
})

test('/stream sends JSON lines in chunks', async () => {
  const answer = await exchange(`${server().url}/stream/3?a=1`)
  expect(answer.headers['transfer-encoding']).toBe('chunked')
  const lines = answer.text.trim().split('\n')
  const values = lines.map((line) => JSON.parse(line) as { id: number; args: object })
  expect(values.map(({ id }) => id)).toEqual([0, 1, 2])
  expect(values[0]?.args).toEqual({ a: '1' })
})

test('/bytes and /stream-bytes send the same bytes for the same seed', async () => {
  const whole = await exchange(`${server().url}/bytes/5000?seed=7`)
  const chunked = await exchange(`${server().url}/stream-bytes/5000?seed=7&chunk_size=999`)
  expect(whole.headers['content-length']).toBe('5000')
  expect(chunked.headers['transfer-encoding']).toBe('chunked')
  expect(whole.body.equals(seededBytes(5000, 7))).toBe(true)
  expect(chunked.body.equals(whole.body)).toBe(true)
  expect(seededBytes(5000, 8).equals(whole.body)).toBe(false)
})

test('/bytes refuses what is not a number', async () => {
  expect((await exchange(`${server().url}/bytes/many`)).status).toBe(400)
  expect((await exchange(`${server().url}/bytes/-1`)).status).toBe(400)
})

test('/drip sends its bytes over time, with any status', async () => {
  const started = performance.now()
  const answer = await exchange(`${server().url}/drip?duration=0.05&numbytes=5&delay=0.02&code=203`)
  expect(performance.now() - started).toBeGreaterThan(50)
  expect([answer.status, answer.text]).toEqual([203, '*****'])
})

test.each([
  ['', 'line 1\nline 2\nline 3\n'],
  ['?eol=crlf', 'line 1\r\nline 2\r\nline 3\r\n'],
  ['?eol=cr', 'line 1\rline 2\rline 3\r'],
  ['?eol=mixed', 'line 1\r\nline 2\nline 3\r\n'],
])('/lines/3%s ends lines as asked', async (query, text) => {
  expect((await exchange(`${server().url}/lines/3${query}`)).text).toBe(text)
})

test('/trailers sends a trailer after the body', async () => {
  const answer = await exchange(`${server().url}/trailers`)
  expect(answer.trailers['checksum']).toBe(sha256(answer.body))
})

test('/upload counts and hashes a chunked body as it comes', async () => {
  const upload = request(`${server().url}/upload`, { method: 'PUT', agent: false })
  for (const block of seededBlocks(5_000_000)) upload.write(block)
  upload.end()
  const [response] = (await once(upload, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const expected = sha256(Buffer.concat([...seededBlocks(5_000_000)]))
  expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({ method: 'PUT', bytes: 5_000_000, sha256: expected })
})

test('a record keeps the first MiB of a body and counts the rest', async () => {
  await exchange(`${server().url}/upload`, { method: 'POST', body: Buffer.alloc(1_500_000, 'x') })
  const [record] = server().requests
  expect(record?.bodyLength).toBe(1_500_000)
  expect(record?.body).toHaveLength(1_048_576)
})

test('/download streams exactly as many bytes as asked', async () => {
  const answer = await exchange(`${server().url}/download/200001?seed=3`)
  expect(answer.headers['content-length']).toBe('200001')
  expect(answer.body.equals(Buffer.concat([...seededBlocks(200_001, 3)]))).toBe(true)
})

test('/download waits for a slow reader', async () => {
  const before = process.memoryUsage().arrayBuffers
  const response = await head('/download/1000000000')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  response.destroy()
})
