import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import { InvalidJSONError, Request, Response, type StandardSchemaV1, UsageError } from '@entreat/core'

interface User {
  name: string
  age: number
  tags: string[]
}

const zod = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) })
const valibot = v.object({ name: v.string(), age: v.number(), tags: v.array(v.string()) })
const arktype = type({ name: 'string', age: 'number', tags: 'string[]' })

const request = await new Request('GET', 'http://example.com/').prepare()

async function answering(value: unknown): Promise<Response> {
  const response = new Response({ request, statusCode: 200, body: JSON.stringify(value) })
  await response.read()
  return response
}

function caught(work: () => unknown): InvalidJSONError {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidJSONError) return error
  }
  throw new Error('expected an InvalidJSONError')
}

const user: User = { name: 'Ada', age: 36, tags: ['a'] }

describe('json(schema)', () => {
  it('has the type that a schema of zod gives', async () => {
    const value = (await answering(user)).json(zod)
    expectTypeOf(value).toEqualTypeOf<User>()
    expect(value).toEqual(user)
  })

  it('has the type that a schema of valibot gives', async () => {
    const value = (await answering(user)).json(valibot)
    expectTypeOf(value).toEqualTypeOf<User>()
    expect(value).toEqual(user)
  })

  it('has the type that a schema of arktype gives', async () => {
    const value = (await answering(user)).json(arktype)
    expectTypeOf(value).toEqualTypeOf<User>()
    expect(value).toEqual(user)
  })

  it('has the type of what a schema makes of the value, not of what it takes', async () => {
    const value = (await answering({ at: '2026-01-02' })).json(
      z.object({ at: z.string().transform((at) => new Date(at)) }),
    )
    expectTypeOf(value).toEqualTypeOf<{ at: Date }>()
    expect(value.at.getUTCFullYear()).toBe(2026)
    const length = (await answering('four')).json(
      v.pipe(
        v.string(),
        v.transform((text) => text.length),
      ),
    )
    expectTypeOf(length).toEqualTypeOf<number>()
    expect(length).toBe(4)
  })

  it.each<[library: string, schema: StandardSchemaV1]>([
    ['zod', zod],
    ['valibot', valibot],
    ['arktype', arktype],
  ])('says where a value does not fit a schema of %s', async (_library, schema) => {
    const response = await answering({ name: 'Ada', age: 'old', tags: [1] })
    const error = caught(() => response.json(schema))
    expect(error.message).toMatch(/^The body of GET http:\/\/example\.com\/ \(200\) does not fit the schema: /)
    expect(error.message).toContain('age')
    expect(error.message).toMatch(/tags[.[]0/)
    expect(error.issues?.map(({ path }) => path?.length)).toEqual([1, 2])
    expect([error.code, error.response]).toEqual(['ERR_INVALID_JSON', response])
  })

  it('names five issues and counts the rest', async () => {
    const fields = Object.fromEntries(Array.from('abcdefgh', (name) => [name, z.string()]))
    const response = await answering({})
    const error = caught(() => response.json(z.object(fields)))
    expect(error).toBeInstanceOf(InvalidJSONError)
    expect(error.message).toMatch(/; and 3 more$/)
    expect(error.issues?.length).toBe(8)
  })

  it('refuses a schema that validates later', async () => {
    const later = z.string().refine(() => Promise.resolve(true))
    const response = await answering('x')
    expect(() => response.json(later)).toThrow(UsageError)
  })
})

it('json() alone is unknown, or what the caller says', async () => {
  const response = await answering(user)
  expectTypeOf(response.json()).toEqualTypeOf<unknown>()
  expectTypeOf(response.json<User>()).toEqualTypeOf<User>()
  expect(response.json<User>().name).toBe('Ada')
})
