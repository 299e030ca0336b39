import assert from 'node:assert/strict'
import type { AdapterBench } from '../adapter-bench.ts'
import { asRequestException, becomes, describeError, rejectionOf, within } from '../checks.ts'
import { assertUnchanged, takeSnapshot } from '../request-snapshot.ts'
import type { Case } from '../suite-runner.ts'

/** The rules of reserved connections: `acquire()` of 4.2, and 4.1.5. */
export function connectionCases(): readonly Case<AdapterBench>[] {
  const rule = '4.1.5'
  const needs = ['connections']
  return [
    {
      rule: '4.2',
      sentence: 'without connections it does not define acquire()',
      needs: [],
      unless: 'connections',
      check: defines,
    },
    { rule, sentence: 'a reserved connection is exclusive, and carries every leg', needs, check: exclusive },
    { rule, sentence: 'a reserved connection never changes the request', needs, check: unchanged },
    { rule, sentence: 'a released connection serves an equal key, and no other', needs, check: equalKeys },
    { rule, sentence: 'a released connection is never given to a plain request', needs, check: neverPlain },
    { rule, sentence: 'a closed connection refuses to send, and is not replaced silently', needs, check: closed },
    { rule, sentence: 'close() ends reserved connections', needs, check: closesReserved },
    {
      rule,
      sentence: 'a leg that is aborted destroys its connection',
      needs: [...needs, 'network'],
      check: abortedLeg,
    },
    {
      rule,
      sentence: 'a reservation waits for its turn, and honours the signal',
      needs: [...needs, 'poolTimeout'],
      check: turns,
    },
    { rule, sentence: 'release() and destroy() may be called again', needs, check: letGoTwice },
  ]
}

function defines(bench: AdapterBench): Promise<void> {
  assert.equal(Reflect.get(bench.adapter, 'acquire'), undefined, 'it defines acquire() and declares no connections')
  return Promise.resolve()
}

async function exclusive(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const key = {}
  const [first, second] = [await bench.acquire(place, key), await bench.acquire(place, key)]
  assert.notEqual(first, second, 'it gave one connection to two at a time')
  const numbers: number[] = []
  for (let leg = 0; leg < 3; leg++) numbers.push(place.numberOf(await bench.fetchOn(first, place)))
  assert.deepEqual(numbers, [numbers[0], numbers[0], numbers[0]], 'legs of one reservation left its connection')
  const others = await Promise.all([bench.fetchOn(second, place), bench.fetch(place), bench.fetch(place)])
  const shared = others.some((response) => place.numberOf(response) === numbers[0])
  assert.ok(!shared, 'another request travelled on a reserved connection')
  assert.equal(first.protocol, 'http/1.1', 'a reserved connection speaks another protocol')
}

async function unchanged(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const connection = await bench.acquire(place, {})
  const request = await bench.prepare(place)
  const before = takeSnapshot(request)
  const response = await connection.send(request, { ...bench.options(place), connection })
  await response.read()
  assertUnchanged(request, before)
  assert.equal(connection.closed, false, 'a reserved connection closed after one leg')
}

async function equalKeys(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const keys = [{ user: 'one' }, { user: 'one' }]
  const number = async (key: unknown): Promise<number> => {
    const connection = await bench.acquire(place, key)
    const carried = place.numberOf(await bench.fetchOn(connection, place))
    connection.release()
    return carried
  }
  const first = await number(keys[0])
  assert.notEqual(await number(keys[1]), first, 'it gave a connection to a credential that it does not belong to')
  assert.equal(await number(keys[0]), first, 'it did not give a released connection to the credential it belongs to')
}

async function neverPlain(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const connection = await bench.acquire(place, 'a key')
  const reserved = place.numberOf(await bench.fetchOn(connection, place))
  connection.release()
  const plain = await Promise.all([bench.fetch(place), bench.fetch(place)])
  const shared = plain.some((response) => place.numberOf(response) === reserved)
  assert.ok(!shared, 'a request without that credential travelled on a released connection')
}

async function closed(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const key = 'a key'
  const connection = await bench.acquire(place, key)
  const number = place.numberOf(await bench.fetchOn(connection, place))
  connection.destroy(new Error('given up'))
  assert.equal(connection.closed, true, 'a destroyed connection does not say that it is closed')
  const sent = bench.fetchOn(connection, place)
  asRequestException(await rejectionOf(sent, 'refuse to send on a closed connection'))
  const next = await bench.acquire(place, key)
  assert.notEqual(next, connection, 'it gave a closed connection again')
  assert.notEqual(place.numberOf(await bench.fetchOn(next, place)), number, 'it used a destroyed connection again')
}

async function closesReserved(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const connection = await bench.acquire(place, 'a key')
  await bench.fetchOn(connection, place)
  await bench.adapter.close()
  assert.equal(connection.closed, true, 'a reserved connection outlives close()')
  await becomes(() => bench.target.open(), 0, 'after close() something stays open')
}

async function abortedLeg(bench: AdapterBench): Promise<void> {
  const place = await bench.find('silent')
  const connection = await bench.acquire(place, 'a key')
  const controller = new AbortController()
  const reason = new Error('given up')
  const sent = bench.fetchOn(connection, place, { signal: controller.signal })
  sent.catch(() => {})
  await new Promise((resolve) => void setTimeout(resolve, 50))
  controller.abort(reason)
  const error = await rejectionOf(sent, 'reject when its signal aborted')
  assert.ok(error === reason, `it raised ${describeError(error)} instead of the signal's reason`)
  await becomes(() => Number(connection.closed), 1, 'a connection whose leg was aborted says closed')
}

async function turns(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const limits = { ...bench.limits, connectionsPerOrigin: 1 }
  const first = await bench.acquire(place, 'a key', { limits })
  const number = place.numberOf(await bench.fetchOn(first, place, { limits }))
  const controller = new AbortController()
  const reason = new Error('waited long enough')
  const given = bench.acquire(place, 'a key', { limits, signal: controller.signal })
  const waiting = bench.acquire(place, 'a key', { limits })
  waiting.catch(() => {})
  await new Promise((resolve) => void setTimeout(resolve, 20))
  controller.abort(reason)
  const error = await rejectionOf(given, 'stop waiting when its signal aborted')
  assert.ok(error === reason, `it raised ${describeError(error)} instead of the signal's reason`)
  first.release()
  const second = await within(waiting, 'give a released connection to who waits for it')
  assert.equal(place.numberOf(await bench.fetchOn(second, place, { limits })), number, 'it went past its limit')
}

async function letGoTwice(bench: AdapterBench): Promise<void> {
  const place = await bench.find('connection')
  const [first, second] = [await bench.acquire(place, 'a key'), await bench.acquire(place, 'a key')]
  await bench.fetchOn(first, place)
  first.release()
  first.release()
  const [next, other] = [await bench.acquire(place, 'a key'), await bench.acquire(place, 'a key')]
  assert.notEqual(next, other, 'what was released twice was given to two at a time')
  second.destroy()
  second.destroy(new Error('again'))
  assert.equal((await bench.fetch(place)).statusCode, 200, 'after all that the adapter is of no use')
}
