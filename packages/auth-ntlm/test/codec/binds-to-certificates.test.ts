import { serverEndPoint } from '@entreat/core'
import { testCertificates } from '@entreat/testkit'
import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { bindingsOf, channelBindings } from '../../src/channel-bindings.ts'

it('makes of a hash what other implementations make of it', () => {
  const hash = Buffer.from('ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95', 'hex')
  const data = Buffer.concat([Buffer.from('tls-server-end-point:'), hash])
  expect(bindingsOf(data).toString('hex')).toBe('6586e99d81c2fc984e47172fd4dd0310')
})

it('follows the certificate', () => {
  const certificate = new X509Certificate(testCertificates().server.cert).raw
  expect(channelBindings(certificate)).toEqual(bindingsOf(serverEndPoint(certificate) as Uint8Array))
})

it('has none for what is no certificate', () => {
  expect(channelBindings(Buffer.from('no certificate'))).toBeNull()
})
