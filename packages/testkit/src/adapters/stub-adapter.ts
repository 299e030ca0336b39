import assert from 'node:assert/strict'
import {
  type Headers,
  type HeadersInit,
  type PreparedRequest,
  readOptions,
  redactUrl,
  RequestException,
  Response,
  type ResponseBody,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'
import { type InProcessExchange, InProcessExchanges } from './in-process-exchange.ts'
import { UnmatchedRequestError } from './unmatched-request-error.ts'

/** What a stub answers with: at most one of `json`, `text`, `body` and `error`. */
export interface StubReply {
  /** Default 200. */
  readonly statusCode?: number
  readonly reason?: string
  readonly headers?: HeadersInit
  /** Sent as JSON, with its Content-Type unless `headers` has one. */
  readonly json?: unknown
  /** Sent as UTF-8, with `text/plain` unless `headers` has a Content-Type. */
  readonly text?: string
  /** Sent as it is. */
  readonly body?: ResponseBody
  /** Thrown instead of an answer. An error that is not one of entreat's becomes the cause of a ConnectionError. */
  readonly error?: Error
}

/** A request as a stub received it. */
export interface StubbedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  /** The whole body; empty if there was none. */
  readonly body: Buffer
  /** What the adapter was told beside the request: the proxy of the hop, `verify`, timeouts. */
  readonly options: TransportOptions
  /** What a RegExp of the rule found in the URL. */
  readonly match: RegExpExecArray | null
}

/** An answer, or a function that makes it. A Response goes back as it is. */
export type StubAnswer = StubReply | ((request: StubbedRequest) => StubReply | Response | Promise<StubReply | Response>)

/**
 * Which URLs a rule is for.
 *
 * - text: the URL without its query, or with it if the text has one; `*` stands for any characters;
 * - a RegExp: anywhere in the URL;
 * - a function: whatever it says.
 */
export type StubUrl = string | RegExp | ((request: PreparedRequest) => boolean)

/** Options of one rule. */
export interface StubRuleOptions {
  /** How often it answers. Default: without end, or once for each answer of a list. */
  readonly times?: number
}

interface Rule {
  readonly method: string
  readonly url: StubUrl
  readonly answers: readonly StubAnswer[]
  readonly times: number
  used: number
}

const REPLY_KEYS: ReadonlySet<string> = new Set<keyof StubReply>([
  'statusCode',
  'reason',
  'headers',
  'json',
  'text',
  'body',
  'error',
])
const RULE_KEYS: ReadonlySet<string> = new Set<keyof StubRuleOptions>(['times'])

/**
 * Answers from rules, without a network. Rules are tried in the order they were given; one that is used up is passed over.
 *
 * It has nothing to do with proxies and certificates: a request that would take a proxy is answered all the same, and
 * `requests[0].options` says which.
 */
export class StubAdapter extends TransportAdapter {
  readonly #rules: Rule[] = []
  readonly #requests: StubbedRequest[] = []
  readonly #exchanges = new InProcessExchanges()

  /**
   * Adds a rule.
   *
   * @param method - any case, or `*`.
   * @param answer - an answer, or a list of them: one after the other.
   * @throws UsageError for an unknown key, or for times that are no positive number.
   */
  on(
    method: string,
    url: StubUrl,
    answer: StubAnswer | readonly StubAnswer[] = {},
    options: StubRuleOptions = {},
  ): this {
    const answers = Array.isArray(answer) ? (answer as readonly StubAnswer[]) : [answer as StubAnswer]
    for (const one of answers) if (typeof one !== 'function') readOptions(one, REPLY_KEYS, 'StubReply')
    const { times = Array.isArray(answer) ? answers.length : Infinity } = readOptions(
      options,
      RULE_KEYS,
      'StubAdapter.on()',
    )
    if (!(times > 0) || answers.length === 0)
      throw new UsageError('A stub rule needs an answer, and times of 1 or more')
    this.#rules.push({ method: method.toUpperCase(), url, answers, times, used: 0 })
    return this
  }

  /** What was received, in order of arrival, matched or not. */
  get requests(): readonly StubbedRequest[] {
    return this.#requests
  }

