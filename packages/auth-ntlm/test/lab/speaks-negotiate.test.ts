import { describe, expect, it } from 'vitest'
import { parseReply } from '../../src/spnego/tokens.ts'
import { FixedFormAuth } from '../support/fixed-form-auth.ts'
import { lab, labSession, useLab } from '../support/lab.ts'

useLab({ apache: true, epa: true })

const servers: readonly [name: string, url: () => string][] = [
  ['Apache', () => `${lab.apache.url}/nego/echo`],
  ['the acceptor', () => `${lab.epa.url}/allow/x`],
]

describe.each(servers)('%s', (_name, url) => {
  it('takes NTLM as it is under the name Negotiate', async () => {
    const auth = new FixedFormAuth({ scheme: 'Negotiate', isWrapped: false })
    const response = await labSession({ auth }).get(url())
    expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('alice')])
  })

  it('takes NTLM inside of SPNEGO, and both sides sign what they negotiated', async () => {
    const auth = new FixedFormAuth({ scheme: 'Negotiate', isWrapped: true })
    const response = await labSession({ auth }).get(url())
    expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('alice')])
    const reply = parseReply(Buffer.from(auth.lastToken ?? '', 'base64'))
    expect(reply.state).toBe('accept-completed')
    expect(reply.mechListMic).toHaveLength(16)
  })

  it('refuses a message whose MIC is wrong', async () => {
    const auth = new FixedFormAuth({ scheme: 'NTLM', isWrapped: false }, {}, (value) => flipBit(value, 72))
    expect((await labSession({ auth }).get(url())).statusCode).toBe(401)
  })
})

it('Apache refuses NTLM inside of SPNEGO if the signature is wrong', async () => {
  const auth = new FixedFormAuth({ scheme: 'Negotiate', isWrapped: true }, {}, flipLastBit)
  expect((await labSession({ auth }).get(`${lab.apache.url}/nego/echo`)).statusCode).toBe(401)
})

function flipLastBit(value: string): string {
  const length = Buffer.from(value.split(' ')[1] ?? '', 'base64').length
  return flipBit(value, length - 5)
}

function flipBit(value: string, at: number): string {
  const [scheme = '', token = ''] = value.split(' ')
  const bytes = Buffer.from(token, 'base64')
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  return `${scheme} ${bytes.toString('base64')}`
}
