/** Milliseconds as people read them: `0.4 ms`, `34 ms`, `1.25 s`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  if (ms === 0) return '0 ms'
  if (ms < 10) return `${trimmed(ms, ms < 1 ? 2 : 1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${trimmed(ms / 1000, 2)} s` : `${trimmed(ms / 60_000, 1)} min`
}

/** Bytes as people read them; a dash for an unknown number. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${trimmed(value, unit === 0 || value >= 100 ? 0 : 1)} ${units[unit] as string}`
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
