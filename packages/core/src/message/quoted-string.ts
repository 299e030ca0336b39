/**
 * Reads a quoted string; one that does not end reads to the end of the text.
 *
 * @param start - just behind the opening quote.
 * @returns the value, and where the text goes on behind the closing quote.
 * @see RFC 9110 section 5.6.4: a backslash stands for the character after it
 */
export function readQuotedString(text: string, start: number): [value: string, end: number] {
  let value = ''
  let from = start
  let at = start
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') {
      value += text.slice(from, at)
      from = at + 1
      at += 2
    } else at++
  }
  return [value + text.slice(from, at), Math.min(at + 1, text.length)]
}
