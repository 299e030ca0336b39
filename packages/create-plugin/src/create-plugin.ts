import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreatePluginError } from './create-plugin-error.ts'
import { nameProblem, namesOf, type PluginNames, schemeProblem } from './plugin-name.ts'
import { KINDS, LICENSES, PACKAGE_MANAGERS, type PluginOptions } from './plugin-options.ts'
import { fillIn, renderTemplate, type Replacements } from './render-template.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const TEMPLATES = join(PACKAGE, 'templates')
/** npm and its tools leave these out of a tarball, or take them for their own, under their real names. */
const REAL_NAMES: Readonly<Record<string, string>> = {
  'manifest.json': 'package.json',
  gitignore: '.gitignore',
  'oxlintrc.json': '.oxlintrc.json',
  github: '.github',
}

/** What was written. */
export interface CreatedPlugin {
  /** Absolute. */
  readonly folder: string
  /** Relative to the folder, sorted, with `/`. */
  readonly files: readonly string[]
  readonly names: PluginNames
}

/**
 * Writes a package with an adapter or an authentication scheme that keeps the contract, its tests and what a release needs. Nothing is installed or run.
 *
 * @throws CreatePluginError for options that cannot be, and for a folder that is not empty, unless `force` is said; nothing is written then.
 */
export async function createPlugin(options: PluginOptions): Promise<CreatedPlugin> {
  checkOptions(options)
  const names = namesOf(options.name, options.kind)
  const folder = resolve(options.dir ?? names.folder)
  if (options.force !== true) await checkEmpty(folder)
  const files = await renderAll(options, names)
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return { folder, names, files: [...files.keys()].map((path) => path.split(sep).join('/')).sort() }
}

/**
 * Why a package cannot be written to a folder.
 *
 * @returns what is wrong and what to do, as a sentence; `null` if nothing is.
 */
export async function folderProblem(folder: string): Promise<string | null> {
  try {
    const found = await readdir(folder)
    // A repository that was just made is as good as empty.
    if (found.every((name) => name === '.git')) return null
    return `${folder} is not empty (it has ${found[0]}): choose another folder, or say --force to write over files of the same names.`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    if (code === 'ENOTDIR') return `${folder} is not a folder: choose another.`
    return `${folder} cannot be read (${code}): choose another folder.`
  }
}

async function checkEmpty(folder: string): Promise<void> {
  const problem = await folderProblem(folder)
  if (problem !== null) throw new CreatePluginError(problem)
}

function checkOptions(options: PluginOptions): void {
  const { kind, name, scheme, license, packageManager } = options
  checkChoice('kind', kind, KINDS)
  checkChoice('license', license ?? 'MIT', LICENSES)
  checkChoice('package manager', packageManager ?? 'npm', PACKAGE_MANAGERS)
  const problem = nameProblem(name, kind) ?? (scheme === undefined ? null : schemeProblem(scheme, kind))
  if (problem !== null) throw new CreatePluginError(problem)
  for (const text of [options.description, options.author]) {
    if (text !== undefined && /[\r\n]/.test(text))
      throw new CreatePluginError('A description and an author are one line each.')
  }
}

function checkChoice(what: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return
  throw new CreatePluginError(`${JSON.stringify(value)} is no ${what}: choose ${choices.join(' or ')}.`)
}

async function renderAll(options: PluginOptions, names: PluginNames): Promise<ReadonlyMap<string, string>> {
  const { kind, license = 'Apache-2.0', packageManager = 'npm' } = options
  const replacements = await replacementsFor(options, names)
  const rendered = new Map<string, string>()
  for (const from of ['common', kind]) {
    for (const path of await filesIn(join(TEMPLATES, from))) {
      const text = await readFile(join(TEMPLATES, from, path), 'utf8')
      const isManifest = path === 'manifest.json'
      const content = isManifest
        ? describePackage(text, options, replacements)
        : renderTemplate(text, replacements, packageManager)
      rendered.set(realPath(path, replacements), content)
    }
  }
  const licenseText = await readFile(join(TEMPLATES, 'licenses', license), 'utf8')
  return rendered.set('LICENSE', fillIn(licenseText, replacements))
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

function realPath(path: string, replacements: Replacements): string {
  const parts = path.split(sep).map((part) => (Object.hasOwn(REAL_NAMES, part) ? (REAL_NAMES[part] as string) : part))
  return fillIn(parts.join(sep), replacements)
}

async function replacementsFor(options: PluginOptions, names: PluginNames): Promise<Replacements> {
  const { kind, author, year, license = 'Apache-2.0', scheme = names.scheme } = options
  const stem = names.fileName.slice(0, -kind.length - 1)
  const word = names.className.slice(0, -kind.length)
  // Released together with core, so the versions are equal.
  const { version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  return {
    'template-package': names.packageName,
    'template-adapter': names.fileName,
    'template-auth': names.fileName,
    'template-target': `${stem}-target`,
    'template-server': `${stem}-server`,
    'template-scheme': scheme,
    'template-description': options.description ?? defaultDescription(kind, scheme),
    'template-license': license,
    'template-author': author ?? `The authors of ${names.packageName}`,
    'template-year': String(year ?? new Date().getFullYear()),
    'template-range': `^${version}`,
    TemplateAdapter: names.className,
    TemplateAuth: names.className,
    TemplateTarget: `${word}Target`,
    templateTarget: `${word.charAt(0).toLowerCase()}${word.slice(1)}Target`,
    TemplateScheme: scheme,
  }
}

/** One sentence that says what the package is. */
export function defaultDescription(kind: PluginOptions['kind'], scheme: string): string {
  return kind === 'adapter' ? `${scheme}: URLs for entreat` : `The ${scheme} authentication scheme for entreat`
}

/** Filled in value by value: a description may hold quotes. */
function describePackage(text: string, { kind, author }: PluginOptions, replacements: Replacements): string {
  const fill = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? fillIn(value, replacements) : value
  const manifest = JSON.parse(text, fill) as Record<string, unknown>
  if (author === undefined) delete manifest['author']
  manifest['keywords'] = ['entreat', 'http', kind === 'adapter' ? 'adapter' : 'authentication']
  return `${JSON.stringify(manifest, null, 2)}\n`
}
