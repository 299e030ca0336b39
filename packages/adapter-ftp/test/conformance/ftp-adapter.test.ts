import { afterEach, afterAll, beforeAll, describe, test } from 'vitest'
import { FTPAdapter } from '@entreat/adapter-ftp'
import { adapterSuite, TestProxy } from '@entreat/testkit'
import { FTPTarget } from '../support/ftp-target.ts'

let proxy: TestProxy
const targets: FTPTarget[] = []

beforeAll(async () => {
  proxy = await TestProxy.start()
})
afterEach(async () => {
  for (const target of targets.splice(0)) await target.close()
})
afterAll(() => proxy.close())

async function open(secure: boolean): Promise<FTPTarget> {
  const target = await FTPTarget.open(proxy, secure)
  targets.push(target)
  return target
}

// FTP has no HTTP, and no connections that HTTP's schemes could bind to. That client certificates are presented is shown on ProFTPD.
const capabilities = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  connectTimeout: true,
  readTimeout: true,
  poolTimeout: true,
  tls: true,
  proxies: true,
}

adapterSuite({
  name: 'FTPAdapter over plain FTP',
  create: () => new FTPAdapter(),
  capabilities: { ...capabilities, clientCertificates: true },
  runner: { describe, test },
  target: () => open(false),
})

adapterSuite({
  name: 'FTPAdapter over implicit TLS',
  create: () => new FTPAdapter(),
  capabilities: { ...capabilities, clientCertificates: true },
  runner: { describe, test },
  target: () => open(true),
})
