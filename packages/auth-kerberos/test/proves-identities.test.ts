import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { labUsers } from '../../../lab/kerberos-ntlm/start-lab.ts'
import { KerberosAuth, KerberosError, type KerberosOptions } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true })
const newSession = useSessions()

async function whoIs(options: KerberosOptions, path = '/krb/echo'): Promise<string> {
  const response = await newSession(new KerberosAuth(options)).get(lab().apache.url + path)
  return /user=(\S+)/.exec(response.text)?.[1] ?? `${response.statusCode}`
}

describe('credentials', () => {
  test('are those of the process unless told otherwise', async () => {
    expect(await whoIs({})).toBe('alice@TEST.LOCAL')
    process.env['KRB5CCNAME'] = lab().kdc.ccache('bob')
    expect(await whoIs({})).toBe('bob@TEST.LOCAL')
  })

  test('are read from a ccache, given as a name or as a path', async () => {
    const ccache = lab().kdc.ccache('bob')
    expect(await whoIs({ credentials: { ccache } })).toBe('bob@TEST.LOCAL')
    expect(await whoIs({ credentials: { ccache: ccache.replace('FILE:', '') } })).toBe('bob@TEST.LOCAL')
  })

  test('are got with a keytab', async () => {
    const keytab = lab().kdc.keytab('bob')
    expect(await whoIs({ credentials: { keytab } })).toBe('bob@TEST.LOCAL')
    expect(await whoIs({ credentials: { keytab }, principal: 'bob' })).toBe('bob@TEST.LOCAL')
  })

  test('are got with a password, without any ticket or file', async () => {
    Object.assign(process.env, lab().clientEnv())
    const { password } = labUsers.bob
    for (const principal of ['bob', 'bob@TEST.LOCAL']) {
      expect(await whoIs({ credentials: { password }, principal })).toBe('bob@TEST.LOCAL')
    }
  })

  test('of a password are kept: many requests ask the KDC once', async () => {
    const auth = new KerberosAuth({
      credentials: { password: labUsers.bob.password },
      principal: 'bob',
      preemptive: true,
    })
    const session = newSession(auth)
    const url = `${lab().apache.url}/krb/echo`
    expect((await session.get(url)).statusCode).toBe(200)
    process.env['KRB5_CONFIG'] = (await lab().startMuteKdc()).config
    const answers = await Promise.all(Array.from({ length: 20 }, () => session.get(url)))
    expect(answers.every(({ text }) => text.includes('user=bob@TEST.LOCAL'))).toBe(true)
  })

  test('of a ccache are read for each request: a new ticket has effect at once', async () => {
    const ccache = `FILE:${join(lab().folder, 'changing.ccache')}`
    const session = newSession(new KerberosAuth({ credentials: { ccache }, preemptive: true }))
    const url = `${lab().apache.url}/krb/echo`
    for (const user of ['alice', 'bob'] as const) {
      await lab().runClient('kinit', ['-k', '-t', lab().kdc.keytab(user), '-c', ccache, user])
      expect((await session.get(url)).text).toContain(`user=${user}@TEST.LOCAL`)
    }
  })

  test('of two users in one process never mix, whatever the order', async () => {
    const { alice, bob } = labUsers
    const sessions = [
      newSession(new KerberosAuth({ preemptive: true })),
      newSession(new KerberosAuth({ credentials: { ccache: lab().kdc.ccache('bob') } })),
      newSession(new KerberosAuth({ credentials: { keytab: lab().kdc.keytab('alice') } })),
      newSession(new KerberosAuth({ credentials: { password: bob.password }, principal: 'bob@TEST.LOCAL' })),
      newSession(new KerberosAuth({ credentials: { password: alice.password }, principal: 'alice@TEST.LOCAL' })),
    ]
    const wanted = ['alice', 'bob', 'alice', 'bob', 'alice']
    const ask = async (turn: number): Promise<boolean> => {
      const session = sessions[turn % sessions.length] as (typeof sessions)[0]
      const { text } = await session.get(`${lab().apache.url}/krbconn/echo`)
      return text.includes(`user=${wanted[turn % wanted.length]}@TEST.LOCAL`)
    }
    const answers = await Promise.all(Array.from({ length: 200 }, (_, turn) => ask(turn)))
    expect(answers.filter((isRight) => !isRight)).toEqual([])
  })
})

