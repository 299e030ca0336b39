// Translates a scenario of the corpus (SCHEMA.md) into calls on a Session, and what comes back into neutral results.
// It contains no behaviour of its own: where entreat differs from Requests, it shows here.
import { Request } from '@entreat/core'
import { runOps } from './driver/ops.mjs'
import { fromError, fromPrepared, fromResponse, fromJar } from './driver/results.mjs'
import { applyBefore, openSession, toRequestOptions } from './driver/session.mjs'
import { toValue } from './driver/values.mjs'

// Requests decodes a URL given as bytes; a Node program does so before it calls.
function toUrl(url) {
  const plain = toValue(url)
  return plain instanceof Uint8Array ? Buffer.from(plain).toString('utf8') : plain
}

function send(session, call, options) {
  if (call.helper) return session[call.method.toLowerCase()](toUrl(call.url), options)
  return session.request(call.method, toUrl(call.url), options)
}

async function runOne(session, call, shared) {
  for (const op of call.before ?? []) await applyBefore(session, op)
  const options = toRequestOptions(call, shared)
  if (call.mode === 'prepare') {
    const prepared = await session.prepareRequest(new Request(call.method, toUrl(call.url), options))
    return { prepared: await fromPrepared(prepared) }
  }
  const response = await send(session, call, options)
  const streamed = call.stream ?? session.stream
  const result = await fromResponse(response, { streamed })
  // oxlint-disable-next-line unicorn/no-thenable -- the corpus's name for a list of outcomes, not a method
  if (call.then) result.then = await runOps(response, call.then, { streamed })
  if (streamed && !call.leaveOpen) await response.close()
  return result
}

/** The judge's entry: one scenario. */
export async function runCall({ session: settings, calls, signal }) {
  const shared = { handlers: new Map(), hookCalls: [] }
  let session = openSession(settings, shared)
  signal.addEventListener('abort', () => void session.close(), { once: true })
  const results = []
  for (const call of calls) {
    if (call.newSession) {
      await session.close()
      session = openSession(settings, shared)
    }
    results.push(await runOne(session, call, shared).catch((error) => ({ error: fromError(error) })))
  }
  const outcome = { cookies: fromJar(session.cookies) }
  if (settings.hooks || calls.some((call) => call.hooks)) outcome.hookCalls = shared.hookCalls
  await session.close()
  return { results, session: outcome }
}
