// Gives an SDK that takes a `fetch` a Session's cookies, credentials, retries and pool: node fetch-for-an-sdk.mjs URL
import { Session } from '@entreat/core'

/** Stands for any generated client: all it knows is the WHATWG fetch. */
function createClient({ baseUrl, fetch }) {
  return {
    async login(name) {
      const response = await fetch(`${baseUrl}/cookies/set/user/${name}`)
      if (!response.ok) throw new Error(`Login failed with ${response.status}`)
    },
    async profile() {
      const response = await fetch(new URL('/anything/profile', baseUrl), { headers: { Accept: 'application/json' } })
      return response.json()
    },
  }
}

const [baseUrl] = process.argv.slice(2)
const session = new Session({ auth: ['ishmael', 'whale'], retry: 2 })
const client = createClient({ baseUrl, fetch: session.fetch })

await client.login('ishmael')
const { headers } = await client.profile()
console.log({ cookie: headers.Cookie, authorization: headers.Authorization })
await session.close()
