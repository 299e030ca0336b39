import { describe, expect, expectTypeOf, it } from 'vitest'
import { codes, type StatusName } from '../../src/message/status-codes.ts'

describe('codes', () => {
  it.each([
    ['ok', 200],
    ['OK', 200],
    ['all_good', 200],
    ['\\o/', 200],
    ['✓', 200],
    ['\\o-', 301],
    ['not_found', 404],
    ['NOT_FOUND', 404],
    ['-o-', 404],
    ['-O-', 404],
    ['teapot', 418],
    ['IM_A_TEAPOT', 418],
    ['too_early', 425],
    ['UNORDERED_COLLECTION', 425],
    ['/o\\', 500],
    ['✗', 500],
  ] as const)('names %s %i', (name, code) => {
    expect(codes[name]).toBe(code)
  })

  it('gives a shared name to the later status, as Requests does', () => {
    expect([codes.uri_too_long, codes.precondition, codes['early-hints']]).toEqual([414, 428, 102])
  })

  it('has the 243 names of Requests', () => {
    expect(Object.keys(codes)).toHaveLength(243)
  })

  it('is frozen and inherits nothing', () => {
    expect(Object.isFrozen(codes)).toBe(true)
    expect(Object.getPrototypeOf(codes)).toBeNull()
    expect((codes as Record<string, number>)['toString']).toBeUndefined()
  })

  it('has types for its names and for no other', () => {
    expectTypeOf(codes.not_found).toEqualTypeOf<number>()
    expectTypeOf<'NOT_FOUND'>().toExtend<StatusName>()
    expectTypeOf<'nope'>().not.toExtend<StatusName>()
    // @ts-expect-error an unknown name
    expect(codes.nope).toBeUndefined()
  })
})
