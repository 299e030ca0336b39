// An AWS client whose fetch handler is a Session's: node aws.mjs URL
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { Session } from '@entreat/core'
import { FetchHttpHandler } from '@smithy/fetch-http-handler'

const [endpoint] = process.argv.slice(2)
const session = new Session({ hooks: { request: (request) => console.log('sending', request.method) } })
const client = new STSClient({
  region: 'eu-central-1',
  endpoint,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' },
  requestHandler: new FetchHttpHandler({ customFetch: session.fetch }),
})

const { Account: account, Arn: arn } = await client.send(new GetCallerIdentityCommand({}))
console.log(account, arn)

await session.close()
