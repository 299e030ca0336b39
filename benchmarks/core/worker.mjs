// One client in one scenario, in a process of its own: a heap and a compiler that nobody else has been at. Runs a round whenever it is told to.
//
//   fork('worker.mjs', [CLIENT, SCENARIO]); { urls } opens it, { ms } runs a round of so many milliseconds, { weighMs } weighs one, { close } ends it
import { clients } from './clients.mjs'
import { runRound, weigh } from './measure.mjs'
import { scenarios } from './scenarios.mjs'

const [name, title] = process.argv.slice(2)
const { inFlight, settings = {}, run } = scenarios.find((scenario) => scenario.name === title)
let client = null
let once = null

function open(urls) {
  const { ca, ...rest } = urls
  const options = { url: `${rest.http}/json`, connections: inFlight, ...settings }
  client = clients[name](settings.http2 ? { ...options, ca } : options)
  once = run(client, urls)
  process.send({ canRun: once !== undefined })
}

async function handle(message) {
  if (message.urls) open(message.urls)
  else if (message.ms) process.send({ round: await runRound(once, { ms: message.ms, inFlight }) })
  else if (message.weighMs) process.send({ weights: await weigh(once, { ms: message.weighMs, inFlight }) })
  else {
    await client.close()
    process.disconnect()
  }
}

process.on('message', (message) => void handle(message))
