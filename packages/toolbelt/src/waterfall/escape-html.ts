const ENTITIES: Readonly<{ [character: string]: string }> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
/** Text that turns writing around could make a row show another URL than the one that was asked for. */
const DIRECTION_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Any value as text between tags, or in a quoted attribute. */
export function escapeHtml(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null ? '' : (JSON.stringify(value) ?? '')
  return text.replace(DIRECTION_CONTROLS, '\ufffd').replace(/[&<>"']/g, (found) => ENTITIES[found] as string)
}
