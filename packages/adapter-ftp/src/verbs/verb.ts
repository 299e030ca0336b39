import type { Response } from '@entreat/core'
import type { FTPExchange } from '../exchange.ts'
import type { FTPUrl } from '../ftp-url.ts'
import type { FTPSettings } from '../options.ts'

/** What a verb has to work with. */
export interface VerbContext {
  readonly exchange: FTPExchange
  readonly url: FTPUrl
  readonly settings: FTPSettings
}

/** Does what a method asks. Refusals of the server become responses further up. */
export type Verb = (context: VerbContext) => Promise<Response>
