import assert from 'node:assert/strict'
import { StubAdapter } from '../../adapters/stub-adapter.ts'
import { within } from '../checks.ts'
import { withEnvironment } from '../environment.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

/** NO_PROXY, a URL, and whether it goes directly. */
type Row = readonly [noProxy: string, url: string, isDirect: boolean]

const LOOPBACKS = [
  'localhost',
  'localhost.',
  'LOCALHOST',
  '127.0.0.1',
  '127.1',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '2130706433',
  '[::1]',
  '[::ffff:127.0.0.1]',
]

const ROWS: readonly Row[] = [
  ['example.com', 'http://example.com/', true],
  ['EXAMPLE.com', 'http://example.COM/', true],
  ['example.com.', 'http://example.com/', true],
  ['example.com', 'http://example.com./', true],
  ['example.com', 'http://api.example.com/', true],
  ['.example.com', 'http://api.example.com/', true],
  ['example.com', 'http://badexample.com/', false],
  ['example.com', 'http://example.com.evil.test/', false],
  ['example.com', 'http://example.com@evil.test/', false],
  ['*', 'http://anything.test/', true],
  ['example.com:8080', 'http://example.com:8080/', true],
  ['example.com:8080', 'http://example.com/', false],
  ['example.com:443', 'https://example.com/', true],
  ['a.test, b.test c.test', 'http://c.test/', true],
  ['10.0.0.0/8', 'http://10.1.2.3/', true],
  ['10.0.0.0/8', 'http://11.1.2.3/', false],
  ['10.0.0.0/8', 'http://10.example.test/', false],
  ['10.0.0.0/8', 'http://167772161/', true],
  ['10.0.0.1', 'http://0x0a.1/', true],
  ['10.0.0.1', 'http://012.0.0.1/', true],
  ['10.0.0.1', 'http://[::ffff:10.0.0.1]/', true],
  ['::ffff:10.0.0.0/104', 'http://10.1.2.3/', true],
  ['fd00::/8', 'http://[fd12::1]/', true],
  ['fd00::/8', 'http://[fe80::1]/', false],
  ['[2001:db8::1]', 'http://[2001:0DB8:0::1]/', true],
  ['[2001:db8::1]:8080', 'http://[2001:db8::1]:8081/', false],
  ['', 'http://example.com/', false],
  [',, ,', 'http://example.com/', false],
  ['10.0.0.0/99,::/x,[', 'http://10.0.0.1/', false],
  ...['localhost', '127.0.0.1', '::1'].flatMap((entry) => [
    ...LOOPBACKS.map((host) => [entry, `http://${host}/`, true] as const),
    ...['0.0.0.0', '[::]', '128.0.0.1', 'notlocalhost', 'localhost.evil.test'].map(
      (host) => [entry, `http://${host}/`, false] as const,
    ),
  ]),
]

/** Family T5: NO_PROXY means hosts, however they are spelled. */
export function noProxyCases(): readonly Case<SecurityBench>[] {
  const rule = 'T5'
  return [
    { rule, sentence: 'NO_PROXY means hosts and ranges, however they are spelled', needs: [], check: table },
    { rule, sentence: 'NO_PROXY does not reach for proxies that were given in code', needs: [], check: givenProxies },
    { rule, sentence: 'a host of NO_PROXY is dialled directly', needs: ['proxies'], check: dialled },
  ]
}

const PROXY = 'http://proxy.test:3128'

async function table(bench: SecurityBench): Promise<void> {
  for (const [noProxy, url, isDirect] of ROWS) {
    const stub = new StubAdapter().on('*', /./)
    const session = bench.session({ trustEnv: true })
    session.mount('http://', stub).mount('https://', stub)
    const variables = { http_proxy: PROXY, https_proxy: PROXY, no_proxy: noProxy }
    await withEnvironment(variables, () => within(session.get(url), 'answer'))
    const used = stub.requests[0]?.options.proxy ?? null
    const expected = isDirect ? 'directly' : 'through the proxy'
    assert.equal(used === null, isDirect, `with NO_PROXY=${noProxy} it goes not ${expected} to ${url}`)
  }
}

async function givenProxies(bench: SecurityBench): Promise<void> {
  const stub = new StubAdapter().on('*', /./)
  const session = bench.session({ trustEnv: true, proxies: { all: PROXY } })
  session.mount('http://', stub)
  await withEnvironment({ no_proxy: '*' }, () => session.get('http://example.com/'))
  assert.equal(stub.requests[0]?.options.proxy?.host, 'proxy.test', 'NO_PROXY overrode a proxy that was given in code')
}

async function dialled(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy()
  const variables = { http_proxy: proxy.url, https_proxy: proxy.url, no_proxy: 'localhost' }
  await withEnvironment(variables, async () => {
    const session = bench.session({ trustEnv: true })
    for (const origin of [bench.origin, bench.otherHost]) await within(session.get(`${origin}/get`), 'answer')
  })
  assert.equal(proxy.requests.length, 0, 'a host of NO_PROXY was reached through the proxy')
}
