import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { type Fetch, type FetchCase, type FetchInput, refusal, type Topic } from './fetch-case.ts'

const reason = new Error('enough')
const isReason = (error: unknown): string => (error === reason ? 'the reason' : String(error))

function failing(name: string, url: (origin: string) => FetchInput, differs?: FetchCase['differs']): FetchCase {
  return {
    name,
    run: (fetch, site) => refusal(Promise.resolve().then(() => fetch(url(site.url)))),
    ...(differs === undefined ? {} : { differs }),
  }
}

/** The name of an error, and those of its causes. */
async function chain(fetch: Fetch, url: string): Promise<string[]> {
  const names: string[] = []
  let error: unknown = await fetch(url).catch((thrown: unknown) => thrown)
  for (; error instanceof Error; error = error.cause) names.push((error as NodeJS.ErrnoException).code ?? error.name)
  return names
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const wrongUrl = {
  node: 'TypeError',
  session: 'TypeError: fetch failed',
  why: 'The cause says what is wrong with the URL, and how a `baseUrl` or a scheme would mend it.',
}

export const failures: Topic = {
  title: 'What goes wrong',
  cases: [
    {
      name: 'nobody listens',
      run: async (fetch) => refusal(fetch(`http://127.0.0.1:${await closedPort()}/`)),
    },
    {
      name: 'the cause of nobody listening',
      run: async (fetch) => (await chain(fetch, `http://127.0.0.1:${await closedPort()}/`)).slice(0, 3).join(', '),
      differs: {
        node: 'TypeError, ECONNREFUSED',
        session: 'TypeError, ERR_CONNECTION, ECONNREFUSED',
        why: "The cause is the Session's error, which knows the request; its own cause is the one that Node's fetch gives.",
      },
    },
    failing('a connection that is reset', (origin) => `${origin}/reset`),
    failing('a connection that is closed without an answer', (origin) => `${origin}/close`),
    failing('a scheme that nobody knows', () => 'gopher://x/'),
    failing('about:blank', () => 'about:blank'),
    failing('text that is no URL', () => 'nonsense', wrongUrl),
    failing('a URL without a host', () => 'http://', wrongUrl),
    failing('a relative URL', () => '/get', wrongUrl),
    failing('a data: URL', () => 'data:text/plain,hi', {
      node: 'no error',
      session: 'TypeError: fetch failed',
      why: 'A Session opens the schemes that have an adapter, and no other. Mount one for `data:`.',
    }),
    failing('a blob: URL', () => URL.createObjectURL(new Blob(['hi'])), {
      node: 'no error',
      session: 'TypeError: fetch failed',
      why: 'As for `data:`.',
    }),
    failing('userinfo in a URL', (origin) => `${origin.replace('://', '://u:p@')}/basic-auth/u/p`, {
      node: 'TypeError',
      session: 'no error',
      why: 'A Session takes userinfo as credentials for Basic, as Requests does.',
    }),
    {
      name: 'a port that browsers block',
      async run(fetch) {
        const error = (await fetch('http://127.0.0.1:6666/').catch((thrown: unknown) => thrown)) as Error
        return (error.cause as Error).message === 'bad port' ? 'refused' : 'tried'
      },
      differs: {
        node: 'refused',
        session: 'tried',
        why: 'The list protects servers of other protocols from web pages. A program chooses its own servers.',
      },
    },
    ...['a header name with a space', 'a header value with a line end'].map((name, index): FetchCase => ({
      name,
      run: (fetch, site) =>
        refusal(
          Promise.resolve().then(() =>
            fetch(`${site.url}/get`, { headers: index === 0 ? { 'X Y': '1' } : { 'X-Own': 'a\r\nb: c' } }),
          ),
        ),
    })),
    {
      name: 'a method that is no token',
      run: (fetch, site) => refusal(fetch(`${site.url}/get`, { method: 'A B' })),
      differs: {
        node: 'TypeError',
        session: 'TypeError: fetch failed',
        why: 'The cause says which rule it breaks.',
      },
    },
    {
      name: 'a Content-Length that is not that of the body',
      run: (fetch, site) =>
        refusal(fetch(`${site.url}/anything`, { method: 'POST', body: 'four', headers: { 'Content-Length': '99' } })),
      differs: {
        node: 'TypeError: fetch failed',
        session: 'no error',
        why: 'A Session counts the bytes itself where it has them all, and sends the right length.',
      },
    },
    {
      name: 'a signal that has aborted',
      async run(fetch, site) {
        const url = `${site.url}/get`
        const byReason = fetch(url, { signal: AbortSignal.abort(reason) }).catch(isReason)
        return [await byReason, await refusal(fetch(url, { signal: AbortSignal.abort() }))]
      },
    },
    {
      name: 'a signal that aborts before there is an answer, in init and in a Request',
      run: (fetch, site) =>
        Promise.all(
          ['init', 'request'].map((where) => {
            const controller = new AbortController()
            const url = site.on(`/abort-${where}-${Math.random()}`, () => controller.abort(reason))
            const { signal } = controller
            return (where === 'init' ? fetch(url, { signal }) : fetch(new Request(url, { signal }))).catch(isReason)
          }),
        ),
    },
    {
      name: 'signal: null lets go of the signal of a Request',
      async run(fetch, site) {
        const request = new Request(`${site.url}/get`, { signal: AbortSignal.abort(reason) })
        return refusal(fetch(request, { signal: null }))
      },
    },
    {
      name: 'a signal that aborts while the body is read',
      async run(fetch, site) {
        const controller = new AbortController()
        const response = await fetch(`${site.url}/drip?duration=60&delay=0`, { signal: controller.signal })
        const text = response.text().catch(isReason)
        controller.abort(reason)
        return text
      },
    },
    {
      name: 'a signal that aborts before the body is read',
      async run(fetch, site) {
        const controller = new AbortController()
        const response = await fetch(`${site.url}/drip?duration=60&delay=0`, { signal: controller.signal })
        controller.abort(reason)
        // Some versions of Node give an AbortError of their own here.
        return response.text().then(
          () => 'read',
          () => 'rejected',
        )
      },
    },
    {
      name: 'a signal that aborts after the body was read',
      async run(fetch, site) {
        const controller = new AbortController()
        const response = await fetch(`${site.url}/get`, { signal: controller.signal })
        const clone = response.clone()
        await response.text()
        const text = await clone.text()
        controller.abort(reason)
        return text.length > 0
      },
    },
    {
      name: 'a signal that has aborted lets go of a stream',
      run: (fetch, site) =>
        Promise.all(
          ['init', 'request'].map(async (where) => {
            let letGo: unknown = 'kept'
            const body = new ReadableStream({ cancel: (given) => void (letGo = isReason(given)) })
            const init = { method: 'POST', body, duplex: 'half', signal: AbortSignal.abort(reason) } as const
            const url = `${site.url}/anything`
            const sending = where === 'init' ? fetch(url, init) : fetch(new Request(url, init))
            const outcome = await sending.catch(isReason)
            // Either may do it a moment later.
            for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
            return [outcome, letGo]
          }),
        ),
    },
    {
      name: 'the stream of a Request that fails',
      run: (fetch, site) => {
        const body = new ReadableStream({ pull: (to) => to.error(new Error('no more')) })
        return refusal(fetch(new Request(`${site.url}/anything`, { method: 'POST', body, duplex: 'half' })))
      },
    },
    {
      name: 'AbortSignal.timeout()',
      run: async (fetch, site) =>
        refusal(
          fetch(
            site.on(`/never-${Math.random()}`, () => {}),
            { signal: AbortSignal.timeout(20) },
          ),
        ),
    },
  ],
}
