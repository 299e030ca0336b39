import koffi from 'koffi'
import { describe, expect, test } from 'vitest'
import { bindFunctions } from '../src/provider/gss-functions.ts'
import { useLab } from './support/use-lab.ts'

// sizeof() of gssapi.h, compiled for each: Linux and macOS on ARM align to the pointer, macOS on Intel to two bytes.
describe('the structures of gssapi.h', () => {
  useLab({ kdc: true })

  test.each([false, true])('have the sizes that C gives them, packed: %s', (packed) => {
    const library = koffi.load('libgssapi_krb5.so.2', { deep: true })
    expect(() => bindFunctions(koffi, library, packed)).not.toThrow()
  })

  test('are refused if koffi lays them out otherwise', () => {
    const library = koffi.load('libgssapi_krb5.so.2', { deep: true })
    const wrong: typeof koffi = { ...koffi, struct: koffi.pack }
    expect(() => bindFunctions(wrong, library, false)).toThrow(/lays out the structure oid of GSSAPI in 12 bytes/)
  })
})
