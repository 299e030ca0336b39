import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()

test('/get tells arguments, headers, origin and url', async () => {
  const url = `${server().url}/get?a=1&b=2&b=3`
  const answer = await exchange(url, { headers: { 'x-some-thing': 'yes' } })
  expect(answer.status).toBe(200)
  expect(answer.json()).toMatchObject({ args: { a: '1', b: ['2', '3'] }, origin: '127.0.0.1', url })
  expect(answer.json<{ headers: object }>().headers).toMatchObject({ 'X-Some-Thing': 'yes' })
})

test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('/%s echoes a JSON body', async (method) => {
  const options = { method, headers: { 'Content-Type': 'application/json' }, body: '{"a":[1]}' }
  const answer = await exchange(`${server().url}/${method.toLowerCase()}`, options)
  expect(answer.json()).toMatchObject({ data: '{"a":[1]}', json: { a: [1] }, form: {}, files: {} })
})

test('a urlencoded form arrives as form, not as data', async () => {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const answer = await exchange(`${server().url}/post`, { method: 'POST', headers, body: 'a=1&a=2&b=%C3%A9' })
  expect(answer.json()).toMatchObject({ form: { a: ['1', '2'], b: 'é' }, data: '', json: null })
})

test('a multipart form arrives as fields and files', async () => {
  const form = new FormData()
  form.append('field', 'välue')
  form.append('text', new Blob(['hello']), 'hello.txt')
  form.append('binary', new Blob([Uint8Array.of(0xff, 0xfe)]), 'a.bin')
  const response = await fetch(`${server().url}/post`, { method: 'POST', body: form })
  expect(await response.json()).toMatchObject({
    form: { field: 'välue' },
    files: { text: 'hello', binary: 'data:application/octet-stream;base64,//4=' },
    data: '',
  })
})

test('a multipart body without its end is refused with 400', async () => {
  const headers = { 'Content-Type': 'multipart/form-data; boundary=x' }
  const body = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nunfinished'
  const answer = await exchange(`${server().url}/post`, { method: 'POST', headers, body })
  expect(answer.status).toBe(400)
})

test('a body that is not UTF-8 arrives as a data URL', async () => {
  const answer = await exchange(`${server().url}/post`, { method: 'POST', body: Uint8Array.of(0x80) })
  expect(answer.json()).toMatchObject({ data: 'data:application/octet-stream;base64,gA==', json: null })
})

test('a wrong verb is refused with 405 and Allow', async () => {
  const answer = await exchange(`${server().url}/post`)
  expect(answer.status).toBe(405)
  expect(answer.headers.allow).toBe('POST, OPTIONS')
})

test('OPTIONS is answered with Allow', async () => {
  const answer = await exchange(`${server().url}/get`, { method: 'OPTIONS' })
  expect([answer.status, answer.headers.allow]).toEqual([200, 'GET, HEAD, OPTIONS'])
})

test('HEAD has the head of GET and no body', async () => {
  const answer = await exchange(`${server().url}/json`, { method: 'HEAD' })
  expect(answer.status).toBe(200)
  expect(Number(answer.headers['content-length'])).toBeGreaterThan(100)
  expect(answer.body).toHaveLength(0)
})

test.each(['/anything', '/anything/deep/path%2Fhere?x=1'])('%s takes any method', async (path) => {
  const answer = await exchange(server().url + path, { method: 'REPORT', body: 'text' })
  expect(answer.json()).toMatchObject({ method: 'REPORT', data: 'text', url: server().url + path })
})

test('/headers, /ip, /user-agent and /method tell one thing each', async () => {
  const headers = { 'User-Agent': 'tester/1' }
  const get = (path: string) => exchange(server().url + path, { headers })
  expect((await get('/headers')).json()).toMatchObject({ headers: { 'User-Agent': 'tester/1' } })
  expect((await get('/ip')).json()).toEqual({ origin: '127.0.0.1' })
  expect((await get('/user-agent')).json()).toEqual({ 'user-agent': 'tester/1' })
  expect((await get('/method')).json()).toEqual({ method: 'GET' })
})

test('/echo-raw shows header lines with case, order and repetition', async () => {
  const headers = { 'X-b': '1', 'x-A': ['2', '3'] }
  const answer = await exchange(`${server().url}/echo-raw?q`, { headers })
  const { headers: pairs, target } = answer.json<{ headers: string[][]; target: string }>()
  expect(target).toBe('/echo-raw?q')
  expect(pairs.slice(0, 3)).toEqual([
    ['X-b', '1'],
    ['x-A', '2'],
    ['x-A', '3'],
  ])
})

test('/response-headers sends the headers of the query', async () => {
  const answer = await exchange(`${server().url}/response-headers?X-One=1&Set-Cookie=a=1&Set-Cookie=b=2`)
  expect(answer.headers['x-one']).toBe('1')
  expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
  expect(answer.json()).toMatchObject({ 'X-One': '1', 'Content-Type': 'application/json' })
})

test('/response-headers can replace the Content-Type and refuses impossible names', async () => {
  const answer = await exchange(`${server().url}/response-headers?content-type=text/weird`)
  expect(answer.headers['content-type']).toBe('text/weird')
  expect((await exchange(`${server().url}/response-headers?a%20b=1`)).status).toBe(400)
})

test.each([
  [200, {}],
  [204, {}],
  [304, {}],
  [301, { location: '/redirect/1' }],
  [308, { location: '/redirect/1' }],
  [401, { 'www-authenticate': 'Basic realm="Fake Realm"' }],
  [407, { 'proxy-authenticate': 'Basic realm="Fake Realm"' }],
  [418, {}],
  [503, {}],
])('/status/%i answers with that status', async (code, headers) => {
  const answer = await exchange(`${server().url}/status/${code}`, { method: 'POST', body: 'x' })
  expect(answer.status).toBe(code)
  expect(answer.headers).toMatchObject(headers)
})

test('/status refuses what is not a final status', async () => {
  expect((await exchange(`${server().url}/status/101`)).status).toBe(400)
  expect((await exchange(`${server().url}/status/x`)).status).toBe(400)
})

test('an unknown path is a 404 in JSON', async () => {
  const answer = await exchange(`${server().url}/nowhere`)
  expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/json'])
})

test('/ lists the routes', async () => {
  const { routes } = (await exchange(`${server().url}/`)).json<{ routes: { path: string }[] }>()
  expect(routes.map(({ path }) => path)).toContain('/gzip')
})
