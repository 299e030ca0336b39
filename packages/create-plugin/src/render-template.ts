import type { PackageManager } from './plugin-options.ts'

/** What stands in a template for what. */
export type Replacements = Readonly<Record<string, string>>

/** A line that only one package manager needs ends so: `# only: pnpm`. */
const ONLY = / # only: (\w+)$/

/**
 * A template's text for one plugin: lines of other package managers left out, names filled in, and `npm run` said as its package manager says it.
 *
 * One pass, so that nothing which was filled in is looked at again.
 */
export function renderTemplate(text: string, replacements: Replacements, packageManager: PackageManager): string {
  const lines = text.split('\n').flatMap((line) => {
    const only = ONLY.exec(line)
    if (only === null) return [line]
    return only[1] === packageManager ? [line.replace(ONLY, '')] : []
  })
  return fillIn(lines.join('\n').replaceAll('npm run ', `${packageManager} run `), replacements)
}

/** Fills in names alone, in a path or a text. */
export function fillIn(text: string, replacements: Replacements): string {
  return text.replace(/template-[a-z]+|Template(?:Adapter|Auth|Target|Scheme)|templateTarget/g, (name) =>
    Object.hasOwn(replacements, name) ? (replacements[name] as string) : name,
  )
}
