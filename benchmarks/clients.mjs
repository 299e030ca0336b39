// The clients that are compared. Each opens once and then gives JSON.
import http from 'node:http'
import { Session } from '@entreat/core'
import { Agent, fetch as undiciFetch, request } from 'undici'

const CONNECTIONS = 32

export const clients = [
  {
    name: 'entreat: cookie, Basic, defaults',
    async open(url) {
      const session = new Session({ auth: ['user', 'password'], limits: { connectionsPerOrigin: CONNECTIONS } })
      session.cookies.set('session', 'abc', { url })
      return { get: async () => (await session.get(url)).json(), close: () => session.close() }
    },
  },
  {
    name: 'entreat: nothing set',
    async open(url) {
      const session = new Session({ limits: { connectionsPerOrigin: CONNECTIONS } })
      return { get: async () => (await session.get(url)).json(), close: () => session.close() }
    },
  },
  {
    name: 'undici.request',
    async open(url) {
      const dispatcher = new Agent({ connections: CONNECTIONS })
      return { get: async () => (await request(url, { dispatcher })).body.json(), close: () => dispatcher.close() }
    },
  },
  {
    name: 'undici fetch',
    async open(url) {
      const dispatcher = new Agent({ connections: CONNECTIONS })
      return { get: async () => (await undiciFetch(url, { dispatcher })).json(), close: () => dispatcher.close() }
    },
  },
  {
    name: 'node:http',
    async open(url) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
      const get = () =>
        new Promise((resolve, reject) => {
          const call = http.get(url, { agent }, (response) => {
            const chunks = []
            response.on('data', (chunk) => chunks.push(chunk))
            response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
            response.on('error', reject)
          })
          call.on('error', reject)
        })
      return { get, close: async () => agent.destroy() }
    },
  },
]
