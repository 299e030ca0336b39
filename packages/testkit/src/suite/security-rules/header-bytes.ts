import assert from 'node:assert/strict'
import { BearerAuth, type PreparedRequest, type Response, type Session } from '@entreat/core'
import { asRequestException, describeError, within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

/** What would be a header of its own, and a request of its own, if it travelled as it is. */
const INJECTION = 'x\r\nX-Injected: yes\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
const PAYLOADS = [INJECTION, 'x\nX-Injected: yes', 'x\rX-Injected: yes', 'x\0y', 'x\r\n folded']

type Give = (session: Session, url: string, text: string) => Promise<Response>

const edited =
  (edit: (request: PreparedRequest, text: string) => void): Give =>
  (session, url, text) =>
    session.get(url, { hooks: { request: (request) => edit(request, text) } })

const PLACES: Readonly<Record<string, Give>> = {
  'the method': (session, url, text) => session.request(`GET${text}`, url),
  'the path': (session, url, text) => session.get(`${url}/${text}`),
  'the query': (session, url, text) => session.get(`${url}?a=${text}`),
  'the fragment': (session, url, text) => session.get(`${url}#${text}`),
  params: (session, url, text) => session.get(url, { params: { [text]: text } }),
  'the userinfo of the URL': (session, url, text) => session.get(url.replace('://', `://${text}:${text}@`)),
  'the name of a header': (session, url, text) => session.get(url, { headers: { [text]: 'x' } }),
  'the value of a header': (session, url, text) => session.get(url, { headers: { 'X-Own': text } }),
  'a header of several lines': (session, url, text) => session.get(url, { headers: { 'X-Own': ['x', text] } }),
  'the Host header': (session, url, text) => session.get(url, { headers: { Host: text } }),
  'the Cookie header': (session, url, text) => session.get(url, { headers: { Cookie: text } }),
  'the Content-Type': (session, url, text) => session.post(url, { data: 'x', headers: { 'Content-Type': text } }),
  'the name of a cookie': (session, url, text) => session.get(url, { cookies: { [text]: 'x' } }),
  'the value of a cookie': (session, url, text) => session.get(url, { cookies: { own: text } }),
  'a user and a password': (session, url, text) => session.get(url, { auth: [text, text] }),
  'a token': async (session, url, text) => session.get(url, { auth: new BearerAuth(text) }),
  'what a scheme signs with': (session, url, text) =>
    session.get(url, { auth: (request) => request.headers.set('X-Signature', text) }),
  'the method, by a hook': edited((request, text) => void (request.method = `GET${text}`)),
  'the URL, by a hook': edited((request, text) => void (request.url += `/${text}`)),
  'a header, by a hook': edited((request, text) => request.headers.set('X-Hook', text)),
  'a form field': (session, url, text) => session.post(url, { data: { [text]: text } }),
  'the name of a part': (session, url, text) => session.post(url, { files: { [text]: 'content' } }),
  'the filename of a part': (session, url, text) => session.post(url, { files: { own: [text, 'content'] } }),
  'the type of a part': (session, url, text) => session.post(url, { files: { own: ['name', 'content', text] } }),
  'a header of a part': (session, url, text) =>
    session.post(url, { files: { own: ['name', 'content', 'text/plain', { 'X-Part': text }] } }),
  'a field beside files': (session, url, text) =>
    session.post(url, { data: { [text]: 'x' }, files: { own: ['name', 'content'] } }),
  'the type of a Blob': (session, url, text) => session.post(url, { data: new Blob(['content'], { type: text }) }),
  'the type of a Blob that lies': (session, url, text) => session.post(url, { data: lyingBlob(text) }),
}

/** A Blob's own constructor refuses such a type; what looks like one need not. */
function lyingBlob(type: string): Blob {
  const blob = new Blob(['content'])
  Object.defineProperty(blob, 'type', { value: type })
  return blob
}

/** Family T1: CR, LF and NUL never reach the head of a request, or of a part. */
export function headerByteCases(): readonly Case<SecurityBench>[] {
  return Object.entries(PLACES).map(([place, give]) => ({
    rule: 'T1',
    sentence: `CR, LF and NUL in ${place} inject nothing`,
    needs: [],
    check: (bench) => injectsNothing(bench, place, give),
  }))
}

async function injectsNothing(bench: SecurityBench, place: string, give: Give): Promise<void> {
  const session = bench.session()
  for (const text of PAYLOADS) {
    bench.server.reset()
    // A place may refuse at once, without a promise.
    const sent = Promise.resolve().then(() => give(session, `${bench.origin}/anything`, text))
    const outcome = await within(
      sent.catch((error: unknown) => error),
      'come to an end',
    )
    const { requests } = bench.server
    const what = `with ${JSON.stringify(text.slice(0, 20))} in ${place}`
    if (outcome instanceof Error) {
      asRequestException(outcome)
      assert.equal(requests.length, 0, `${what} it sent a request and raised ${describeError(outcome)}`)
      continue
    }
    assert.equal(requests.length, 1, `${what} ${requests.length} requests arrived`)
    const [request] = requests
    const names = request?.headers.map(([name]) => name.toLowerCase()) ?? []
    assert.ok(!names.includes('x-injected'), `${what} a header was injected`)
    const isMultipart = request?.header('content-type')?.startsWith('multipart/') === true
    const body = request?.body.toString('latin1') ?? ''
    assert.ok(!isMultipart || !/[\r\n]X-Injected/.test(body), `${what} a header of a part was injected`)
  }
}
