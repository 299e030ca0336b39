import { type Fetch, type FetchCase, type FetchInit, refusal, sent, type Topic } from './fetch-case.ts'
import type { Site } from '../../requests/support/servers.ts'

const anything = (site: Site): string => `${site.url}/anything`
const own = { 'X-Own': '1' }

/** A case that sends an init to `/anything`. */
function sending(name: string, init: () => FetchInit, differs?: FetchCase['differs']): FetchCase {
  return {
    name,
    run: (fetch, site) => sent(fetch, anything(site), init()),
    ...(differs === undefined ? {} : { differs }),
  }
}

/** A case whose init is refused before anything is sent. */
function refusing(name: string, init: () => FetchInit): FetchCase {
  return { name, run: (fetch, site) => refusal(fetch(anything(site), init())) }
}

async function requestHeaders(fetch: Fetch, site: Site, init?: FetchInit): Promise<Record<string, string>> {
  const told = (await (await fetch(`${site.url}/headers`, init)).json()) as { headers: Record<string, string> }
  return told.headers
}

export const inputs: Topic = {
  title: 'What is asked for',
  cases: [
    { name: 'a URL as text', run: (fetch, site) => sent(fetch, anything(site)) },
    { name: 'a URL object', run: (fetch, site) => sent(fetch, new URL(anything(site))) },
    {
      name: 'an object with toString',
      run: (fetch, site) => sent(fetch, { toString: () => anything(site) } as unknown as string),
    },
    {
      name: 'a space, an umlaut and dots in a path',
      async run(fetch, site) {
        await (await fetch(`${site.url}/anything/x/../a b/\u00fc?q=\u00e9&r=a b#part`)).text()
        return site.server.requests.at(-1)?.url
      },
    },
    { name: 'a Request', run: (fetch, site) => sent(fetch, new Request(anything(site), { headers: own })) },
    {
      name: 'an init that overrides method, headers and body of a Request',
      run: (fetch, site) =>
        sent(fetch, new Request(anything(site), { method: 'POST', body: 'old', headers: own }), {
          method: 'PUT',
          body: 'new',
          headers: { 'X-New': '2' },
        }),
    },
    {
      name: 'an init that overrides the method of a Request and keeps its body',
      run: (fetch, site) =>
        sent(fetch, new Request(anything(site), { method: 'POST', body: 'kept' }), { method: 'PUT' }),
    },
    {
      name: 'a Request as the init',
      run: (fetch, site) =>
        sent(fetch, anything(site), new Request('http://localhost/', { method: 'PUT', body: 'x', headers: own })),
    },
    {
      name: 'a Request is used up',
      async run(fetch, site) {
        const request = new Request(anything(site), { method: 'POST', body: 'x' })
        await (await fetch(request)).text()
        return [request.bodyUsed, await refusal(fetch(request))]
      },
    },
    { name: 'null as init', run: (fetch, site) => sent(fetch, anything(site), null as unknown as FetchInit) },
    sending('headers as a record', () => ({ headers: own })),
    sending('headers as pairs, a name twice', () => ({ headers: [...Object.entries(own), ['X-Own', '2']] })),
    sending('a Headers', () => ({ headers: new Headers(own) })),
    sending('a header whose value is no text', () => ({ headers: { 'X-Own': 5 as unknown as string } })),
    sending('a header in Latin-1', () => ({ headers: { 'X-Own': 'caf\xe9' } })),
    sending('a Cookie header', () => ({ headers: { Cookie: 'a=1' } })),
    sending('a lower-case name of a common method', () => ({ method: 'post', body: 'x' })),
    {
      name: 'a lower-case `patch`',
      run: (fetch, site) => refusal(fetch(anything(site), { method: 'patch', body: 'x' }).then(failUnlessOk)),
      differs: {
        node: 'Error: 400',
        session: 'no error',
        why: 'A Session sends every method in upper case; servers refuse `patch`, which the standard leaves as it is.',
      },
    },
    refusing('CONNECT', () => ({ method: 'CONNECT' })),
    refusing('TRACE', () => ({ method: 'trace' })),
    refusing('GET with a body', () => ({ body: 'x' })),
    refusing('HEAD with a body', () => ({ method: 'HEAD', body: 'x' })),
    refusing('an unknown redirect mode', () => ({ redirect: 'maybe' as 'error' })),
    refusing('an unknown credentials mode', () => ({ credentials: 'all' as 'omit' })),
    refusing('an unknown cache mode', () => ({ cache: 'sometimes' }) as FetchInit),
    refusing('an unknown request mode', () => ({ mode: 'x' as 'cors' })),
    refusing('a signal that is none', () => ({ signal: {} as AbortSignal })),
    sending('signal: null', () => ({ signal: null })),
    sending('keepalive, referrer and mode, which change nothing', () => ({
      keepalive: true,
      referrer: 'http://elsewhere.test/',
      mode: 'cors',
      referrerPolicy: 'no-referrer',
    })),
    {
      name: 'the headers of cache modes',
      run: (fetch, site) =>
        Promise.all(
          ['default', 'no-store', 'reload', 'no-cache', 'force-cache'].map(async (cache) => {
            const headers = await requestHeaders(fetch, site, { cache } as FetchInit)
            return [cache, headers['Cache-Control'], headers['Pragma']]
          }),
        ),
    },
    {
      name: 'a `dispatcher` in the init',
      run: (fetch, site) => refusal(fetch(anything(site), { dispatcher: undici() } as FetchInit).then(failUnlessOk)),
      differs: {
        node: 'no error',
        session: 'TypeError: fetch failed',
        why: 'A dispatcher is a transport, perhaps a proxy that must not be left out: mount an `HTTPAdapter` that has it.',
      },
    },
    {
      name: 'headers that go along unasked',
      async run(fetch, site) {
        const { Host: _host, Connection: _connection, ...headers } = await requestHeaders(fetch, site)
        return Object.keys(headers).sort().join(', ')
      },
      differs: {
        node: 'Accept, Accept-Encoding, Accept-Language, Sec-Fetch-Mode, User-Agent',
        session: 'Accept, Accept-Encoding, User-Agent',
        why: "They are the Session's `headers`, which you can change. The others describe browsers.",
      },
    },
  ],
}

/** The dispatcher that Node's own fetch uses anyway. */
function undici(): unknown {
  return (globalThis as unknown as Record<symbol, unknown>)[Symbol.for('undici.globalDispatcher.1')]
}

async function failUnlessOk(response: Response): Promise<void> {
  await response.text()
  if (response.ok) return
  throw Object.assign(new Error('refused'), { name: `Error: ${response.status}` })
}
