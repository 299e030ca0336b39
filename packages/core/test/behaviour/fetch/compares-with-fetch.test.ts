import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Session } from '@entreat/core'
import { useSite } from '../requests/support/servers.ts'
import { describeDifferences } from './cases/describe-differences.ts'
import { bodies } from './cases/bodies.ts'
import { failures } from './cases/failures.ts'
import { inputs } from './cases/inputs.ts'
import { redirects } from './cases/redirects.ts'
import { responses } from './cases/responses.ts'

const site = useSite({ tls: false })
const topics = [inputs, bodies, redirects, responses, failures]

describe.each(topics)('$title:', ({ cases }) => {
  test.each(cases.filter(({ differs }) => differs === undefined))(
    "a Session does as Node's fetch does: $name",
    async ({ run }) => {
      await using session = new Session({ trustEnv: false })
      const expected = await run(globalThis.fetch, site())
      expect(await run(session.fetch, site())).toEqual(expected)
    },
  )

  test.each(cases.filter(({ differs }) => differs !== undefined))(
    'a Session differs as documented: $name',
    async ({ run, differs }) => {
      await using session = new Session({ trustEnv: false })
      expect({ node: await run(globalThis.fetch, site()), session: await run(session.fetch, site()) }).toEqual({
        node: differs?.node,
        session: differs?.session,
      })
    },
  )
})

test('the reference page says what these cases show', async () => {
  const page = new URL('../../../../../docs/reference/fetch.md', import.meta.url)
  await expect(describeDifferences(topics)).toMatchFileSnapshot(fileURLToPath(page))
})
