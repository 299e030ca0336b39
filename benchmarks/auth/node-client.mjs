// One client of the benchmark, in a process of its own: takes a task as JSON, prints what came of it.
import { Agent } from 'node:http'

const opened = {
  'entreat-ntlm': async ({ username, password, url }) => {
    const { NTLMAuth } = await import('@entreat/auth-ntlm')
    return openSession(new NTLMAuth({ username, password, origins: [new URL(url).origin] }))
  },
  'entreat-kerberos': openKerberos,
  'entreat-kerberos-preemptive': (task) => openKerberos(task, { preemptive: true }),
  httpntlm: (task) => openHttpntlm(task, {}),
  'httpntlm-agent': (task) => openHttpntlm(task, { agent: new Agent({ keepAlive: true }) }),
}

async function openKerberos({ url }, options = {}) {
  const { KerberosAuth } = await import('@entreat/auth-kerberos')
  return openSession(new KerberosAuth({ origins: [new URL(url).origin], ...options }))
}

async function openSession(auth) {
  const { Session } = await import('@entreat/core')
  const session = new Session({ auth, trustEnv: false })
  return {
    get: async (url) => (await session.get(url)).statusCode,
    warmUp: async (url) => (await session.get(url, { auth: null })).statusCode,
    close: () => session.close(),
  }
}

async function openHttpntlm({ username, password }, options) {
  const { default: httpntlm } = await import('httpntlm')
  const { get } = await import('node:http')
  const [domain, user] = username.split('\\')
  return {
    get: (url) =>
      new Promise((resolve, reject) => {
        httpntlm.get({ url, username: user, password, domain, ...options }, (error, response) => {
          if (error) reject(error)
          else resolve(response.statusCode)
        })
      }),
    warmUp: (url) =>
      new Promise((resolve, reject) => {
        get(url, (response) => response.resume().on('end', () => resolve(response.statusCode))).on('error', reject)
      }),
    close: async () => options.agent?.destroy(),
  }
}

async function main(task) {
  const client = await opened[task.client](task)
  for (let sent = 0; sent < 100; sent += 1) await client.warmUp(task.warmUpUrl)
  const causes = {}
  let accepted = 0
  let left = task.count
  const worker = async () => {
    while (left-- > 0) {
      const status = await client.get(task.url).catch((error) => error.name ?? String(error))
      if (status === 200) accepted += 1
      else causes[status] = (causes[status] ?? 0) + 1
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: task.workers }, worker))
  const { user, system } = process.cpuUsage(before)
  await client.close()
  console.log(JSON.stringify({ accepted, causes, cpuMicros: user + system }))
}

await main(JSON.parse(process.argv[2]))
