import type { HarHeader } from '../har/har.ts'
import { escapeHtml } from './escape-html.ts'
import { formatBytes, formatDuration } from './format.ts'
import { percentOf, type Row, type Timeline } from './timeline.ts'

/** Characters shown of one body. */
const LONGEST_BODY = 20_000

/** One exchange: a line with its bar, which opens to show the rest. */
export function renderRow(row: Row, timeline: Timeline): string {
  const { request, response } = row.entry
  const size = response.bodySize >= 0 ? response.bodySize : response.content.size
  return `<li class="row" data-url="${escapeHtml(request.url)}"><details><summary>
<span class="request"><span class="method">${escapeHtml(request.method)}</span> <span class="url" title="${escapeHtml(request.url)}">${renderUrl(request.url)}</span>${renderLabels(row)}</span>
<span class="status s${statusClass(response.status)}">${renderStatus(row)}</span>
<span class="size"><span class="sr">received </span>${formatBytes(size)}</span>
<span class="time"><span class="sr">in </span>${formatDuration(row.durationMs)}</span>
${renderBar(row, timeline)}
</summary>
${renderDetails(row)}
</details></li>`
}

/** The path stands out, the host steps back. */
function renderUrl(url: string): string {
  const [, origin = '', rest = url] = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)(.*)$/is.exec(url) ?? []
  return `<span class="origin">${escapeHtml(origin)}</span><span class="path">${escapeHtml(rest)}</span>`
}

function renderLabels({ labels }: Row): string {
  return labels.map((label) => ` <span class="label">${escapeHtml(label)}</span>`).join('')
}

function statusClass(status: number): number {
  return Number.isInteger(status) && status >= 100 && status < 600 ? Math.floor(status / 100) : 0
}

function renderStatus({ entry: { response } }: Row): string {
  if (response.status === 0) return 'failed'
  const broken =
    response._error === undefined ? '' : '<span class="sr">, broken off</span><span aria-hidden="true"> !</span>'
  return `<span class="sr">status </span>${escapeHtml(response.status)}${broken}`
}

/** Lengths are parts of the whole axis; a bar is never narrower than can be seen. */
function renderBar({ startMs, durationMs, spans }: Row, { totalMs, ticks }: Timeline): string {
  const parts = spans
    .filter(({ ms }) => ms > 0)
    .map(({ key, ms }) => `<span class="phase ${key}" style="flex-grow:${Number(ms.toFixed(3))}"></span>`)
  const lines = ticks.map(({ percent }) => `<span class="line" style="left:${percent}%"></span>`).join('')
  const heard = [
    `begins at ${formatDuration(startMs)}`,
    ...spans.filter(({ ms }) => ms > 0).map(({ label, ms }) => `${label} ${formatDuration(ms)}`),
  ].join(', ')
  const place = `left:${percentOf(startMs, totalMs)}%;width:${percentOf(durationMs, totalMs)}%`
  return `<span class="lane" role="img" aria-label="${escapeHtml(heard)}">${lines}<span class="bar" style="${place}">${parts.join('')}</span></span>`
}

function renderDetails(row: Row): string {
  const { request, response, comment } = row.entry
  const sections = [
    response._error === undefined ? '' : `<p class="error">${escapeHtml(response._error)}</p>`,
    comment === undefined ? '' : `<p>${escapeHtml(comment)}</p>`,
    `<p class="whole">${escapeHtml(request.method)} ${escapeHtml(request.url)}</p>`,
    section('Phases', renderSpans(row)),
    section('Request headers', renderHeaders(request.headers)),
    section('Request body', renderBody(request.postData?.text, request.postData?.comment)),
    section('Response headers', renderHeaders(response.headers)),
    section('Response body', renderContent(row)),
  ]
  return `<div class="details">${sections.join('')}</div>`
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<section><h2>${title}</h2>${content}</section>`
}

function renderSpans({ spans, startMs, durationMs }: Row): string {
  const rows = spans.map(
    ({ key, label, ms }) =>
      `<tr><th scope="row"><span class="swatch ${key}"></span>${label}</th><td>${formatDuration(ms)}</td></tr>`,
  )
  return `<table><tr><th scope="row">Begins at</th><td>${formatDuration(startMs)}</td></tr>${rows.join('')}<tr class="sum"><th scope="row">Total</th><td>${formatDuration(durationMs)}</td></tr></table>`
}

function renderHeaders(headers: readonly HarHeader[]): string {
  if (headers.length === 0) return ''
  const lines = headers.map(({ name, value }) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
  return `<dl class="headers">${lines.join('')}</dl>`
}

function renderContent({ entry: { response } }: Row): string {
  const { content } = response
  if (content.encoding !== undefined) return `<p>${formatBytes(content.size)} that are no text</p>`
  return renderBody(content.text, content.comment)
}

function renderBody(text: string | undefined, comment: string | undefined): string {
  const note = comment === undefined ? '' : `<p>${escapeHtml(comment)}</p>`
  if (text === undefined || text === '') return note
  const rest = text.length > LONGEST_BODY ? `<p>… ${text.length - LONGEST_BODY} characters more</p>` : ''
  return `${note}<pre tabindex="0">${escapeHtml(text.slice(0, LONGEST_BODY))}</pre>${rest}`
}
