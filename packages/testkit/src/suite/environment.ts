/** What a Session's `trustEnv` reads, whatever its value now. */
const READ = [
  ...['http', 'https', 'ftp', 'all', 'no'].flatMap((scheme) => [`${scheme}_proxy`, `${scheme}_proxy`.toUpperCase()]),
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'SSL_CERT_FILE',
  'NETRC',
  'REQUEST_METHOD',
  'NODE_USE_ENV_PROXY',
]

/**
 * Runs something while the environment says this, and nothing else that a Session would read. The suites' tests run one after the other; nothing else may
 * run in this process meanwhile.
 */
export async function withEnvironment<T>(
  variables: Readonly<Record<string, string>>,
  run: () => Promise<T>,
): Promise<T> {
  const names = new Set([...READ, ...Object.keys(variables)])
  const before = [...names].map((name) => [name, process.env[name]] as const)
  try {
    for (const name of names) setVariable(name, variables[name])
    return await run()
  } finally {
    for (const [name, value] of before) setVariable(name, value)
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name)
  else process.env[name] = value
}