describe('credentials that are no good', () => {
  const failing = async (options: KerberosOptions): Promise<KerberosError> => {
    const error = await failureOf(newSession(new KerberosAuth(options)).get(`${lab().apache.url}/krb/echo`))
    expect(error).toBeInstanceOf(KerberosError)
    return error as KerberosError
  }

  test('a wrong password is told from other failures, and shown nowhere', async () => {
    const error = await failing({ credentials: { password: 'not-her-password' }, principal: 'alice' })
    expect(error.reason).toBe('wrong-key')
    expect(error.message).toMatch(/HTTP@localhost: Decrypt integrity check failed .* Check the password/)
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('not-her-password')
  })

  test('a principal that the KDC does not know is named as such', async () => {
    const error = await failing({ credentials: { password: 'x' }, principal: 'nobody' })
    expect(error.reason).toBe('unknown-client')
  })

  test('no ticket: the error says to run kinit', async () => {
    Object.assign(process.env, lab().clientEnv())
    const error = await failing({})
    expect([error.reason, error.code, error.service]).toEqual(['no-credentials', 'ERR_KERBEROS', 'HTTP@localhost'])
    expect(error.message).toContain('`kinit`')
    expect(error.message).toMatch(
      /^GET http:\/\/localhost:\d+\/krb\/echo: no Kerberos token for HTTP@localhost: \w.* \(GSS major 0x70000/,
    )
  })

  test('a ccache or keytab that does not exist, or is of another principal', async () => {
    for (const credentials of [{ ccache: '/nonexistent' }, { keytab: '/nonexistent' }]) {
      expect((await failing({ credentials })).reason).toBe('no-credentials')
    }
    for (const credentials of [{ ccache: lab().kdc.ccache('bob') }, { keytab: lab().kdc.keytab('bob') }]) {
      const error = await failing({ credentials, principal: 'alice' })
      expect(error.message).toMatch(/does not match|No credentials cache|no suitable keys/i)
    }
  })

  test('an expired ticket says so', async () => {
    const path = join(lab().folder, 'expired.ccache')
    await lab().runClient('kinit', ['-k', '-t', lab().kdc.keytab('alice'), '-c', `FILE:${path}`, 'alice'])
    writeFileSync(path, withTimesPast(readFileSync(path)))
    expect((await failing({ credentials: { ccache: path } })).reason).toBe('expired')
  })

  test('no ticket, but gss-ntlmssp and its users: nobody is signed in by NTLM', async () => {
    Object.assign(process.env, lab().clientEnv(), { NTLM_USER_FILE: join(lab().folder, 'ntlm.users') })
    await lab().apache.log.clear()
    const wrong = { credentials: { password: 'not-his' }, principal: 'bob' }
    for (const options of [{}, { principal: 'bob' }, { credentials: { ccache: '/nonexistent' } }, wrong]) {
      const auth = new KerberosAuth({ preemptive: true, ...options })
      const error = await failureOf(newSession(auth).get(`${lab().apache.url}/nego/echo`))
      expect((error as KerberosError).reason).toMatch(/^(?:no-credentials|wrong-key)$/)
    }
    expect(await lab().apache.log.requests()).toEqual([])
    delete process.env['NTLM_USER_FILE']
  })

  test('a server that the KDC does not know is named, with what to do', async () => {
    const error = await failing({ hostname: 'elsewhere.test.local' })
    expect(error.reason).toBe('unknown-service')
    expect(error.message).toContain('HTTP/elsewhere.test.local')
  })
})

/** Moves the times of a ccache's tickets back by two days: they are words of 32 bits that are about now. */
function withTimesPast(ccache: Buffer): Buffer {
  const now = Math.floor(Date.now() / 1000)
  for (let at = 0; at + 4 <= ccache.length; at++) {
    const word = ccache.readUInt32BE(at)
    if (Math.abs(word - now) < 86_400 * 7) at += ccache.writeUInt32BE(word - 2 * 86_400, at) - at - 1
  }
  return ccache
}

describe('delegation', () => {
  test('is off unless asked for', async () => {
    await lab().apache.forgetDelegated()
    expect(await whoIs({}, '/deleg/echo')).toBe('alice@TEST.LOCAL')
    expect(lab().apache.delegatedCcache('alice')).toBeNull()
  })

  test('hands the ticket on: the server writes a ccache', async () => {
    await lab().apache.forgetDelegated()
    expect(await whoIs({ delegate: true }, '/deleg/echo')).toBe('alice@TEST.LOCAL')
    const ccache = lab().apache.delegatedCcache('alice') ?? ''
    expect(existsSync(ccache.replace('FILE:', ''))).toBe(true)
    expect(await lab().runClient('klist', ['-c', ccache])).toContain('Default principal: alice@TEST.LOCAL')
  })

  test('of a ticket that is not forwardable fails before anything is sent with it', async () => {
    const ccache = `FILE:${join(lab().folder, 'fixed.ccache')}`
    await lab().runClient('kinit', ['-k', '-t', lab().kdc.keytab('alice'), '-c', ccache, '-F', 'alice'])
    const auth = new KerberosAuth({ credentials: { ccache }, delegate: true })
    const error = await failureOf(newSession(auth).get(`${lab().apache.url}/deleg/echo`))
    expect((error as KerberosError).reason).toBe('not-delegated')
  })

  test('is refused in plain text, before anything is sent', async () => {
    const auth = new KerberosAuth({ delegate: true, origins: ['http://web.test.local'] })
    const error = await failureOf(newSession(auth).get('http://web.test.local/'))
    expect((error as Error).message).toContain('does not delegate to http://web.test.local in plain text')
  })
})
