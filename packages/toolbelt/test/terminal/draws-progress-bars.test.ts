import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { progressBar } from '@entreat/toolbelt/progress-bar'

/** A stream that says it is a terminal, and keeps what was written to it. */
function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = ''
  const writable = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const stream = Object.assign(writable, { isTTY, columns: 100, rows: 30 }) as unknown as NodeJS.WriteStream
  return { stream, text: () => text }
}

const event = (transferred: number, total: number | null, isDone = false, attempt = 1) =>
  ({ transferred, total, isDone, attempt }) as const

test('draws label, percentage, amounts and the end', () => {
  const { stream, text } = terminal(true)
  const bar = progressBar({ label: 'whale.iso', stream })
  bar(event(512, 2048))
  bar(event(2048, 2048, true))
  expect(text()).toContain('whale.iso')
  expect(text()).toMatch(/100% 2\.0 KiB of 2\.0 KiB/)
  expect(text()).toContain('\u001b[?25h') // the cursor is there again
})

test('draws nothing where there is no terminal', () => {
  const { stream, text } = terminal(false)
  const bar = progressBar({ stream })
  bar(event(1, 2))
  bar(event(2, 2, true))
  bar.stop()
  expect(text()).toBe('')
})

test('an unknown total, requests, and a second attempt are shown as they are', () => {
  const { stream, text } = terminal(true)
  const bar = progressBar({ stream, unit: 'requests' })
  bar(event(3, 10))
  bar(event(10, 10, true))
  expect(text()).toContain('10 of 10 requests')
  const other = terminal(true)
  const again = progressBar({ stream: other.stream })
  again(event(5000, null, false, 2))
  again(event(5000, null, true, 2))
  expect(other.text()).toContain('4.9 KiB (attempt 2)')
})

test('a failure leaves the terminal as it was', () => {
  const { stream, text } = terminal(true)
  const bar = progressBar({ stream })
  bar(event(1, 10))
  bar.stop()
  bar.stop()
  expect(text()).toContain('\u001b[?25h')
})

test('a label is text, not commands to the terminal, nor a format', () => {
  const { stream, text } = terminal(true)
  const bar = progressBar({ stream, label: 'a\u001b[2Jb\r{bar}\u009bc' })
  bar(event(1, 1, true))
  expect(text()).not.toContain('\u001b[2J')
  expect(text()).toContain('a?[2Jb??bar??c')
})

test('refuses unknown options', () => {
  expect(() => progressBar({ colour: 'red' } as object)).toThrow(/has no option "colour"/)
})
