import { type PrimitiveValue, parseTemplate, type Template } from 'url-template'
import { UsageError } from '@entreat/core'

/** The value of a variable: text, a list, or names with values. `null` and `undefined` are as good as absent. */
export type TemplateValue =
  | PrimitiveValue
  | undefined
  | readonly (PrimitiveValue | undefined)[]
  | { readonly [name: string]: PrimitiveValue | undefined }

/** RFC 6570 section 2: an expression, all of it. */
const VARIABLE_NAME = /(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*/.source
const EXPRESSION = new RegExp(
  `^[+#./;?&]?${VARIABLE_NAME}(?::[1-9]\\d{0,3}|\\*)?(?:,${VARIABLE_NAME}(?::[1-9]\\d{0,3}|\\*)?)*$`,
)
/** RFC 6570 section 2.1: what must not stand outside expressions. */
const ILLEGAL_LITERAL = /[\x00-\x20"'<>\\^`{|}\x7f]|%(?![0-9A-Fa-f]{2})/
const REMEMBERED = 200
const remembered = new Map<string, Template>()

/**
 * Expands a URI template of level 4: `expandTemplate('/users/{id}{?page,tags*}', { id: 7, tags: ['a', 'b'] })` is `/users/7?tags=a&tags=b`.
 *
 * `{name}` encodes whatever could change the URL's structure; `{+name}` and `{#name}` let it through: give them nothing that a stranger wrote.
 *
 * @param variables - own members only.
 * @throws UsageError for a template with broken syntax.
 * @see RFC 6570
 */
export function expandTemplate(template: string, variables: { readonly [name: string]: TemplateValue } = {}): string {
  // The library looks names up as they are: what is not the caller's own must not be there.
  const own = Object.create(null) as Record<string, never>
  for (const name of Object.keys(variables)) own[name] = ownValue(variables[name]) as never
  return parsed(template).expand(own)
}

function parsed(text: string): Template {
  const known = remembered.get(text)
  if (known !== undefined) return known
  check(text)
  const template = parseTemplate(text)
  if (remembered.size >= REMEMBERED) remembered.clear()
  remembered.set(text, template)
  return template
}

function check(template: string): void {
  if (typeof template !== 'string') throw new UsageError(`A URI template is text, not ${typeof template}`)
  const complain = (what: string): never => {
    throw new UsageError(`URI template ${JSON.stringify(template)}: ${what} (RFC 6570 section 2)`)
  }
  for (const [index, part] of template.split('{').entries()) {
    const end = index === 0 ? -1 : part.indexOf('}')
    if (index > 0 && end === -1) complain('an expression is not closed')
    const expression = part.slice(0, Math.max(0, end))
    if (index > 0 && !EXPRESSION.test(expression)) complain(`{${expression}} is no expression`)
    const literal = part.slice(end + 1)
    const illegal = ILLEGAL_LITERAL.exec(literal)
    if (illegal !== null) complain(`${JSON.stringify(illegal[0])} must not stand outside an expression`)
  }
}

function ownValue(value: TemplateValue): unknown {
  if (typeof value !== 'object' || value === null) return value ?? null
  if (Array.isArray(value)) return value.filter((item) => item !== undefined && item !== null)
  const pairs = Object.entries(value).filter(([, member]) => member !== undefined && member !== null)
  return Object.assign(Object.create(null), Object.fromEntries(pairs))
}
