import { readOptions, UsageError } from '@entreat/core'
import type { Har } from './har/har.ts'
import { escapeHtml } from './waterfall/escape-html.ts'
import { formatBytes, formatDuration } from './waterfall/format.ts'
import { PHASES } from './waterfall/phases.ts'
import { renderRow } from './waterfall/render-row.ts'
import { STYLES } from './waterfall/styles.ts'
import { timelineOf, type Timeline } from './waterfall/timeline.ts'

/** Options of {@link renderWaterfall}. */
export interface WaterfallOptions {
  /** Heading of the page. Default `HTTP exchanges`. */
  readonly title?: string
  /** Language of the title, for whoever reads the page aloud. Default `en`. */
  readonly language?: string
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof WaterfallOptions>(['title', 'language'])
/** Nothing is loaded and no script runs, whatever the HAR holds. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/**
 * A HAR as a page to look at: one file of HTML, without scripts and without anything to load. A bar a request shows its phases; opened, a row shows
 * headers, bodies and numbers. Follows the reader's choice of dark and light.
 *
 * @param har - of any tool. What it holds is shown as it is: mask secrets when you record.
 * @throws UsageError for what is no HAR, or an unknown option.
 */
export function renderWaterfall(har: Har, options?: WaterfallOptions): string {
  const { title = 'HTTP exchanges', language = 'en' } = readOptions(options, OPTION_KEYS, 'renderWaterfall()')
  const timeline = timelineOf(entriesOf(har))
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${STYLES}</style>
</head>
<body>
<main>
<header class="top">
<h1>${escapeHtml(title)}</h1>
${renderSummary(timeline)}
${renderLegend()}
</header>
${timeline.rows.length === 0 ? '<p class="empty">Nothing was recorded.</p>' : renderTable(timeline)}
</main>
</body>
</html>
`
}

function entriesOf(har: Har): Har['log']['entries'] {
  const entries = (har as Partial<Har> | null | undefined)?.log?.entries
  if (!Array.isArray(entries)) throw new UsageError('renderWaterfall() takes a HAR: an object with log.entries')
  return entries as Har['log']['entries']
}

function renderSummary({ rows, totalMs }: Timeline): string {
  const received = rows.reduce((sum, { entry }) => sum + Math.max(0, entry.response.bodySize), 0)
  const failed = rows.filter(({ entry }) => entry.response.status === 0 || entry.response.status >= 400).length
  const facts = [
    ['Exchanges', String(rows.length)],
    ['Received', formatBytes(received)],
    ['Time', formatDuration(totalMs)],
    ['Refused or failed', String(failed)],
  ] as const
  const items = facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`)
  return `<dl class="facts">${items.join('')}</dl>`
}

function renderLegend(): string {
  const items = PHASES.map(({ key, label }) => `<li><span class="swatch ${key}"></span>${label}</li>`)
  return `<ul class="legend" aria-label="Phases">${items.join('')}</ul>`
}

function renderTable(timeline: Timeline): string {
  const ticks = timeline.ticks
    .map(({ ms, percent }) => `<span class="tick" style="left:${percent}%">${formatDuration(ms)}</span>`)
    .join('')
  return `<div class="head" aria-hidden="true"><span>Request</span><span>Status</span><span>Size</span><span>Time</span><span class="axis">${ticks}</span></div>
<ol class="rows">
${timeline.rows.map((row) => renderRow(row, timeline)).join('\n')}
</ol>`
}
