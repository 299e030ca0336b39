// OpenAI's client, whose streamed answer arrives as server-sent events, behind a gateway that wants Digest: node openai.mjs URL
import { DigestAuth, Session } from '@entreat/core'
import OpenAI from 'openai'

const [baseURL] = process.argv.slice(2)
const session = new Session({ auth: new DigestAuth('ishmael', 'whale') })
const client = new OpenAI({
  apiKey: 'unused',
  baseURL,
  maxRetries: 0,
  fetch: session.fetch,
  // Digest speaks for us: the gateway need not see a key.
  defaultHeaders: { Authorization: null },
})

const messages = [{ role: 'user', content: 'Call me?' }]
const whole = await client.chat.completions.create({ model: 'any', messages })
console.log(whole.choices[0].message.content)

const stream = await client.chat.completions.create({ model: 'any', messages, stream: true })
for await (const chunk of stream) console.log('chunk', chunk.choices[0].delta.content)

// Leaving the loop early ends the exchange, and gives up its connection.
const abandoned = await client.chat.completions.create({ model: 'any', messages, stream: true })
for await (const chunk of abandoned) {
  console.log('enough', chunk.choices[0].delta.content)
  break
}

await session.close()
