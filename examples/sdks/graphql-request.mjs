// A GraphQL client that signs in with Basic and a cookie, and whose query can come from a mounted adapter: node graphql-request.mjs URL
import { BasicAuth, Response, Session, TransportAdapter } from '@entreat/core'
import { gql, GraphQLClient } from 'graphql-request'

const [url] = process.argv.slice(2)
const session = new Session({ auth: new BasicAuth('ishmael', 'whale') })
const query = gql`
  query ($name: String!) {
    whale(name: $name) {
      name
      visits
    }
  }
`

// The server counts visits in a cookie.
const client = new GraphQLClient(url, { fetch: session.fetch })
for (let visit = 0; visit < 2; visit++) console.log(await client.request(query, { name: 'Moby Dick' }))

/** Answers in this process: a service that has no server. */
class LocalWhales extends TransportAdapter {
  async send(request) {
    const { variables } = JSON.parse(Buffer.from(await request.body.bytes(10_000)).toString())
    const body = JSON.stringify({ data: { whale: { name: variables.name, visits: 0 } } })
    return new Response({ request, statusCode: 200, headers: { 'Content-Type': 'application/json' }, body })
  }

  async close() {}
}

session.mount('local://', new LocalWhales())
const local = new GraphQLClient('local://whales', { fetch: session.fetch })
console.log(await local.request(query, { name: 'Mocha Dick' }))

await session.close()
