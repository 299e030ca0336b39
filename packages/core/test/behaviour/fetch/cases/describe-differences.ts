import type { Topic } from './fetch-case.ts'

const INTRODUCTION = `# session.fetch beside Node's fetch

\`session.fetch\` does what Node's own \`fetch\` does, unless a row here says otherwise. Every line of this page is a test that does
the same thing with both, against the same server. [How to use it](../guide/fetch.md).

<!-- Written by packages/core/test/behaviour/fetch/compares-with-fetch.test.ts: change the cases, then \`pnpm test compares-with-fetch -u\`. -->
`

const REMARKS = `## What no case can show

- A relative URL is resolved against the \`baseUrl\` of a Session that has one.
- The Session's \`timeout\` holds, where Node waits 300 s for the head and for each piece of the body.
- URLs are encoded as everywhere in a Session, as in Requests; see [differences](differences.md).
- \`credentials: 'include'\` and \`'same-origin'\` are one: no page is there that could have an origin.
`

/** The reference page that says where a Session's fetch differs, and where it does not. */
export function describeDifferences(topics: readonly Topic[]): string {
  const rows = topics.flatMap(({ cases }) =>
    cases.flatMap(({ name, differs }) =>
      differs === undefined ? [] : [[name, `\`${differs.node}\``, `\`${differs.session}\``, differs.why]],
    ),
  )
  const alike = topics.map(({ title, cases }) => {
    const names = cases.filter(({ differs }) => differs === undefined).map(({ name }) => `- ${name}`)
    return `### ${title}\n\n${names.join('\n')}\n`
  })
  const table = markdownTable([['case', "Node's fetch", 'session.fetch', 'why'], ...rows])
  return [INTRODUCTION, '## What differs\n', table, REMARKS, '## What is the same\n', ...alike].join('\n')
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('')
}
