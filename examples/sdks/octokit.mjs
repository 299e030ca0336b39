// GitHub's client through a Session whose retries are its own and whose proxy, cookies and pool are shared: node octokit.mjs URL
import { Session } from '@entreat/core'
import { Octokit } from '@octokit/core'

const [baseUrl] = process.argv.slice(2)
const session = new Session({ retry: 2 })
const octokit = new Octokit({ auth: 'a-token', baseUrl, request: { fetch: session.fetch } })

const pequod = { owner: 'ishmael', repo: 'pequod' }
const { data: issues } = await octokit.request('GET /repos/{owner}/{repo}/issues', pequod)
console.log('open issues', issues.length)

const { data: issue } = await octokit.request('POST /repos/{owner}/{repo}/issues', {
  ...pequod,
  title: 'Whale sighted',
})
console.log('created', issue.title)

try {
  await octokit.request('GET /repos/{owner}/{repo}', { owner: 'ishmael', repo: 'missing' })
} catch (error) {
  // Statuses are the client's business: a Session's fetch does not throw for them.
  console.log(error.name, error.status)
}

await session.close()
