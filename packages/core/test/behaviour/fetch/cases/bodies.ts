import { Readable } from 'node:stream'
import { type FetchCase, type FetchInit, formData, pieces, refusal, sent, type Topic } from './fetch-case.ts'

function posting(name: string, init: () => FetchInit): FetchCase {
  return { name, run: (fetch, site) => sent(fetch, `${site.url}/anything`, { method: 'POST', ...init() }) }
}

function postingRequest(name: string, init: () => FetchInit): FetchCase {
  return {
    name,
    run: (fetch, site) => sent(fetch, new Request(`${site.url}/anything`, { method: 'POST', ...init() })),
  }
}

const body = (value: unknown): FetchInit => ({ body: value as string })
const streamed = (value: unknown): FetchInit => ({ body: value as string, duplex: 'half' })
const bytes = new Uint8Array([104, 105])

export const bodies: Topic = {
  title: 'What is sent',
  cases: [
    posting('text', () => body('héllo')),
    posting('empty text', () => body('')),
    posting('text with a Content-Type of its own', () => ({ body: '{}', headers: { 'content-type': 'a/b' } })),
    posting('bytes', () => body(bytes)),
    posting('no bytes', () => body(new Uint8Array())),
    posting('an ArrayBuffer', () => body(bytes.buffer)),
    posting('a DataView', () => body(new DataView(bytes.buffer, 1))),
    posting('a Blob with a type', () => body(new Blob(['hi'], { type: 'text/x' }))),
    posting('a Blob without one', () => body(new Blob(['hi']))),
    posting('a URLSearchParams', () => body(new URLSearchParams({ a: 'é', b: '1 2' }))),
    posting('null', () => body(null)),
    posting('a plain object, which becomes text', () => body({ a: 1 })),
    posting('a list, which becomes text', () => body([1, 2])),
    posting('a number, which becomes text', () => body(5)),
    posting('a ReadableStream', () => streamed(new Blob(['hi']).stream())),
    posting('an async iterable', () => streamed(pieces())),
    posting('a Readable of Node', () => streamed(Readable.from([Buffer.from('a'), Buffer.from('b')]))),
    {
      name: 'a FormData, its fields and files',
      async run(fetch, site) {
        const { form, files } = (await sent(fetch, `${site.url}/anything`, { method: 'POST', body: formData() })) as {
          form: unknown
          files: unknown
        }
        return { form, files }
      },
    },
    {
      name: 'a FormData with `Content-Type: multipart/form-data`',
      async run(fetch, site) {
        const init = { method: 'POST', body: formData(), headers: { 'Content-Type': 'multipart/form-data' } }
        const answer = await fetch(`${site.url}/anything`, init)
        await answer.text()
        const type = site.last('/anything').header('content-type') ?? ''
        return type.includes('boundary=') ? 'with a boundary' : 'without a boundary'
      },
      differs: {
        node: 'without a boundary',
        session: 'with a boundary',
        why: 'No server can read a form whose boundary it is not told. The type alone is a common mistake, so it is completed.',
      },
    },
    postingRequest('a Request with text has a Content-Length', () => body('héllo')),
    postingRequest('a Request with bytes has a Content-Length', () => body(bytes)),
    postingRequest('a Request with a URLSearchParams has a Content-Length', () =>
      body(new URLSearchParams({ a: '1' })),
    ),
    postingRequest('a Request with a Blob has a Content-Length', () => body(new Blob(['hi'], { type: 'x/y' }))),
    {
      name: 'a Request with a stream that takes its time',
      run: (fetch, site) => sent(fetch, new Request(`${site.url}/anything`, { method: 'POST', ...streamed(slowly()) })),
    },
    {
      name: 'a stream without `duplex`',
      run: (fetch, site) => refusal(fetch(`${site.url}/anything`, { method: 'POST', body: new Blob(['x']).stream() })),
    },
    {
      name: 'a stream that is read already',
      async run(fetch, site) {
        const stream = new Blob(['x']).stream()
        const reader = stream.getReader()
        const locked = await refusal(fetch(`${site.url}/anything`, { method: 'POST', ...streamed(stream) }))
        await reader.read()
        reader.releaseLock()
        return [locked, await refusal(fetch(`${site.url}/anything`, { method: 'POST', ...streamed(stream) }))]
      },
    },
    {
      name: 'a stream that fails',
      run: (fetch, site) => refusal(fetch(`${site.url}/anything`, { method: 'POST', ...streamed(failing()) })),
    },
    {
      name: 'DELETE without a body',
      async run(fetch, site) {
        await (await fetch(`${site.url}/anything`, { method: 'DELETE' })).text()
        return `Content-Length: ${site.last('/anything').header('content-length') ?? 'none'}`
      },
      differs: {
        node: 'Content-Length: none',
        session: 'Content-Length: 0',
        why: 'As Requests does: every method but GET and HEAD says that there is no body (RFC 9110, section 8.6).',
      },
    },
  ],
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from('x'))
  throw new Error('no more')
}

function slowly(): ReadableStream<Uint8Array> {
  let count = 0
  return new ReadableStream({
    async pull(controller) {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (count++ < 3) controller.enqueue(Buffer.from('piece '))
      else controller.close()
    },
  })
}
