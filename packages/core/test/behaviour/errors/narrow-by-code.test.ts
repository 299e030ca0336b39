import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type CodedError,
  ConnectionError,
  type ErrorCode,
  type ErrorCodes,
  hasCode,
  HTTPError,
  type InvalidURL,
  JSONDecodeError,
  ReadTimeout,
  type RequestException,
  Timeout,
} from '@entreat/core'

describe('hasCode', () => {
  it('holds of an error with one of the codes, and of nothing else', () => {
    const error = new ReadTimeout('too slow')
    expect(hasCode(error, 'ERR_READ_TIMEOUT')).toBe(true)
    expect(hasCode(error, 'ERR_HTTP_STATUS', 'ERR_READ_TIMEOUT')).toBe(true)
    expect(hasCode(error, 'ERR_TIMEOUT')).toBe(false)
    expect(hasCode(error)).toBe(false)
    for (const other of [null, undefined, 'ERR_READ_TIMEOUT', { code: 'ERR_READ_TIMEOUT' }, new Error('x')]) {
      expect(hasCode(other, 'ERR_READ_TIMEOUT')).toBe(false)
    }
  })

  it('holds of a code that is not the class\u2019s own', () => {
    expect(hasCode(new ConnectionError('closed', { code: 'ERR_CLOSED' }), 'ERR_CLOSED')).toBe(true)
  })

  it('tells the class of each case of a switch', () => {
    const describeError = (error: unknown): string => {
      if (!hasCode(error, 'ERR_HTTP_STATUS', 'ERR_JSON_DECODE', 'ERR_CLOSED')) return 'other'
      switch (error.code) {
        case 'ERR_HTTP_STATUS':
          expectTypeOf(error).toExtend<HTTPError>()
          return 'status'
        case 'ERR_JSON_DECODE':
          expectTypeOf(error.doc).toEqualTypeOf<string>()
          return error.doc
        case 'ERR_CLOSED':
          expectTypeOf(error).toExtend<ConnectionError>()
          return 'closed'
      }
    }
    expect(describeError(new JSONDecodeError('no JSON', '<html>'))).toBe('<html>')
    expect(describeError(new HTTPError('404'))).toBe('status')
    expect(describeError(new Timeout('x'))).toBe('other')
  })
})

it('a class with one code says which', () => {
  expectTypeOf<ReadTimeout['code']>().toEqualTypeOf<'ERR_READ_TIMEOUT'>()
  expectTypeOf<CodedError<'ERR_HTTP_STATUS'>>().toExtend<HTTPError>()
  // A scheme or an adapter may have codes of its own.
  expectTypeOf<string>().toExtend<RequestException['code']>()
  // @ts-expect-error a code that does not exist
  expect(hasCode(null, 'ERR_RAED_TIMEOUT')).toBe(false)
})

it('classes that look alike stay apart', () => {
  const kind = (error: ReadTimeout | HTTPError): string => {
    if (error instanceof ReadTimeout) return 'timeout'
    expectTypeOf(error).toEqualTypeOf<HTTPError>()
    return 'status'
  }
  expect(kind(new HTTPError('x'))).toBe('status')
})

it('every code is the one of its class', () => {
  expectTypeOf<ErrorCodes[ErrorCode]>().toExtend<RequestException>()
  expectTypeOf<ErrorCodes['ERR_INVALID_URL']>().toEqualTypeOf<InvalidURL>()
})
