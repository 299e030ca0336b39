import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type Arguments, HELP, readArguments } from './arguments.ts'
import { CreatePluginError } from './create-plugin-error.ts'
import { type CreatedPlugin, createPlugin, defaultDescription, folderProblem } from './create-plugin.ts'
import { nameProblem, namesOf, schemeProblem } from './plugin-name.ts'
import {
  KINDS,
  LICENSES,
  PACKAGE_MANAGERS,
  type PackageManager,
  type PluginKind,
  type PluginOptions,
} from './plugin-options.ts'
import { Prompter, type Question } from './prompter.ts'

/** Where a command reads and writes. */
export interface CommandWorld {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that relative ones start from. */
  readonly cwd: string
}

/**
 * `npm create @entreat/plugin`: reads flags, asks for the rest, writes the package, and says what to do next.
 *
 * @param words - the command line without the program's own name.
 * @returns the exit code: 0, or 1 after a message on `errors`.
 */
export async function runCommand(words: readonly string[], world: CommandWorld): Promise<number> {
  try {
    const given = readArguments(words)
    if (given.help) world.output.write(HELP)
    else if (given.version) world.output.write(`${await ownVersion()}\n`)
    else world.output.write(nextSteps(await create(given, world), world))
    return 0
  } catch (error) {
    if (!(error instanceof CreatePluginError)) throw error
    world.errors.write(`${error.message}\n`)
    return 1
  }
}

interface Outcome {
  readonly options: PluginOptions
  readonly created: CreatedPlugin
}

async function create(given: Arguments, world: CommandWorld): Promise<Outcome> {
  const options = given.yes ? withDefaults(given, world) : await withAnswers(given, world)
  return { options, created: await createPlugin(options) }
}

function withDefaults(said: Arguments, world: CommandWorld): PluginOptions {
  const { given } = said
  if (given.kind === undefined || given.name === undefined)
    throw new CreatePluginError('--yes asks nothing, so --kind and --name must say what to write. See --help.')
  return completed({ ...given, name: withScope(String(given.name), said.scope) }, world)
}

/** Flags are what they are: what is wrong with one is an error, not a question. */
async function withAnswers({ given, scope }: Arguments, world: CommandWorld): Promise<PluginOptions> {
  const prompter = new Prompter(world.input, world.output)
  const ask = async (flag: string | boolean | undefined, question: Question): Promise<string> => {
    if (flag === undefined) return prompter.ask(question)
    const problem = (await question.problem?.(String(flag))) ?? null
    if (problem !== null) throw new CreatePluginError(problem)
    return String(flag)
  }
  try {
    const kind = (await ask(given.kind, choice('adapter or auth', KINDS, 'adapter'))) as PluginKind
    const scoped = (name: string): string => withScope(name, scope)
    const asked = await ask(given.name, { text: 'name on npm', problem: (name) => nameProblem(scoped(name), kind) })
    const name = scoped(asked)
    const names = namesOf(name, kind)
    const text = kind === 'adapter' ? 'URL scheme' : 'name in Authorization'
    const scheme = await ask(given.scheme, {
      text,
      fallback: names.scheme,
      problem: (value) => schemeProblem(value, kind),
    })
    const description = await ask(given.description, {
      text: 'description',
      fallback: defaultDescription(kind, scheme),
    })
    const author = await ask(given.author, { text: 'author', fallback: 'nobody' })
    const license = await ask(given.license, choice('license', LICENSES, 'Apache-2.0'))
    const isFree = given.force === true ? () => null : (dir: string) => folderProblem(resolve(world.cwd, dir))
    const dir = await ask(given.dir, { text: 'folder', fallback: names.folder, problem: isFree })
    const answers = { kind, name, scheme, description, license, dir, author: author === 'nobody' ? undefined : author }
    return completed({ ...given, ...answers }, world)
  } finally {
    prompter.close()
  }
}

function choice(text: string, choices: readonly string[], fallback: string): Question {
  const problem = (answer: string): string | null =>
    choices.includes(answer) ? null : `${JSON.stringify(answer)} is none of ${choices.join(', ')}.`
  return { text, fallback, problem }
}

/** createPlugin() checks what these say. */
function completed(given: Arguments['given'], { cwd, env }: CommandWorld): PluginOptions {
  const options = { ...given, packageManager: given.packageManager ?? runningManager(env) } as PluginOptions
  return options.dir === undefined
    ? { ...options, dir: resolve(cwd, folderOf(options)) }
    : { ...options, dir: resolve(cwd, options.dir) }
}

function folderOf({ name, kind }: PluginOptions): string {
  return nameProblem(name, kind) === null ? namesOf(name, kind).folder : '.'
}

function withScope(name: string, scope: string | undefined): string {
  if (scope === undefined || name.startsWith('@') || name === '') return name
  return `@${scope.replace(/^@/, '').replace(/\/$/, '')}/${name}`
}

/** Package managers say who they are: `pnpm/10.34.9 npm/? node/v24.0.0 linux x64`. */
function runningManager(env: CommandWorld['env']): PackageManager {
  const name = env['npm_config_user_agent']?.split('/', 1)[0]
  return PACKAGE_MANAGERS.find((manager) => manager === name) ?? 'npm'
}

function nextSteps({ options, created }: Outcome, { cwd }: CommandWorld): string {
  const { folder, files, names } = created
  const manager = options.packageManager ?? 'npm'
  const shown = relative(cwd, folder) || '.'
  const test = options.kind === 'adapter' ? 'target' : 'server'
  const stem = names.fileName.slice(0, -options.kind.length - 1)
  return `
${names.packageName}: ${files.length} files in ${shown}

  cd ${/^[\w@./-]+$/.test(shown) ? shown : JSON.stringify(shown)}
  ${manager} install
  ${manager} run test      the contract's rules, green from the start
  ${manager} run check     types and lint

Then make it yours: src/${names.fileName}.ts, and the world it is tested in, test/${stem}-${test}.ts.
`
}

async function ownVersion(): Promise<string> {
  const manifest = await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
