// What the clients are asked to do. `run` gives the function that does it once; clients that lack what it needs are left out.

const IN_FLIGHT = 32
const get = (client, { http }) => client.get && (() => client.get(`${http}/json`))
const file = Buffer.alloc(64 * 1024, 'multipart ')
const order = {
  item: 'The Whale',
  price: 12.5,
  tags: ['sea', 'obsession'],
  shipped: false,
  address: { street: 'Wharf 1', city: 'Nantucket' },
}

/**
 * `settings`: what every client is opened with. `without`: clients for which this is not the same work. `isQuick`: part of `--quick`, `quickly`: and then only for these.
 */
export const scenarios = [
  { name: 'GET 1 KB of JSON, 1 in flight', inFlight: 1, run: get },
  { name: 'GET 1 KB of JSON, 32 in flight', inFlight: IN_FLIGHT, run: get },
  { name: 'GET 1 KB of JSON, 256 in flight', inFlight: 256, run: get },
  {
    name: 'GET, one cookie and Basic',
    isQuick: true,
    inFlight: IN_FLIGHT,
    settings: { auth: true, cookies: 1 },
    run: get,
  },
  {
    name: 'GET, one cookie and Basic, another URL every time',
    isQuick: true,
    quickly: ['entreat', 'undici.request', 'bare dispatch'],
    inFlight: IN_FLIGHT,
    settings: { auth: true, cookies: 1 },
    run: (client, { http }) => {
      let asked = 0
      return client.get && (() => client.get(`${http}/json/${asked++}?page=2&q=a%20b`))
    },
  },
  { name: 'GET, 10 cookies', inFlight: IN_FLIGHT, settings: { cookies: 10 }, run: get },
  { name: 'GET, Basic', inFlight: IN_FLIGHT, settings: { auth: true }, run: get },
  {
    name: 'POST JSON',
    inFlight: IN_FLIGHT,
    run: (client, { http }) => client.post && (() => client.post(`${http}/taken`, order)),
  },
  {
    name: '404',
    inFlight: IN_FLIGHT,
    run: (client, { http }) => client.status && (() => client.status(`${http}/missing`)),
  },
  {
    name: 'three redirects',
    inFlight: IN_FLIGHT,
    // needle asks the next URL on another connection before it has read the answer to the last: with as many requests as connections all wait for ever.
    without: ['bare dispatch', 'node:http', 'needle'],
    run: (client, { http }) => {
      const follow = client.getRedirected ?? client.get
      return () => follow(`${http}/redirect/3`)
    },
  },
  {
    name: 'gzip, 100 KB of JSON',
    inFlight: IN_FLIGHT,
    without: ['bare dispatch', 'node:http'],
    run: (client, { http }) => {
      const read = client.getCoded ?? client.get
      return () => read(`${http}/gzip`)
    },
  },
  {
    name: 'multipart, a field and 64 KB',
    inFlight: IN_FLIGHT,
    run: (client, { http }) => client.form && (() => client.form(`${http}/taken`, file)),
  },
  {
    name: 'HTTP/2, 100 on one connection',
    isQuick: true,
    inFlight: 100,
    settings: { http2: true },
    only: ['entreat', 'undici.request'],
    run:
      (client, { http2 }) =>
      () =>
        client.get(`${http2}/json`),
  },
]
