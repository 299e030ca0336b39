// What type-checking costs a project that uses every package: `node scripts/type-cost.mjs`, after `pnpm build`; `--json` for programs.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { readManifest, root } from './install.mjs'

const USE = `
const session = new core.Session({ baseUrl: 'https://api.example.com/', timeout: 5_000, retry: 3, hooks: { response: [(r) => r] } })
export async function use(): Promise<string> {
  const response = await session.post('users', { json: { name: 'Ada' }, params: { a: [1, 2] }, files: { f: ['n', 'x'] }, auth: ['u', 'p'] })
  const user = response.json(schema)
  try {
    response.raiseForStatus()
  } catch (error) {
    if (core.hasCode(error, 'ERR_HTTP_STATUS', 'ERR_READ_TIMEOUT')) return error.code
  }
  return user.name
}
declare const schema: core.StandardSchemaV1<unknown, { name: string }>
`

/** Every public entry of every package. */
function entries() {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
    const { name, exports } = readManifest(`packages/${folder}`)
    return Object.keys(exports ?? {})
      .filter((entry) => !entry.endsWith('.json') && typeof exports[entry] === 'object' && 'types' in exports[entry])
      .map((entry) => name + entry.slice(1))
  })
}

/** Checks a module by the options of a strict user. */
function measure(source) {
  const file = join(root, 'type-cost.ts')
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const base = { ...host }
  host.readFile = (path) => (path === file ? source : base.readFile(path))
  host.fileExists = (path) => path === file || base.fileExists(path)
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, source, { languageVersion: options.target, impliedNodeFormat: ts.ModuleKind.ESNext })
      : base.getSourceFile(path, ...rest)
  const started = performance.now()
  const program = ts.createProgram([file], options, host)
  const errors = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  return {
    seconds: Math.round(performance.now() - started) / 1000,
    instantiations: program.getInstantiationCount(),
    types: program.getTypeCount(),
    errors,
  }
}

const names = entries()
const imports = names.map((name, index) => `import * as m${index} from '${name}'\nexport { m${index} }`)
const whole = measure([`import * as core from '@entreat/core'`, ...imports, USE].join('\n'))
const bare = measure('import * as http from "node:http"\nexport { http }')
const result = { entries: names.length, ...whole, bare: { ...bare } }
if (process.argv.includes('--json')) console.log(JSON.stringify(result))
else {
  const { seconds, instantiations, types, errors } = whole
  console.log(`${names.length} entries: ${instantiations} instantiations, ${types} types, ${seconds} s`)
  console.log(`node:http alone: ${bare.instantiations} instantiations, ${bare.types} types, ${bare.seconds} s`)
  for (const error of errors) console.log(`FAILED ${error}`)
}
process.exitCode = whole.errors.length === 0 ? 0 : 1
