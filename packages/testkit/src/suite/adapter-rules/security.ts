import assert from 'node:assert/strict'
import { LimitExceededError, SSLError } from '@entreat/core'
import type { AdapterBench } from '../adapter-bench.ts'
import { asRequestException, assertSameBytes, contentOf, describeError, rejectionOf } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.6: `verify`, `cert` and `proxy`: honoured, or refused with a clear error. */
export function securityCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.6'
  return [
    { rule, sentence: 'honours verify: trusts nobody unknown', needs: ['tls'], check: refusesUnknown },
    { rule, sentence: 'honours verify: trusts the authority it is given, or everybody', needs: ['tls'], check: trusts },
    { rule, sentence: 'honours cert', needs: ['tls', 'clientCertificates'], check: presents },
    { rule, sentence: 'refuses cert clearly', needs: ['tls'], unless: 'clientCertificates', check: refusesCert },
    { rule: 'T6', sentence: 'a head past limits.headerBytes is refused', needs: ['headLimit'], check: longHead },
    { rule: 'T1', sentence: 'a method that is no token is refused, and not sent', needs: ['http'], check: noToken },
    { rule, sentence: 'honours proxy', needs: ['network', 'proxies'], check: goesThroughProxy },
    { rule, sentence: 'refuses proxy clearly', needs: ['network'], unless: 'proxies', check: refusesProxy },
  ]
}

async function refusesUnknown(bench: AdapterBench): Promise<void> {
  const place = await bench.find('tls')
  const error = await rejectionOf(bench.send(place, { verify: true }), 'refuse a certificate that nobody vouches for')
  assert.ok(error instanceof SSLError, `it raised ${describeError(error)} instead of an SSLError`)
}

async function trusts(bench: AdapterBench): Promise<void> {
  const place = await bench.find('tls')
  for (const verify of [place.authority, false]) {
    const { statusCode } = await bench.fetch(place, { verify })
    assert.equal(statusCode, 200, `it gave ${statusCode} with verify ${verify === false ? 'off' : 'set'}`)
  }
  // A connection that was opened without verification must not serve the next one, which asks for it.
  await rejectionOf(bench.send(place, { verify: true }), 'refuse a certificate that it had not to look at before')
}

async function presents(bench: AdapterBench): Promise<void> {
  const place = await bench.find('clientCertificate')
  const without = await bench.fetch(place)
  assert.ok(!place.wasPresented(without), 'it presented a certificate that it was not given')
  const given = await bench.fetch(place, { cert: place.cert })
  assert.ok(place.wasPresented(given), 'it did not present the certificate that it was given')
  const again = await bench.fetch(place)
  assert.ok(!place.wasPresented(again), 'it presented the certificate of another request')
}

async function refusesCert(bench: AdapterBench): Promise<void> {
  const place = await bench.find('tls')
  const sent = bench.send(place, { verify: place.authority, cert: '/nonexistent.pem' })
  asRequestException(await rejectionOf(sent, 'refuse a client certificate that it does not present'))
}

async function goesThroughProxy(bench: AdapterBench): Promise<void> {
  const place = await bench.find('proxy')
  const before = place.count()
  const response = await bench.fetch(await bench.resource(5000, 4), { proxy: place.proxy })
  assertSameBytes(response.content, contentOf(5000, 4), 'the body through a proxy')
  const seen = place.count()
  assert.ok(seen > before, 'it went past the proxy')
  await bench.fetch(await bench.resource(5000, 4), { proxy: null })
  assert.equal(place.count(), seen, 'it used the proxy of another request')
}

async function refusesProxy(bench: AdapterBench): Promise<void> {
  const proxy = { url: 'http://127.0.0.1:1', scheme: 'http', host: '127.0.0.1', port: 1 }
  const sent = bench.send(await bench.resource(1000, 4), { proxy })
  asRequestException(await rejectionOf(sent, 'refuse a proxy that it does not use'))
}

async function longHead(bench: AdapterBench): Promise<void> {
  const place = await bench.find('longHead')
  const limits = { ...bench.limits, headerBytes: 50_000 }
  const error = await rejectionOf(bench.send(place, { limits }), 'refuse a head that is longer than its limit')
  assert.ok(error instanceof LimitExceededError, `it raised ${describeError(error)} instead of a LimitExceededError`)
  const wide = await bench.fetch(place, { limits: { ...bench.limits, headerBytes: 1_000_000 } })
  assert.equal(wide.statusCode, 200, 'it refused a head within its limit')
}

async function noToken(bench: AdapterBench): Promise<void> {
  const place = await bench.resource(10, 1)
  const before = bench.target.http?.requests().length
  for (const method of ['GET /smuggled HTTP/1.1\r\nX: y\r\n\r\nGET', 'GE T', 'GET\0', 'GÉT', '']) {
    const request = await bench.prepare(place)
    request.method = method
    const sent = Promise.resolve().then(() => bench.sendPrepared(request, bench.options(place)))
    asRequestException(await rejectionOf(sent, `refuse the method ${JSON.stringify(method)}`))
  }
  assert.equal(bench.target.http?.requests().length, before, 'it sent a request with a method that is no token')
}
