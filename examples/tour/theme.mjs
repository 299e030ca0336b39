const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39] }

const token =
  /(?<comment>\/\/.*)|(?<text>'[^']*'|`[^`]*`)|\b(?<keyword>async|await|class|const|extends|for|function|if|import|from|new|of|return|yield)\b/g

/**
 * Whether to colour what is written to a stream.
 *
 * @param stream - such as `process.stdout`.
 * @param env - FORCE_COLOR says yes (`0` and `false`: no), then NO_COLOR and TERM=dumb say no; else a terminal is coloured.
 */
export function wantsColor(stream, env) {
  const { FORCE_COLOR, NO_COLOR, TERM } = env
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR || TERM === 'dumb') return false
  return stream.isTTY === true
}

/** How titles, code, claims and failures look, with colours or without. */
export function createTheme(hasColor) {
  const paint = (name, text) => (hasColor ? `\u001B[${codes[name][0]}m${text}\u001B[${codes[name][1]}m` : text)
  return {
    title: (text) => paint('bold', text),
    aside: (text) => paint('dim', text),
    code: (line) => paint('dim', '│ ') + highlight(line, paint),
    output: (line) => `  ${line}`,
    verified: (text) => `${paint('green', '✓')} ${text}`,
    failed: (text) => paint('red', `✗ ${text}`),
  }
}

function highlight(line, paint) {
  return line.replace(token, (found, ...rest) => {
    const { comment, text } = rest.at(-1)
    return paint(comment ? 'dim' : text ? 'yellow' : 'blue', found)
  })
}
