// The tour: every file of steps/ in turn, against a server inside this process.
import { runTour } from './run-tour.mjs'

// It is the same on every machine: no proxy, CA bundle or netrc of its owner.
for (const name of Object.keys(process.env)) {
  if (/_proxy$|_ca_bundle$/i.test(name)) delete process.env[name]
}
process.env.NETRC = 'none'

process.exitCode = await runTour(new URL('steps/', import.meta.url), process.stdout)
// A step that hangs must not keep the tour from ending.
setTimeout(() => process.exit(), 1000).unref()
