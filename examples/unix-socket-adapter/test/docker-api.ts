import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/**
 * A part of Docker's Engine API, enough to make, start, read and remove containers.
 *
 * @see https://docs.docker.com/reference/api/engine/
 */
export function dockerApi(): RequestListener {
  const containers = new Map<string, Container>()
  return (request, response) => {
    answer(request, response, containers).catch((error: unknown) => reply(response, 500, { message: String(error) }))
  }
}

interface Container {
  readonly Id: string
  readonly Image: string
  State: 'created' | 'running'
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  containers: Map<string, Container>,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://docker')
  const path = pathname.replace(/^\/v1\.\d+/, '')
  const [, id = '', action = ''] = /^\/containers\/([^/]+)\/?(\w*)$/.exec(path) ?? []
  const container = containers.get(id)
  if (path === '/_ping') return void response.writeHead(200, { 'Api-Version': '1.45' }).end('OK')
  if (path === '/version') return reply(response, 200, { ApiVersion: '1.45', Host: request.headers.host })
  if (path === '/containers/json') {
    const all = searchParams.get('all') === 'true'
    return reply(
      response,
      200,
      [...containers.values()].filter(({ State }) => all || State === 'running'),
    )
  }
  if (path === '/containers/create') {
    const { Image } = JSON.parse(await textOf(request)) as { Image: string }
    const Id = (searchParams.get('name') ?? `c${containers.size}`).toLowerCase()
    containers.set(Id, { Id, Image, State: 'created' })
    return reply(response, 201, { Id, Warnings: [] })
  }
  if (container === undefined) return reply(response, 404, { message: `No such container: ${id}` })
  if (action === 'start') {
    const wasRunning = container.State === 'running'
    container.State = 'running'
    return void response.writeHead(wasRunning ? 304 : 204).end()
  }
  if (action === 'logs') return sendLogs(response)
  if (request.method === 'DELETE') return void response.writeHead(containers.delete(id) ? 204 : 404).end()
  return reply(response, 200, container)
}

/** Lines in the frames of a stream without a terminal: stream, three zeros, length, bytes. */
function sendLogs(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/vnd.docker.multiplexed-stream' })
  for (const [stream, line] of [
    [1, 'Call me Ishmael.\n'],
    [2, 'The sea is rough.\n'],
  ] as const) {
    const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, line.length])
    response.write(Buffer.concat([head, Buffer.from(line)]))
  }
  response.end()
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
