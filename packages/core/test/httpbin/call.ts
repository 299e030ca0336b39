/** One row of calls.json: what is called, and how its answer is read. */
export interface Call {
  readonly name: string
  /** Calls with the same name here share one Session; others have their own. */
  readonly session?: string
  readonly method: string
  readonly url: string
  /** Through `session.get()` and its kin instead of `session.request()`. */
  readonly helper?: boolean
  readonly params?: Record<string, string | number | null | string[]> | [string, string][]
  readonly headers?: Record<string, string>
  readonly cookies?: Record<string, string>
  readonly form?: Record<string, string | string[]> | [string, string][]
  readonly body?: Content
  readonly chunks?: string[]
  readonly json?: unknown
  readonly files?: [field: string, file: FileContent][]
  readonly auth?: { type: 'basic' | 'digest'; user: string; password: string } | { type: 'bearer'; token: string }
  readonly allowRedirects?: boolean
  readonly maxRedirects?: number
  readonly timeoutMs?: number
  readonly stream?: boolean
  readonly chunkSize?: number
  readonly read?: Reading
  readonly compareHeaders?: string[]
  /** An error that has another class here, and the difference of the two libraries that says so. */
  readonly differs?: { in: string; requests: string; entreat: string }
}

export type Content = string | { base64: string }
export type FileContent = { name: string; content: Content; type?: string }
export type Reading =
  | 'none'
  | 'json'
  | 'text'
  | 'bytes'
  | 'lines'
  | 'jsonLines'
  | 'chunks'
  | 'joined'
  | 'twice'
  | 'raise'

/** What a call came to, in terms that both libraries share. */
export interface Outcome {
  name: string
  status?: number
  reason?: string
  ok?: boolean
  url?: string
  method?: string
  headers?: Record<string, string | null>
  history?: [status: number, url: string][]
  cookies?: [name: string, value: string][]
  links?: unknown
  isRedirect?: boolean
  next?: string | null
  hops?: number[]
  body?: unknown
  error?: { type: string; response: number | null }
  jar: [name: string, value: string, path: string][]
}