  /** Forgets rules and requests. */
  reset(): void {
    this.#rules.length = 0
    this.#requests.length = 0
  }

  /** @throws AssertionError naming each rule that was not used, or not as often as its `times` or list say. */
  assertAllUsed(): void {
    const left = this.#rules.filter((rule) => rule.used === 0 || (rule.times !== Infinity && rule.used < rule.times))
    const names = left.map((rule) => `${describeRule(rule)} (used ${rule.used} times)`)
    assert.equal(left.length, 0, `StubAdapter: rules that were not used up: ${names.join('; ')}`)
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const exchange = this.#exchanges.begin(request, options)
    try {
      const body = await exchange.wait(readBody(request))
      exchange.bytesSent = body.length
      const headers = request.headers.copy()
      const received = { method: request.method, url: request.url, headers, body, options }
      const [rule, match] = this.#find(request)
      this.#requests.push({ ...received, match })
      if (rule === null) throw new UnmatchedRequestError(request, this.#describeRules())
      const answer = rule.answers[Math.min(rule.used++, rule.answers.length - 1)] as StubAnswer
      const reply =
        typeof answer === 'function' ? await exchange.wait(Promise.resolve(answer({ ...received, match }))) : answer
      return respond(request, reply, exchange)
    } finally {
      exchange.end()
    }
  }

  #find(request: PreparedRequest): [Rule | null, RegExpExecArray | null] {
    for (const rule of this.#rules) {
      if (rule.used >= rule.times || (rule.method !== '*' && rule.method !== request.method)) continue
      const match = matchUrl(rule.url, request)
      if (match !== false) return [rule, match]
    }
    return [null, null]
  }

  #describeRules(): string {
    if (this.#rules.length === 0) return 'the StubAdapter has no rules: say .on(method, url, answer)'
    return `no rule of the StubAdapter is for it, or is left. There are: ${this.#rules.map(describeRule).join('; ')}`
  }

  close(): Promise<void> {
    this.#exchanges.endAll()
    return Promise.resolve()
  }
}

function describeRule(rule: Rule): string {
  const { url } = rule
  const shown = typeof url === 'string' ? redactUrl(url) : url instanceof RegExp ? String(url) : '(a function)'
  const left = rule.used >= rule.times ? ', used up' : ''
  return `${rule.method} ${shown}${left}`
}

function matchUrl(wanted: StubUrl, request: PreparedRequest): RegExpExecArray | null | false {
  if (typeof wanted === 'function') return wanted(request) ? null : false
  const [url = ''] = request.url.split('#')
  if (wanted instanceof RegExp) return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).exec(url) ?? false
  const seen = wanted.includes('?') ? url : (url.split('?')[0] as string)
  return fitsWildcards(wanted, seen) ? null : false
}

/** Whether text is made of the parts between the asterisks, in order; in linear time. */
function fitsWildcards(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] as string
  if (parts.length === 1) return pattern === text || `${pattern}/` === text
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  const last = parts.at(-1) as string
  return text.length - at >= last.length && text.endsWith(last)
}

/** The whole body of a request. */
export async function readBody(request: PreparedRequest): Promise<Buffer> {
  const opened = request.body?.open() ?? Buffer.alloc(0)
  if (opened instanceof Uint8Array) return Buffer.from(opened)
  const pieces: Uint8Array[] = []
  for await (const piece of opened) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Makes a response of what a stub says. */
export function respond(request: PreparedRequest, reply: StubReply | Response, exchange: InProcessExchange): Response {
  if (reply instanceof Response) return reply
  const {
    statusCode = 200,
    reason = '',
    headers = {},
    json,
    text,
    body,
    error,
  } = readOptions(reply, REPLY_KEYS, 'StubReply')
  if (error !== undefined) throw error instanceof RequestException ? error : exchange.error(error.message, error)
  const content = json !== undefined ? JSON.stringify(json) : (text ?? body ?? null)
  const response = new Response({ request, statusCode, reason, headers, body: content })
  const type = json !== undefined ? 'application/json' : text !== undefined ? 'text/plain; charset=utf-8' : null
  if (type !== null && !response.headers.has('content-type')) response.headers.set('Content-Type', type)
  return response
}
