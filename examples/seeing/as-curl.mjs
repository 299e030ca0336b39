// Shows a POST as a command for curl, secrets masked: node as-curl.mjs URL name=value…
import { Request, Session } from '@entreat/core'
import { toCurl } from '@entreat/toolbelt/curl'

const [url, ...fields] = process.argv.slice(2)

const session = new Session()
const data = Object.fromEntries(new URLSearchParams(fields.join('&')))
console.log(toCurl(await session.prepareRequest(new Request('POST', url, { data })), { isMultiline: false }))
await session.close()
