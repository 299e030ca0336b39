import busboy from 'busboy'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { MultipartDecoder, MultipartEncoder } from '@entreat/toolbelt/multipart'
import { askPython, missingPython, type PythonForms, type WireForm } from './peers/python-forms.ts'
import { bytesOf } from './support.ts'

// Names without what the WHATWG encoding escapes (the others do not undo it) and without backslashes (the others unescape them).
const name = fc
  .string({
    unit: fc.constantFrom('a', 'Z', '0', ' ', '-', '_', '.', ';', '=', "'", 'é', 'ß', '鯨', '🐋'),
    minLength: 1,
    maxLength: 12,
  })
  .map((text) => `x${text}x`)
const field = fc.record({
  name,
  filename: fc.option(name, { nil: null }),
  type: fc.constantFrom(null, 'application/octet-stream', 'image/png'),
  content: fc.uint8Array({ maxLength: 200 }),
})
/** The same forms in every run: a failure can be looked at again. */
const samples = fc.sample(fc.array(field, { minLength: 1, maxLength: 6 }), { numRuns: 150, seed: 7 })
const forms = samples.map((fields) => fields.map((one) => ({ ...one, type: one.filename === null ? null : one.type })))
const encoders = forms.map(
  (fields) =>
    new MultipartEncoder(
      fields.map(({ name: key, content, filename, type }) => [key, { content, filename, type }] as const),
    ),
)
let wire: WireForm[]

beforeAll(async () => {
  wire = await Promise.all(
    encoders.map(async (encoder) => ({ type: encoder.contentType, body: await bytesOf(encoder) })),
  )
})

interface Received {
  name: string
  filename: string | null
  content: string
}

function readByBusboy({ type, body }: WireForm): Promise<Received[]> {
  return new Promise((resolve, reject) => {
    const received: Received[] = []
    const parser = busboy({ headers: { 'content-type': type }, defParamCharset: 'utf8', preservePath: true })
    parser.on('file', (key, stream, { filename }) => {
      const pieces: Buffer[] = []
      const entry = { name: key, filename: filename ?? null, content: '' }
      received.push(entry)
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => (entry.content = Buffer.concat(pieces).toString('base64')))
    })
    // As Latin-1 text is bytes.
    parser.on('field', (key, value) =>
      received.push({ name: key, filename: null, content: Buffer.from(value, 'latin1').toString('base64') }),
    )
    parser.on('close', () => resolve(received))
    parser.on('error', reject)
    parser.end(body)
  })
}

test('busboy reads what we encode', async () => {
  for (const [index, form] of wire.entries()) {
    const readable = { ...form, body: form.body }
    const expected = (forms[index] ?? []).map(({ name: key, filename, content }) => ({
      name: key,
      filename,
      content: Buffer.from(content).toString('base64'),
    }))
    const received = await readByBusboy(readable)
    // busboy decodes fields as UTF-8 text: only files are compared byte for byte.
    expect(received.filter((one) => one.filename !== null)).toEqual(expected.filter((one) => one.filename !== null))
    expect(received.map((one) => one.name)).toEqual(expected.map((one) => one.name))
  }
})

test("Node's own FormData parser reads what we encode", async () => {
  for (const [index, { type, body }] of wire.entries()) {
    const form = await new Response(Buffer.from(body), { headers: { 'Content-Type': type } }).formData()
    expect([...form.keys()]).toEqual((forms[index] ?? []).map((one) => one.name))
    for (const [at, value] of [...form.values()].entries()) {
      if (typeof value === 'string') continue
      const sent = forms[index]?.[at]
      expect([value.name, Buffer.from(await value.arrayBuffer())]).toEqual([
        sent?.filename,
        Buffer.from(sent?.content ?? []),
      ])
    }
  }
})

const missing = missingPython()
describe.skipIf(missing !== null && process.env['CI'] !== 'true')(
  `Python${missing === null ? '' : `: ${missing}`}`,
  () => {
    let answer: PythonForms

    beforeAll(async () => {
      const write = forms.map((fields) => ({
        boundary: 'a-boundary-of-python',
        fields: fields.map(
          ({ name: key, filename, type, content }) =>
            [key, filename, type, Buffer.from(content).toString('base64')] as const,
        ),
      }))
      answer = await askPython(wire, write)
    }, 60_000)

    test('email reads what we encode', () => {
      for (const [index, fields] of forms.entries()) {
        const expected = fields.map(({ name: key, filename, content }) => ({
          name: key,
          filename,
          content: Buffer.from(content).toString('base64'),
        }))
        expect(
          answer.email[index]?.map(({ name: key, filename, content }) => ({ name: key, filename, content })),
        ).toEqual(expected)
      }
    })

    test('requests-toolbelt reads what we encode', () => {
      for (const [index, fields] of forms.entries()) {
        const expected = fields.map(({ name: key, filename, type, content }) => ({
          disposition: `form-data; name="${key}"${filename === null ? '' : `; filename="${filename}"`}`,
          type,
          content: Buffer.from(content).toString('base64'),
        }))
        expect(answer.toolbelt[index]).toEqual(expected)
      }
    })

    test('we read what requests-toolbelt encodes', () => {
      for (const [index, fields] of forms.entries()) {
        const written = answer.written[index] as PythonForms['written'][number]
        const body = Buffer.from(written.body, 'base64')
        expect(body.length).toBe(written.length)
        const read = new MultipartDecoder(body, written.type).parts
        expect(read.map((part) => [part.name, part.filename, part.contentType, Buffer.from(part.content)])).toEqual(
          fields.map((one) => [one.name, one.filename, one.type, Buffer.from(one.content)]),
        )
      }
    })
  },
)
