import { Session, type Response } from '@entreat/core'

/** A form of the server's, as a browser would read it. */
function form(page: string): { action: string; fields: Record<string, string> } {
  const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1]
  if (action === undefined) throw new Error(`No form in ${page.slice(0, 500)}`)
  const fields = [...page.matchAll(/<input[^>]* name="([^"]+)"[^>]*?(?: value="([^"]*)")?[^>]*>/g)]
  return { action, fields: Object.fromEntries(fields.map(([, name, value]) => [name, value ?? ''])) }
}

/** Signs a user in and agrees to everything. @returns where the server sends the user back to. */
export async function signIn(url: string, options: { user?: string; verify?: string } = {}): Promise<string> {
  await using session = new Session({ verify: options.verify ?? true })
  const issuer = new URL(url).origin
  let response = await session.get(url, { allowRedirects: false })
  for (let step = 0; step < 20; step++) {
    const location = response.headers.get('location')
    const next = location === null ? null : new URL(location, response.url)
    if (next !== null && next.origin !== issuer) return next.href
    response = next === null ? await answer(session, response, options.user) : await visit(session, next.href)
  }
  throw new Error('The sign-in does not end')
}

/** Completes a device sign-in. @returns what the last page says. */
export async function signInOnPage(verificationUriComplete: string, user = 'ishmael'): Promise<string> {
  await using session = new Session()
  let response = await session.get(verificationUriComplete, { allowRedirects: false })
  for (let step = 0; step < 20; step++) {
    const location = response.headers.get('location')
    if (location === null && !response.text.includes('<form')) return response.text
    response =
      location === null
        ? await answer(session, response, user)
        : await visit(session, new URL(location, response.url).href)
  }
  throw new Error('The sign-in does not end')
}

function visit(session: Session, url: string): Promise<Response> {
  return session.get(url, { allowRedirects: false })
}

async function answer(session: Session, response: Response, user = 'ishmael'): Promise<Response> {
  if (response.statusCode >= 400) throw new Error(`${response.statusCode}: ${response.text.slice(0, 1000)}`)
  const { action, fields } = form(response.text)
  const data = { ...fields, ...('login' in fields ? { login: user, password: 'x' } : {}) }
  if ('user_code' in fields) Object.assign(data, { confirm: 'yes' })
  return session.post(new URL(action, response.url), { data, allowRedirects: false })
}
