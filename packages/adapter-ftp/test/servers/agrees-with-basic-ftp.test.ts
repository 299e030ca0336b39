import { Readable, Writable } from 'node:stream'
import { Client } from 'basic-ftp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FTPSession, ftpSession } from '@entreat/adapter-ftp'
import { seededBytes, testCertificates } from '@entreat/testkit'
import { credentials, Lab, type Proftpd, missing } from '../support/lab.ts'

const [user, password] = credentials
let lab: Lab
let server: Proftpd
let session: FTPSession
let client: Client

beforeAll(async () => {
  if (missing !== null) return
  lab = new Lab()
  server = await lab.proftpd()
  const ca = testCertificates().ca
  session = ftpSession({ auth: credentials, trustEnv: false, verify: ca, ftp: { explicitTls: true } })
  client = new Client()
  const secureOptions = { ca, host: 'localhost', servername: 'localhost' }
  await client.access({ host: 'localhost', port: server.port, user, password, secure: true, secureOptions })
})
afterAll(async () => {
  client?.close()
  await session?.close()
  await lab?.close()
})
beforeEach((context) => {
  if (missing !== null) context.skip(missing)
})

test('what one writes the other reads, and both see the same directory', async () => {
  const url = `ftp://localhost:${server.port}`
  const bytes = Buffer.from(seededBytes(300_000, 2))
  await session.stor(`${url}/by us.bin`, bytes)
  await client.uploadFrom(Readable.from([bytes]), 'by them ü.bin')
  const pieces: Buffer[] = []
  const sink = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      pieces.push(piece)
      done()
    },
  })
  await client.downloadTo(sink, 'by us.bin')
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect((await session.get(`${url}/by them ü.bin`)).content.equals(bytes)).toBe(true)
  const ours = (await session.mlsd(`${url}/`)).map(({ name, size, modified }) => [name, size ?? 0, modified])
  const theirs = (await client.list()).map(({ name, isDirectory, size, modifiedAt }) => [
    name,
    isDirectory ? 0 : size,
    modifiedAt?.toISOString(),
  ])
  const byName = (entries: unknown[][]): unknown => Object.fromEntries(entries.map(([name, ...rest]) => [name, rest]))
  expect(byName(ours)).toEqual(byName(theirs))
})
