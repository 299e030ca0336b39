// Imports programs one after the other, and prints as JSON what each has printed, and how it failed.
import { pathToFileURL } from 'node:url'
import { format, inspect } from 'node:util'

const outcomes = []
for (const file of process.argv.slice(2)) {
  const lines = []
  let error = null
  console.log = (...values) => {
    lines.push(format(...values))
  }
  try {
    await import(pathToFileURL(file).href)
  } catch (thrown) {
    error = inspect(thrown)
  }
  outcomes.push({ output: lines.join('\n'), error })
}
// Connections may be open: no program has to end its client.
process.stdout.write(JSON.stringify(outcomes), () => process.exit(0))
