import type { Readable } from 'node:stream'
import type { CookieJar, InferOutput, Link, PreparedRequest, Response, StandardSchemaV1 } from '@entreat/core'

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(..._equal: Same<A, B> extends true ? [] : [never]): void {}

interface User {
  readonly id: number
}

/** What schema libraries give: the output differs from the input. */
type UserSchema = StandardSchemaV1<string, User>

export function readsJson(response: Response, schema: UserSchema): void {
  const anything = response.json()
  same<typeof anything, unknown>()
  const user = response.json<User>()
  same<typeof user, User>()
  const checked = response.json(schema)
  same<typeof checked, User>()
  same<InferOutput<UserSchema>, User>()
  // @ts-expect-error unknown must be narrowed first
  void anything.id
  // @ts-expect-error a schema is an object with '~standard'
  response.json({ parse: () => 1 })
  // @ts-expect-error nothing to await: the value itself is given
  void response.json<User>().then
}

export async function iterates(response: Response): Promise<void> {
  for await (const piece of response.iterContent()) same<typeof piece, Buffer>()
  for await (const piece of response.iterContent(10, {})) same<typeof piece, Buffer>()
  for await (const piece of response.iterContent(null, { decodeUnicode: false })) same<typeof piece, Buffer>()
  for await (const piece of response.iterContent(1024, { decodeUnicode: true })) {
    const text: string | Buffer = piece
    void text
  }
  for await (const line of response.iterLines()) same<typeof line, string>()
  for await (const line of response.iterLines({ delimiter: ';', chunkSize: 5 })) same<typeof line, string>()
  for await (const line of response.iterLines({ decodeUnicode: false })) same<typeof line, Buffer>()
  for await (const piece of response) same<typeof piece, Buffer>()
  // @ts-expect-error a size is a number of bytes
  response.iterContent('10')
  // @ts-expect-error lines have no size of their own
  response.iterLines({ size: 5 })
}

export function hasMembers(response: Response): void {
  same<typeof response.statusCode, number>()
  same<typeof response.content, Buffer>()
  same<typeof response.text, string>()
  same<typeof response.encoding, string | null>()
  same<typeof response.history, Response[]>()
  same<typeof response.request, PreparedRequest>()
  same<typeof response.next, PreparedRequest | null>()
  same<typeof response.raw, Readable>()
  same<typeof response.cookies, CookieJar>()
  same<typeof response.links, Record<string, Link>>()
  const read = response.read()
  same<typeof read, Promise<Buffer>>()
  const raised = response.raiseForStatus()
  same<typeof raised, Response>()
  const web = response.toWeb()
  same<typeof web, globalThis.Response>()
  response.encoding = 'latin1'
  response.encoding = null
  // @ts-expect-error a status does not change
  response.statusCode = 200
  // @ts-expect-error content is read only
  response.content = Buffer.from('')
}

export async function disposes(response: Response): Promise<void> {
  await using owned = response
  void owned
}
