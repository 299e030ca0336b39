import cliProgress from 'cli-progress'
import { readOptions } from '@entreat/core'
import type { OnProgress, Progress } from './progress.ts'

/** Options of {@link progressBar}. */
export interface ProgressBarOptions {
  /** What is going on, in front of the bar. */
  readonly label?: string
  /** What is counted: bytes (default), or requests of `map`. */
  readonly unit?: 'bytes' | 'requests'
  /** Where to draw. Default `process.stderr`. */
  readonly stream?: NodeJS.WriteStream
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof ProgressBarOptions>(['label', 'unit', 'stream'])

/** A callback for `onProgress`, and what ends its bar early. */
export type ProgressBar = OnProgress & {
  /** Leaves the line as it is. Called by itself when the transfer is done; to be called when it fails. */
  stop(): void
}

/**
 * A progress bar in the terminal, for downloads, uploads and `map`: pass it as `onProgress`. It draws nothing where the stream is no terminal.
 *
 * @throws UsageError for an unknown option.
 */
export function progressBar(options?: ProgressBarOptions): ProgressBar {
  const { label = '', unit = 'bytes', stream = process.stderr } = readOptions(options, OPTION_KEYS, 'progressBar()')
  let bar: cliProgress.SingleBar | null = null
  const show = ({ transferred, total, isDone, attempt }: Progress): void => {
    if (!stream.isTTY) return
    bar ??= startBar(label, stream)
    bar.setTotal(total ?? Math.max(transferred, 1))
    bar.update(transferred, {
      shown: describe(transferred, total, unit),
      again: attempt > 1 ? ` (attempt ${attempt})` : '',
    })
    if (isDone) stop()
  }
  const stop = (): void => {
    bar?.stop()
    bar = null
  }
  return Object.assign(show, { stop })
}

function startBar(label: string, stream: NodeJS.WriteStream): cliProgress.SingleBar {
  const format = `${printable(label)}${label === '' ? '' : ' '}{bar} {percentage}% {shown}{again}`
  const bar = new cliProgress.SingleBar(
    { format, stream, hideCursor: true, gracefulExit: false, barsize: 30, emptyOnZero: true, fps: 10 },
    cliProgress.Presets.shades_classic,
  )
  bar.start(1, 0, { shown: '', again: '' })
  return bar
}

/** A file's name may come from a server: nothing in it is a command to the terminal, or a placeholder of the bar. */
function printable(label: string): string {
  return label.replace(/[\x00-\x1f\x7f-\x9f{}]/g, '?')
}

function describe(transferred: number, total: number | null, unit: 'bytes' | 'requests'): string {
  const format = unit === 'bytes' ? bytesOf : String
  const of = total === null ? '' : ` of ${format(total)}`
  return `${format(transferred)}${of}${unit === 'requests' ? ' requests' : ''}`
}

function bytesOf(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit] as string}`
}
