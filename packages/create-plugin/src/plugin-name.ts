import { builtinModules } from 'node:module'
import type { PluginKind } from './plugin-options.ts'

/** Everything that is named after a package. */
export interface PluginNames {
  /** As on npm. */
  readonly packageName: string
  /** The package's name without its scope. */
  readonly folder: string
  /** `RedisAdapter`, `HawkAuth`. */
  readonly className: string
  /** The file of the class, without extension: `redis-adapter`. */
  readonly fileName: string
  /** The default URL scheme, or name in `Authorization`: `redis`, `Hawk`. */
  readonly scheme: string
}

/** Words that say what a package is, and not what for. */
const GENERIC_WORDS: ReadonlySet<string> = new Set(['entreat', 'adapter', 'auth', 'plugin'])
/** What npm takes for a scope and a name, each. */
const PART = /^[a-z0-9~-][a-z0-9._~-]*$/
const MOST_CHARACTERS = 214
const EXAMPLES: Readonly<Record<PluginKind, string>> = { adapter: 'entreat-adapter-redis', auth: 'entreat-auth-hawk' }

/**
 * Why a package cannot have a name.
 *
 * @returns what is wrong and what to do, as a sentence; `null` if nothing is.
 */
export function nameProblem(name: string, kind: PluginKind): string | null {
  const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
  const like = `Give one such as ${EXAMPLES[kind]}.`
  if (name === '') return `A package needs a name. ${like}`
  if (name.length > MOST_CHARACTERS) return `${shown} has ${name.length} characters; npm takes ${MOST_CHARACTERS}.`
  const lowered = name.toLowerCase()
  if (lowered !== name && hasNpmForm(lowered)) return `${shown} has capitals, which npm does not take. Try ${lowered}.`
  if (!hasNpmForm(name)) {
    return `${shown} is no name for npm: small letters, digits, "-", "." and "_", after a scope such as @acme/ if there is one. ${like}`
  }
  const { folder } = splitScope(name)
  if (folder === 'node_modules' || folder === 'favicon.ico' || builtinModules.includes(name))
    return `${shown} is a name that Node or npm keep for themselves. ${like}`
  const words = wordsOf(folder)
  if (words.length === 0) return `${shown} does not say what the ${kind} is for. ${like}`
  if (!/^[a-z]/.test(words[0] as string)) return `${shown} gives a class no name that begins with a letter. ${like}`
  if (className(words, kind) === 'TransportAdapter')
    return `${shown} gives a class the name of the one it extends. ${like}`
  return null
}

/**
 * Everything that is named after a package.
 *
 * @param name - one that {@link nameProblem} has nothing against.
 */
export function namesOf(name: string, kind: PluginKind): PluginNames {
  const { folder } = splitScope(name)
  const words = wordsOf(folder)
  return {
    packageName: name,
    folder,
    className: className(words, kind),
    fileName: [...words, kind].join('-'),
    scheme: kind === 'adapter' ? words.join('-') : words.map(capitalise).join(''),
  }
}

/**
 * Why a URL scheme, or the name of an authentication scheme, cannot be.
 *
 * @returns what is wrong and what to do, as a sentence; `null` if nothing is.
 * @see RFC 3986 section 3.1, RFC 9110 section 11.1
 */
export function schemeProblem(scheme: string, kind: PluginKind): string | null {
  if (kind === 'adapter') {
    if (/^[a-z][a-z0-9+.-]*$/.test(scheme)) return null
    return `${JSON.stringify(scheme)} is no URL scheme: a small letter, then letters, digits, "+", "." or "-", without the colon. Try redis.`
  }
  if (/^[A-Za-z0-9-]+$/.test(scheme)) return null
  return `${JSON.stringify(scheme)} is no name for an authentication scheme: letters, digits and "-". Try Hawk.`
}

function hasNpmForm(name: string): boolean {
  const { scope, folder } = splitScope(name)
  return (scope === null || PART.test(scope)) && PART.test(folder)
}

function splitScope(name: string): { scope: string | null; folder: string } {
  const [, scope, folder] = /^@([^/]*)\/(.*)$/s.exec(name) ?? []
  return folder === undefined ? { scope: null, folder: name } : { scope: scope ?? '', folder }
}

function wordsOf(folder: string): string[] {
  return folder.split(/[^a-z0-9]+/).filter((word) => word !== '' && !GENERIC_WORDS.has(word))
}

function className(words: readonly string[], kind: PluginKind): string {
  return [...words, kind].map(capitalise).join('')
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
