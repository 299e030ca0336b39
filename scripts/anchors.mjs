/**
 * The anchor that GitHub gives to a heading, before `-1`, `-2`… are added to repeated ones. The site uses the same,
 * so that one link serves both.
 *
 * @param heading - its text, with or without Markdown.
 */
export function anchorOf(heading) {
  const plain = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
  return plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
}
