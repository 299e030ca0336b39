import { readFileSync } from 'node:fs'
import { formatWithOptions } from 'node:util'

/** Longest time that a step may take, in milliseconds. */
const limitMs = 10_000

/**
 * Runs steps one after the other. A step is a module with
 *
 * - `title` and `claim`: what it shows, and what is true if it worked;
 * - `source`: its `import.meta.url`, from which the code between `// >>>` and `// <<<` is printed;
 * - `run({ server, console })`: the code; resolves with what there is to verify;
 * - `verify(outcome)`: throws unless the claim is true;
 * - `problem()`, if it needs what a machine may lack: resolves with a sentence that says what, or null.
 *
 * @param options.server - a TestServer, shared by all steps and reset before each.
 * @param options.theme - as createTheme() makes it.
 * @param options.write - takes each line of the report.
 * @returns the titles of the steps whose claim was not verified.
 */
export async function runSteps(steps, { server, theme, write }) {
  const failed = []
  let notShown = 0
  const started = performance.now()
  for (const [index, step] of steps.entries()) {
    write(`${theme.aside(`${index + 1}/${steps.length}`)}  ${theme.title(step.title)}\n`)
    for (const line of shownCode(step.source)) write(theme.code(line))
    write('')
    const missing = (await step.problem?.()) ?? null
    if (missing !== null) {
      notShown += 1
      write(`${theme.aside(`- not shown: ${missing}`)}\n`)
      continue
    }
    server.reset()
    const console = consoleOf((line) => write(theme.output(line)))
    const problem = await runStep(step, { server, console })
    write(problem === null ? `\n${theme.verified(step.claim)}\n` : `\n${theme.failed(problem)}\n`)
    if (problem !== null) failed.push(step.title)
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const shown = steps.length - notShown
  const rest = notShown === 0 ? '' : `, ${notShown} not shown`
  const verified = `${shown - failed.length} of ${shown} claims verified in ${seconds} s${rest}`
  write(
    failed.length === 0 ? theme.verified(verified) : theme.failed(`${verified}. Not verified: ${failed.join('; ')}`),
  )
  return failed
}

/** Null, or why the claim is not verified. */
async function runStep(step, given) {
  let timer
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limitMs / 1000} s`)), limitMs)
  })
  try {
    step.verify(await Promise.race([step.run(given), tooLate]))
    return null
  } catch (error) {
    return `${step.claim}: not verified. ${error?.stack ?? error}`
  } finally {
    clearTimeout(timer)
  }
}

/** The lines between the markers of a file, each region without its own indentation, an empty line between regions. */
function shownCode(source) {
  const regions = [...readFileSync(new URL(source), 'utf8').matchAll(/^ *\/\/ >>>\n(.*?)^ *\/\/ <<</gms)]

  return regions.flatMap(([, text], index) => {
    const lines = text.trimEnd().split('\n')
    const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/))
    const shown = lines.map((line) => line.slice(Math.min(...indents)))
    return index === 0 ? shown : ['', ...shown]
  })
}

/** A console whose lines go into the report. */
function consoleOf(writeLine) {
  const options = { compact: true, breakLength: 100, colors: false }
  const log = (...values) => {
    for (const line of formatWithOptions(options, ...values).split('\n')) writeLine(line)
  }
  return { log }
}
