import {
  readOptions,
  RequestException,
  type RequestOptions,
  type Response,
  type Session,
  UsageError,
} from '@entreat/core'

/** Options of {@link paginate}. */
export interface PaginateOptions {
  /** What each page is asked for with. `params` go with the first page only: links hold their own. */
  readonly request?: RequestOptions
  /** The relation of the Link header that leads on. Default `next`. */
  readonly rel?: string
  /** Finds the next page otherwise, in a body for example: a URL, relative or not, or `null` at the end. */
  readonly next?: (response: Response) => string | URL | null | undefined | Promise<string | URL | null | undefined>
  /** Pages at most. Default 1,000. */
  readonly maxPages?: number
  /** Further origins that links may lead to, such as `https://cdn.example.com`. Default: that of the first page alone. */
  readonly allowedOrigins?: readonly string[]
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof PaginateOptions>([
  'request',
  'rel',
  'next',
  'maxPages',
  'allowedOrigins',
])

/**
 * The pages of a list, one after the other as they are asked for. Each is read, unless `request.stream`; each must succeed.
 *
 * Every page is sent with the same auth and headers: so a link that leaves the first page's origin is refused, unless `allowedOrigins` names where it leads.
 *
 * @throws HTTPError for a page that is refused; RequestException for a link to another origin, or back to a page that was there before; UsageError for an unknown option.
 * @see RFC 8288, RFC 5988 section 6.2.2 for `next`
 */
export async function* paginate(
  session: Pick<Session, 'get'>,
  url: string | URL,
  options?: PaginateOptions,
): AsyncGenerator<Response, void, undefined> {
  const own = readOptions(options, OPTION_KEYS, 'paginate()')
  const { request = {}, rel = 'next', maxPages = 1000 } = own
  if (!(maxPages >= 1)) throw new UsageError('paginate(): maxPages must be 1 or more')
  const find = own.next ?? ((response) => response.links[rel]?.url)
  const { params: _first, ...later } = request
  const seen = new Set<string>()
  const origins = new Set((own.allowedOrigins ?? []).map((origin) => new URL(origin).origin))
  let target: string | URL = url
  for (let page = 1; page <= maxPages; page++) {
    const response: Response = (await session.get(target, page === 1 ? request : later)).raiseForStatus()
    if (page === 1) origins.add(new URL(response.request.url).origin)
    seen.add(withoutFragment(response.request.url)).add(withoutFragment(response.url))
    yield response
    const found: string | URL | null | undefined = await find(response)
    if (found === null || found === undefined || found === '') return
    target = checkedTarget(found, response, origins, seen)
  }
}

/**
 * The same, item by item.
 *
 * @param itemsOf - the items of one page. Default: its JSON, which must be a list.
 */
export async function* paginateItems<T>(
  session: Pick<Session, 'get'>,
  url: string | URL,
  options?: PaginateOptions,
  itemsOf: (response: Response) => Iterable<T> | Promise<Iterable<T>> = listOf,
): AsyncGenerator<T, void, undefined> {
  for await (const page of paginate(session, url, options)) yield* await itemsOf(page)
}

function listOf<T>(response: Response): Iterable<T> {
  const items = response.json()
  if (Array.isArray(items)) return items as T[]
  throw new RequestException('This page is no JSON list: say where its items are', { response })
}

function checkedTarget(
  found: string | URL,
  response: Response,
  origins: ReadonlySet<string>,
  seen: ReadonlySet<string>,
): string {
  if (!URL.canParse(String(found), response.url)) {
    throw new RequestException(`The link to the next page is no URL: ${JSON.stringify(String(found))}`, { response })
  }
  const next = new URL(found, response.url)
  if (!origins.has(next.origin)) {
    throw new RequestException(
      `The next page is at ${next.origin}, another origin: name it in allowedOrigins if requests with these credentials may go there`,
      { response },
    )
  }
  if (seen.has(withoutFragment(next.href))) {
    throw new RequestException(`The next page is one that was there before: ${next.origin}${next.pathname}`, {
      response,
    })
  }
  return next.href
}

function withoutFragment(url: string): string {
  return url.replace(/#.*$/s, '')
}
