import { parseArgs } from 'node:util'
import { CreatePluginError } from './create-plugin-error.ts'
import type { PluginOptions } from './plugin-options.ts'

const FLAGS = {
  kind: { type: 'string' },
  name: { type: 'string' },
  dir: { type: 'string' },
  scope: { type: 'string' },
  scheme: { type: 'string' },
  description: { type: 'string' },
  author: { type: 'string' },
  license: { type: 'string' },
  'package-manager': { type: 'string' },
  force: { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** What a command line says. */
export interface Arguments {
  /** As they were given; what is missing is asked for. */
  readonly given: { readonly [K in keyof PluginOptions]?: string | boolean | undefined }
  /** Put before a name that has none. */
  readonly scope: string | undefined
  /** Take the default wherever there is one, and ask nothing. */
  readonly yes: boolean
  readonly help: boolean
  readonly version: boolean
}

/** What `--help` prints. */
export const HELP = `npm create @entreat/plugin [-- flags]

Writes a package of your own with a transport adapter or an authentication scheme
for entreat. What no flag says is asked.

  --kind KIND              adapter or auth
  --name NAME              name on npm, such as entreat-adapter-redis
  --scope SCOPE            put before a name that has none, such as @acme
  --dir FOLDER             where to write; default: the name without its scope
  --scheme SCHEME          an adapter's URL scheme, or the name in Authorization
  --description TEXT       one sentence
  --author TEXT            such as "Ali <ali@example.com>"
  --license LICENSE        Apache-2.0, MIT or ISC
  --package-manager NAME   npm, pnpm or yarn; default: the one that runs this
  --force                  write into a folder that is not empty, over files of
                           the same names
  --yes, -y                ask nothing: defaults for what no flag says
  --help, -h               this text
  --version, -v            the version

npm keeps flags for itself unless they follow "--":

  npm create @entreat/plugin -- --kind adapter --name entreat-adapter-redis
`

/**
 * Reads a command line. A name, or a kind, may be given without its flag.
 *
 * @param words - without the program's own name.
 * @throws CreatePluginError for a flag that is unknown or lacks its value, and for more words than a kind and a name.
 */
export function readArguments(words: readonly string[]): Arguments {
  const { values, positionals } = parse(words)
  const rest = [...positionals]
  const kind = values.kind ?? (rest[0] === 'adapter' || rest[0] === 'auth' ? rest.shift() : undefined)
  const name = values.name ?? rest.shift()
  if (rest.length > 0) throw new CreatePluginError(`${JSON.stringify(rest[0])} is one word too many. See --help.`)
  const { dir, scheme, description, author, license, force } = values
  return {
    given: { kind, name, dir, scheme, description, author, license, packageManager: values['package-manager'], force },
    scope: values.scope,
    yes: values.yes ?? false,
    help: values.help ?? false,
    version: values.version ?? false,
  }
}

type Parsed = ReturnType<typeof parseArgs<{ options: typeof FLAGS; allowPositionals: true }>>

function parse(words: readonly string[]): Parsed {
  try {
    return parseArgs({ args: [...words], options: FLAGS, allowPositionals: true })
  } catch (error) {
    // Node's sentence names the flag; what follows it is advice about positional arguments.
    const [sentence] = (error as Error).message.split('. ')
    throw new CreatePluginError(`${sentence}. See --help.`)
  }
}
