// The tour: every file of steps/ in turn, against a server inside this process.
import { readdirSync } from 'node:fs'
import { TestServer } from '@entreat/testkit'
import { runSteps } from './run-steps.mjs'
import { createTheme, wantsColor } from './theme.mjs'

// The tour is the same on every machine: no proxy, CA bundle or netrc of its owner.
for (const name of Object.keys(process.env)) {
  if (/_proxy$|_ca_bundle$|^netrc$/i.test(name)) delete process.env[name]
}
process.env.NETRC = new URL('no-netrc', import.meta.url).pathname

const folder = new URL('steps/', import.meta.url)
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.mjs'))
  .toSorted()
const steps = await Promise.all(files.map((name) => import(new URL(name, folder).href)))

const server = await TestServer.start()
const theme = createTheme(wantsColor(process.stdout, process.env))
const write = (text) => void process.stdout.write(`${text}\n`)

const failed = await runSteps(steps, { server, theme, write })
await server.close()
if (failed.length > 0) process.exitCode = 1
// A step that hangs must not keep the tour from ending.
setTimeout(() => process.exit(), 1000).unref()
