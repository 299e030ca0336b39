// Asks again when a server is unwell: node retry-policy.mjs URL
import { Retry, RetryError, Session } from '@entreat/core'

const [url] = process.argv.slice(2)

const session = new Session({
  retry: new Retry({ total: 4, statusForcelist: [500, 502, 503, 504], backoffMs: 50, jitterMs: 20 }),
  timeout: { connect: 2_000, read: 5_000, total: 30_000 },
  hooks: {
    retry: ({ attempt, delayMs, response, error }) => {
      const reason = error?.message ?? `status ${response?.statusCode}`
      console.log(`attempt ${attempt} failed (${reason}), next in ${Math.round(delayMs)} ms`)
    },
  },
})

try {
  const response = await session.get(url)
  console.log('answered with', response.statusCode)
} catch (error) {
  if (!(error instanceof RetryError)) throw error
  console.log('gave up:', error.code)
} finally {
  await session.close()
}
