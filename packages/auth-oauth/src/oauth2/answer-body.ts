import type { Response } from '@entreat/core'
import type { AnswerBody } from './simple-oauth2.ts'

/** More than any endpoint has to say, in bytes. */
export const MOST_ANSWER_BYTES: number = 1024 * 1024

/**
 * Reads a body by its content type, then by its shape: JSON, or a form, which some servers send as `text/plain`.
 *
 * @returns an object without prototype, or `null` for what is neither, such as a proxy's HTML page.
 */
export function readAnswerBody(response: Response): AnswerBody | null {
  const text = response.text.trim()
  const type = (response.headers.get('content-type') ?? '').toLowerCase()
  if (text.startsWith('{')) return parseObject(text)
  if (/^application\/(?:[\w.-]+\+)?json/.test(type) || text === '' || text.startsWith('<')) return null
  const isForm = type.startsWith('application/x-www-form-urlencoded') || /^[\w.-]+=/.test(text)
  return isForm ? fromEntries(new URLSearchParams(text)) : null
}

function parseObject(text: string): AnswerBody | null {
  try {
    return fromEntries(Object.entries(JSON.parse(text) as object))
  } catch {
    return null
  }
}

/** Of a repeated name the first counts: a second value must not overrule it. */
function fromEntries(entries: Iterable<readonly [string, unknown]>): AnswerBody {
  const body = Object.create(null) as AnswerBody
  for (const [name, value] of entries) if (name !== '__proto__' && !Object.hasOwn(body, name)) body[name] = value
  return body
}

/** A member that is text and not empty. */
export function textMember(body: AnswerBody | null, name: string): string | undefined {
  const value = body?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
