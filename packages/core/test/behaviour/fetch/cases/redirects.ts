import { type FetchCase, type FetchInit, head, pieces, refusal, sent, type Topic } from './fetch-case.ts'

const STATUSES = [301, 302, 303, 307, 308]

function to(target: string, status = 302): string {
  return `/redirect-to?url=${encodeURIComponent(target)}&status_code=${status}`
}

function moving(method: string, statuses: readonly number[], body?: string): FetchCase {
  return {
    name: `${method} and ${statuses.join(', ')}`,
    run: (fetch, site) =>
      Promise.all(
        statuses.map((status) =>
          sent(fetch, site.url + to('/anything', status), { method, ...(body === undefined ? {} : { body }) }),
        ),
      ),
  }
}

function mode(redirect: NonNullable<FetchInit['redirect']>): FetchCase {
  return {
    name: `redirect: '${redirect}'`,
    async run(fetch, site) {
      const url = `${site.url}/redirect/2`
      try {
        const response = await fetch(url, { redirect })
        return [head(response, site), response.headers.get('location')]
      } catch (error) {
        const { name, message, cause } = error as Error
        return [name, message, (cause as Error).message]
      }
    },
  }
}

export const redirects: Topic = {
  title: 'Redirects',
  cases: [
    mode('follow'),
    mode('manual'),
    mode('error'),
    moving('GET', STATUSES),
    moving('POST', STATUSES, 'x'),
    moving('PUT', [303, 307, 308], 'x'),
    moving('DELETE', [303]),
    {
      name: 'PUT and 301',
      async run(fetch, site) {
        const told = await sent(fetch, site.url + to('/anything', 301), { method: 'PUT', body: 'x' })
        const { method, data } = told as { method: string; data: string }
        return data === '' ? `${method} without the body` : `${method} with the body`
      },
      differs: {
        node: 'PUT with the body',
        session: 'PUT without the body',
        why: 'As Requests does: 307 and 308 alone ask for the body again.',
      },
    },
    {
      name: 'PUT and 302',
      async run(fetch, site) {
        const told = await sent(fetch, site.url + to('/anything'), { method: 'PUT', body: 'x' })
        return (told as { method: string }).method
      },
      differs: {
        node: 'PUT',
        session: 'GET',
        why: 'A Session has one policy for redirects, that of Requests: after 302, as after 303, comes GET.',
      },
    },
    {
      name: 'HEAD stays HEAD',
      async run(fetch, site) {
        await fetch(site.url + to('/method'), { method: 'HEAD' })
        return site.last('/method').method
      },
    },
    {
      name: 'a stream is sent again for 303, where it need not be read again',
      run: (fetch, site) =>
        sent(fetch, site.url + to('/anything', 303), {
          method: 'POST',
          body: pieces() as unknown as string,
          duplex: 'half',
        }),
    },
    {
      name: 'a stream that 307 asks for again',
      run: (fetch, site) =>
        refusal(
          fetch(site.url + to('/anything', 307), {
            method: 'POST',
            body: pieces() as unknown as string,
            duplex: 'half',
          }),
        ),
    },
    {
      name: 'the text of a Request that 307 asks for again',
      run: (fetch, site) =>
        sent(fetch, new Request(site.url + to('/anything', 307), { method: 'POST', body: 'again' })),
    },
    {
      name: 'Authorization stays with its origin',
      async run(fetch, site) {
        const headers = { Authorization: 'Bearer secret', 'X-Own': '1' }
        await (await fetch(site.url + to(`${site.otherHostUrl}/anything`), { headers })).text()
        const away = site.last('/anything')
        await (await fetch(site.url + to('/anything'), { headers })).text()
        const here = site.last('/anything')
        return [away, here].map((request) => [request.header('authorization'), request.header('x-own')])
      },
    },
    {
      name: 'a fragment, which response.url leaves out',
      async run(fetch, site) {
        return [
          head(await fetch(`${site.url}/get#part`), site),
          head(await fetch(`${site.url}${to('/get#there')}#part`), site),
        ]
      },
    },
    {
      name: 'a redirect status without Location',
      run: async (fetch, site) => head(await fetch(`${site.url}/status/304`), site),
    },
    {
      name: 'a Location of another scheme',
      run: (fetch, site) => refusal(fetch(site.url + to('ftp://127.0.0.1/x'))),
    },
    {
      name: 'a Location that is no URL',
      run: (fetch, site) => refusal(fetch(site.url + to('http://'))),
    },
    {
      name: '25 redirects',
      run: (fetch, site) => refusal(fetch(`${site.url}/redirect/25`)),
      differs: {
        node: 'TypeError: fetch failed',
        session: 'no error',
        why: "The Session's `maxRedirects` decides, 30 unless you say otherwise. The standard has 20.",
      },
    },
  ],
}
