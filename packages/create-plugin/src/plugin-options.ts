/** What can be written: a transport adapter, or an authentication scheme. */
export type PluginKind = 'adapter' | 'auth'

/** Who installs, and runs the scripts. */
export type PackageManager = 'npm' | 'pnpm' | 'yarn'

/** The licenses whose text is at hand, by their SPDX names. */
export type PluginLicense = 'Apache-2.0' | 'MIT' | 'ISC'

/** Every kind there is. */
export const KINDS: readonly PluginKind[] = ['adapter', 'auth']
/** Every package manager there is. */
export const PACKAGE_MANAGERS: readonly PackageManager[] = ['npm', 'pnpm', 'yarn']
/** Every license there is. */
export const LICENSES: readonly PluginLicense[] = ['Apache-2.0', 'MIT', 'ISC']

/** What {@link createPlugin} takes. */
export interface PluginOptions {
  /** An adapter or a scheme. */
  readonly kind: PluginKind
  /** The package's name on npm, with its scope if it has one: `entreat-adapter-redis`, `@acme/entreat-auth-hawk`. */
  readonly name: string
  /** The folder to write, made if it is not there; relative to the working directory. Default: the name without its scope. */
  readonly dir?: string | undefined
  /** An adapter's URL scheme, or the name that a scheme has in `Authorization`. Default: the words of the name. */
  readonly scheme?: string | undefined
  /** One sentence for the registry and the README. Default: one made of the kind and the scheme. */
  readonly description?: string | undefined
  /** `Name <address>`, for package.json and the license. Default: none. */
  readonly author?: string | undefined
  /** Default `'Apache-2.0'`. */
  readonly license?: PluginLicense | undefined
  /** Default `'npm'`. */
  readonly packageManager?: PackageManager | undefined
  /** Write into a folder that is not empty, over files of the same names. Default `false`. */
  readonly force?: boolean | undefined
  /** The year of the license. Default: this one. */
  readonly year?: number | undefined
}
