import assert from 'node:assert/strict'
// >>>
import { get } from '@entreat/core'
// <<<

export const title = 'A GET and its content'
export const claim = 'One call gives status, headers and content; the query is built from an object.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const response = await get(`${server.url}/get`, { params: { author: 'Herman Melville', page: [1, 2] } })
  console.log(response.statusCode, response.reason)
  console.log(response.headers.get('Content-Type'))
  console.log(response.json().args)
  // <<<
  return response
}

export function verify(response) {
  assert.equal(response.statusCode, 200)
  assert.equal(response.encoding, 'utf-8')
  assert.deepEqual(response.json().args, { author: 'Herman Melville', page: ['1', '2'] })
  assert.ok(response.url.endsWith('/get?author=Herman+Melville&page=1&page=2'))
}
