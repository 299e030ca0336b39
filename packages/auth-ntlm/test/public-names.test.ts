import { expect, it } from 'vitest'
import * as ntlm from '../src/index.ts'

it('the package has one public name beside its types', () => {
  expect(Object.keys(ntlm)).toEqual(['NTLMAuth'])
})
