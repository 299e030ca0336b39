import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import type { LabFolder } from '../processes/lab-folder.ts'

/** What opens the encrypted keys. */
export const passphrase = 's3cret'

/** What is wrong, or special, about a server's certificate. */
export type ServerCertificate =
  /** For localhost, 127.0.0.1 and ::1. */
  | 'valid'
  /** For wrong.test and what is below wild.test. */
  | 'wrongHost'
  /** For localhost, by its common name alone. */
  | 'commonName'
  /** For the name localhost, no address. */
  | 'nameOnly'
  /** For 127.0.0.1, no name. */
  | 'addressOnly'
  | 'expired'
  | 'notYetValid'
  | 'selfSigned'
  /** Signed by an intermediate authority, which comes with it. */
  | 'chained'
  /** The same, without the intermediate authority. */
  | 'incomplete'

/** Paths of PEM files. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** Everything that OpenSSL made for one lab. */
export interface NetworkCertificates {
  /** The authority to trust. */
  readonly ca: string
  /** An authority that nobody trusts. */
  readonly otherCa: string
  /** The intermediate authority, signed by `ca`. */
  readonly intermediate: string
  /** A folder as `c_rehash` makes it: `ca` under the hash of its name, `otherCa` without one, and a link to nowhere. */
  readonly hashedFolder: string
  readonly servers: Readonly<Record<ServerCertificate, KeyPair>>
  /** A client certificate of `CN=alice`, in every shape. */
  readonly client: KeyPair & {
    readonly combined: string
    /** PKCS #8, AES-256. */
    readonly encryptedKey: string
    /** The older form, whose encryption is told in PEM headers. */
    readonly encryptedKeyLegacy: string
    readonly encryptedCombined: string
    readonly pfx: string
  }
  /** A second client of the same authority: `CN=bob`. */
  readonly secondClient: KeyPair
  /** A client certificate that `otherCa` signed: `CN=mallory`. */
  readonly strangeClient: KeyPair
}

const LOOPBACK = 'DNS:localhost,IP:127.0.0.1,IP:::1'
const SERVER = 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n'
const CLIENT = 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n'

/** Makes the authorities, server and client certificates of one lab. */
export async function makeNetworkCertificates(folder: LabFolder): Promise<NetworkCertificates> {
  const issuer = new Issuer(folder, folder.makeFolder('tls'))
  await Promise.all([issuer.authority('ca'), issuer.authority('otherCa')])
  await issuer.intermediate()
  const named = (names: string): string => `${SERVER}subjectAltName=${names}\n`
  const [valid, wrongHost, commonName, nameOnly, addressOnly, expired, notYetValid, chained, alice, bob, mallory] =
    await Promise.all([
      issuer.leaf('valid', '/CN=localhost', named(LOOPBACK)),
      issuer.leaf('wrongHost', '/CN=wrong.test', named('DNS:wrong.test,DNS:*.wild.test')),
      issuer.leaf('commonName', '/CN=localhost', SERVER),
      issuer.leaf('nameOnly', '/CN=localhost', named('DNS:localhost')),
      issuer.leaf('addressOnly', '/CN=127.0.0.1', named('IP:127.0.0.1')),
      issuer.datedLeaf('expired', named(LOOPBACK), ['20200101000000Z', '20200102000000Z']),
      issuer.datedLeaf('notYetValid', named(LOOPBACK), ['20400101000000Z', '20410102000000Z']),
      issuer.leaf('chained', '/CN=localhost', named(LOOPBACK), 'intermediate'),
      issuer.leaf('client', '/CN=alice', CLIENT),
      issuer.leaf('second', '/CN=bob', CLIENT),
      issuer.leaf('strange', '/CN=mallory', CLIENT, 'otherCa'),
    ])
  const chain = await issuer.joined('chain', chained.cert, issuer.file('intermediate.pem'))
  const servers = {
    valid,
    wrongHost,
    commonName,
    nameOnly,
    addressOnly,
    expired,
    notYetValid,
    selfSigned: await issuer.selfSigned('selfSigned'),
    chained: { cert: chain, key: chained.key },
    incomplete: chained,
  }
  return {
    ca: issuer.file('ca.pem'),
    otherCa: issuer.file('otherCa.pem'),
    intermediate: issuer.file('intermediate.pem'),
    hashedFolder: await issuer.hashedFolder(),
    servers,
    client: { ...alice, ...(await issuer.shapes(alice)) },
    secondClient: bob,
    strangeClient: mallory,
  }
}

const NEW_KEY = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** OpenSSL's command line in one folder. */
class Issuer {
  readonly #folder: LabFolder
  readonly #home: string

  constructor(folder: LabFolder, home: string) {
    this.#folder = folder
    this.#home = home
  }

  file(name: string): string {
    return `${this.#home}/${name}`
  }

