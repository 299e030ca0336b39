// Follows a stream of events until the server says that it is over: node follow-events.mjs URL
import { Session } from '@entreat/core'
import { events } from '@entreat/toolbelt/sse'

const session = new Session()
const stream = events(session, process.argv[2], {
  maxRetries: 5,
  onReconnect: ({ attempt, delayMs }) => console.log(`again in ${delayMs} ms (${attempt})`),
})
for await (const { event, data, id } of stream) console.log(`${id} ${event}: ${data}`)
await session.close()
