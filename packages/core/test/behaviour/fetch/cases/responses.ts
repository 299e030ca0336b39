import { type Fetch, type FetchCase, head, refusal, type Topic } from './fetch-case.ts'

/** A case that reads what a path answers with. */
function reading(name: string, path: string, read: (response: Response) => unknown): FetchCase {
  return { name, run: async (fetch, site) => read(await fetch(site.url + path)) }
}

const METHODS = ['text', 'json', 'arrayBuffer', 'blob', 'formData'] as const

/** How often a body can be read, and what bodyUsed says. */
async function readTwice(response: Response, method: (typeof METHODS)[number]): Promise<unknown> {
  const before = response.bodyUsed
  await response[method]()
  return [before, response.bodyUsed, await refusal(response[method]()), await refusal(response.text())]
}

async function readWithOwnBuffer(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' })
  let text = ''
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(7))
    if (done) return text
    text += Buffer.from(value).toString('latin1')
  }
}

function status(code: number): FetchCase {
  return {
    name: `status ${code}`,
    async run(fetch, site) {
      const response = await fetch(`${site.url}/status/${code}`, { redirect: 'manual' })
      return [head(response, site), await response.text()]
    },
  }
}

async function headers(fetch: Fetch, url: string): Promise<Headers> {
  const response = await fetch(url)
  await response.text()
  return response.headers
}

export const responses: Topic = {
  title: 'What comes back',
  cases: [
    ...[200, 201, 204, 205, 304, 302, 404, 418, 500, 599].map(status),
    {
      name: 'HEAD',
      async run(fetch, site) {
        const response = await fetch(`${site.url}/get`, { method: 'HEAD' })
        return [head(response, site), await response.text()]
      },
    },
    reading('text()', '/encoding/utf8', (response) => response.text()),
    reading('json()', '/json', (response) => response.json()),
    reading('json() of what is none', '/html', (response) => refusal(response.json())),
    reading('arrayBuffer()', '/bytes/1000?seed=1', async (response) =>
      Buffer.from(await response.arrayBuffer()).toString('hex'),
    ),
    reading('blob()', '/html', async (response) => {
      const { type, size } = await response.blob()
      return [type, size]
    }),
    {
      name: 'formData()',
      async run(fetch, site) {
        const url = site.on('/form', (_request, response) => {
          response.setHeader('Content-Type', 'application/x-www-form-urlencoded')
          response.end('a=1&b=%C3%A9')
        })
        return [...(await (await fetch(url)).formData()).entries()]
      },
    },
    ...METHODS.slice(0, 4).map((method) =>
      reading(`${method}() twice`, '/json', (response) => readTwice(response, method)),
    ),
    reading('clone(), both read', '/json', async (response) => {
      const clone = response.clone()
      return [await clone.text(), await response.text()]
    }),
    {
      name: 'clone() keeps url, redirected, type and status',
      run: async (fetch, site) => head((await fetch(`${site.url}/redirect/1`)).clone().clone(), site),
    },
    reading('clone() after reading', '/json', async (response) => {
      await response.text()
      return refusal(Promise.resolve().then(() => response.clone()))
    }),
    reading('body.tee()', '/json', async (response) => {
      const [one, two] = (response.body as ReadableStream<Uint8Array>).tee()
      return [await new Response(one).text(), await new Response(two).text()]
    }),
    reading('body.cancel()', '/stream-bytes/100000', async (response) => {
      await response.body?.cancel()
      return [response.bodyUsed, await refusal(response.text())]
    }),
    reading('body read with a buffer of your own', '/bytes/100', readWithOwnBuffer),
    reading('an empty body read with a buffer of your own', '/status/200', readWithOwnBuffer),
    reading('body as an async iterable', '/bytes/100', async (response) => {
      const read: Uint8Array[] = []
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) read.push(piece)
      return Buffer.concat(read).toString('hex')
    }),
    ...['gzip', 'deflate', 'brotli'].map((coding) =>
      reading(`${coding}, decoded, its header kept`, `/${coding}`, async (response) => [
        Object.keys((await response.json()) as object).filter((name) => name !== 'headers' && name !== 'origin'),
        response.headers.get('content-encoding'),
        response.headers.has('content-length'),
      ]),
    ),
    {
      name: 'a body that is not what Content-Encoding says',
      async run(fetch, site) {
        const url = site.on('/no-gzip', (_request, response) => {
          response.setHeader('Content-Encoding', 'gzip')
          response.end('this is no gzip')
        })
        return refusal((await fetch(url)).text())
      },
    },
    reading('a body that breaks off', '/truncated', (response) => refusal(response.text())),
    {
      name: 'headers: repeated lines, Set-Cookie, order, Latin-1',
      async run(fetch, site) {
        const got = await headers(
          fetch,
          `${site.url}/response-headers?x-b=1&x-b=2&x-a=caf%C3%A9&Set-Cookie=a%3D1&Set-Cookie=b%3D2`,
        )
        const shown = [...got].filter(([name]) => /^(?:x-|set-cookie|content-type)/.test(name))
        return [shown, got.getSetCookie(), got.get('set-cookie'), got.get('X-B')]
      },
    },
    {
      name: 'changing the headers of a response',
      async run(fetch, site) {
        const got = await headers(fetch, `${site.url}/get`)
        return refusal(Promise.resolve().then(() => got.set('x-own', '1')))
      },
      differs: {
        node: 'TypeError',
        session: 'no error',
        why: 'Headers that are locked can be made by Node alone. Nobody else sees those of your response.',
      },
    },
    {
      name: 'integrity that fits, and that does not',
      async run(fetch, site) {
        const url = `${site.url}/robots.txt`
        const right = 'sha256-GagevgyMVlmH0oPsuJbEd0rlfGJJHSuJ0sFHNUC/2R4='
        const digest = await crypto.subtle.digest('SHA-256', Buffer.from('User-agent: *\nDisallow: /deny\n'))
        const integrity = `sha256-${Buffer.from(digest).toString('base64')}`
        const fits = await (await fetch(url, { integrity })).text()
        return [
          fits,
          await refusal(fetch(url, { integrity: right })),
          await (await fetch(url, { integrity: 'x' })).text(),
        ]
      },
    },
    {
      name: 'cookies that a response sets',
      async run(fetch, site) {
        await (await fetch(`${site.url}/cookies/set/a/1`)).text()
        const { cookies } = (await (await fetch(`${site.url}/cookies`)).json()) as { cookies: Record<string, string> }
        return Object.keys(cookies).length === 0 ? 'forgotten' : 'sent back'
      },
      differs: {
        node: 'forgotten',
        session: 'sent back',
        why: "That is what a Session is for. `credentials: 'omit'` sends none and keeps none.",
      },
    },
  ],
}
