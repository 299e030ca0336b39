import { Busboy } from '@fastify/busboy'
import type { IncomingHttpHeaders } from 'node:http'

/** The fields and files of a form, in order of arrival. */
export interface ParsedForm {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly files: readonly (readonly [name: string, content: Buffer])[]
}

/**
 * Parses a `multipart/form-data` or `application/x-www-form-urlencoded` body.
 *
 * @returns `null` if the Content-Type is neither.
 * @throws Error if the body is not what the Content-Type says.
 * @see RFC 7578
 */
export async function parseForm(headers: IncomingHttpHeaders, body: Buffer): Promise<ParsedForm | null> {
  const contentType = headers['content-type'] ?? ''
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) {
    return { fields: [...new URLSearchParams(body.toString())], files: [] }
  }
  if (!/^multipart\/form-data\b/i.test(contentType)) return null
  return parseMultipart({ ...headers, 'content-type': contentType }, body)
}

function parseMultipart(headers: IncomingHttpHeaders & { 'content-type': string }, body: Buffer): Promise<ParsedForm> {
  const fields: [string, string][] = []
  const files: [string, Buffer][] = []
  return new Promise((resolve, reject) => {
    const parser = new Busboy({ headers, limits: { fieldNameSize: body.length, fieldSize: body.length } })
    parser.on('field', (name, value) => fields.push([name, value]))
    parser.on('file', (name, stream) => {
      const chunks: Buffer[] = []
      const file: [string, Buffer] = [name, Buffer.alloc(0)]
      files.push(file)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => (file[1] = Buffer.concat(chunks)))
      stream.on('error', reject)
    })
    parser.on('finish', () => resolve({ fields, files }))
    parser.on('error', reject)
    parser.end(body)
  })
}
