// Imports code blocks one after the other and tells the parent process how each ended.
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file).href)
    process.send({ file, error: null })
  } catch (error) {
    process.send({ file, error: inspect(error) })
  }
}
// A block may leave connections open: closing a Session is shown where it is the subject.
process.disconnect()
process.exit(0)