  #pair(name: string): KeyPair {
    return { cert: this.file(`${name}.pem`), key: this.file(`${name}.key`) }
  }

  #openssl(...args: string[]): Promise<string> {
    return this.#folder.run('openssl', args)
  }

  async authority(name: string): Promise<void> {
    const { cert, key } = this.#pair(name)
    const usage = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    const subject = ['-subj', `/CN=network lab ${name}`, '-days', '3650']
    await this.#openssl('req', '-x509', ...NEW_KEY, ...subject, ...usage, '-keyout', key, '-out', cert)
  }

  async intermediate(): Promise<void> {
    const extensions = 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n'
    await this.leaf('intermediate', '/CN=network lab intermediate', extensions)
  }

  async leaf(name: string, subject: string, extensions: string, issuer = 'ca'): Promise<KeyPair> {
    const pair = await this.#request(name, subject)
    writeFileSync(this.file(`${name}.ext`), extensions)
    const by = ['-CA', this.file(`${issuer}.pem`), '-CAkey', this.file(`${issuer}.key`), '-days', '3650']
    const serial = ['-set_serial', `0x${Buffer.from(name).toString('hex').slice(0, 30)}`]
    const asked = ['-in', this.file(`${name}.csr`), '-extfile', this.file(`${name}.ext`), '-out', pair.cert]
    await this.#openssl('x509', '-req', ...by, ...serial, ...asked)
    return pair
  }

  /** `openssl x509` of Debian 12 takes no start date; `openssl ca` does, with a database of its own. */
  async datedLeaf(name: string, extensions: string, [from, to]: readonly [string, string]): Promise<KeyPair> {
    const pair = await this.#request(name, '/CN=localhost')
    const home = this.file(`${name}-ca`)
    mkdirSync(home)
    writeFileSync(`${home}/index`, '')
    writeFileSync(`${home}/serial`, '1000')
    const paths = `database=${home}/index\nserial=${home}/serial\nnew_certs_dir=${home}\n`
    const rules = 'default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n'
    writeFileSync(`${home}/ca.cnf`, `[ca]\ndefault_ca=d\n[d]\n${paths}${rules}[x]\n${extensions}`)
    const by = ['-config', `${home}/ca.cnf`, '-cert', this.file('ca.pem'), '-keyfile', this.file('ca.key')]
    const dates = ['-startdate', from, '-enddate', to]
    await this.#openssl('ca', '-batch', ...by, ...dates, '-in', this.file(`${name}.csr`), '-out', pair.cert, '-notext')
    return pair
  }

  async selfSigned(name: string): Promise<KeyPair> {
    const { cert, key } = this.#pair(name)
    const subject = ['-subj', '/CN=localhost', '-days', '3650', '-addext', `subjectAltName=${LOOPBACK}`]
    await this.#openssl('req', '-x509', ...NEW_KEY, ...subject, '-keyout', key, '-out', cert)
    chmodSync(key, 0o644)
    return { cert, key }
  }

  async #request(name: string, subject: string): Promise<KeyPair> {
    const pair = this.#pair(name)
    await this.#openssl('req', ...NEW_KEY, '-subj', subject, '-keyout', pair.key, '-out', this.file(`${name}.csr`))
    chmodSync(pair.key, 0o644) // servers read it as users of their own
    return pair
  }

  async joined(name: string, ...parts: string[]): Promise<string> {
    const path = this.file(`${name}.pem`)
    writeFileSync(path, await this.#folder.run('cat', parts))
    return path
  }

  async shapes({ cert, key }: KeyPair): Promise<Omit<NetworkCertificates['client'], keyof KeyPair>> {
    const [encryptedKey, encryptedKeyLegacy, pfx] = ['enc.key', 'enc-legacy.key', 'client.p12'].map((name) =>
      this.file(name),
    ) as [string, string, string]
    const out = ['-passout', `pass:${passphrase}`]
    await Promise.all([
      this.#openssl('pkcs8', '-topk8', '-in', key, '-v2', 'aes-256-cbc', '-out', encryptedKey, ...out),
      this.#openssl('ec', '-in', key, '-aes256', '-out', encryptedKeyLegacy, ...out),
      this.#openssl('pkcs12', '-export', '-in', cert, '-inkey', key, '-out', pfx, ...out),
    ])
    const combined = await this.joined('combined', cert, key)
    return {
      combined,
      encryptedKey,
      encryptedKeyLegacy,
      encryptedCombined: await this.joined('enc', cert, encryptedKey),
      pfx,
    }
  }

  async hashedFolder(): Promise<string> {
    const home = this.file('hashed')
    mkdirSync(home)
    const hash = (await this.#openssl('x509', '-noout', '-hash', '-in', this.file('ca.pem'))).trim()
    await this.#folder.run('cp', [this.file('ca.pem'), this.file('otherCa.pem'), home])
    await this.#folder.run('ln', ['-s', 'ca.pem', `${home}/${hash}.0`])
    await this.#folder.run('ln', ['-s', 'removed.pem', `${home}/00000000.0`])
    return home
  }
}
