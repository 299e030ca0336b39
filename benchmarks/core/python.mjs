// Python Requests, where the machine has it: CPU of one request at a time, for the curious.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const program = `
import resource, sys
import requests
session = requests.Session()
session.trust_env = False
url = sys.argv[1]
for _ in range(100): session.get(url).json()
before = resource.getrusage(resource.RUSAGE_SELF)
for _ in range(500): session.get(url).json()
after = resource.getrusage(resource.RUSAGE_SELF)
print((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6 / 500, requests.__version__)
`

/** @returns `{ cpuMicros, version }`, or `null` without Python or Requests. */
export async function runPythonRequests(url) {
  try {
    const { stdout } = await promisify(execFile)('python3', ['-W', 'ignore', '-c', program, url])
    const [micros, version] = stdout.trim().split(' ')
    return { cpuMicros: Number(micros), version }
  } catch {
    return null
  }
}
