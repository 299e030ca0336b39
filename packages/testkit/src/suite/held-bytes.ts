import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** V8's own collector, which a new context has while the flag is set; the process need not have been started with it. */
function findCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}

let collect: (() => void) | null = null

/**
 * Bytes outside the heap that somebody holds: where Buffers are.
 *
 * What nobody holds any more is collected first. What tests before have left would otherwise be counted, or go while something is measured, and make room
 * for what should be found.
 */
export async function heldBytes(): Promise<number> {
  collect ??= findCollector()
  collect()
  // Memory of collected buffers is given back by another thread.
  await sleep(10)
  return process.memoryUsage().arrayBuffers
}

/** What does not count as a change, and how often in a row nothing may have changed, of so many looks at the most. */
const STILL_BYTES = 1024 * 1024
const STILL_LOOKS = 5
const MOST_LOOKS = 200

/** The same, once it stays as it is: what a test before has given up may take a moment to end. */
export async function settledBytes(): Promise<number> {
  let held = await heldBytes()
  for (let still = 0, looks = 0; still < STILL_LOOKS && looks < MOST_LOOKS; looks++) {
    const now = await heldBytes()
    still = Math.abs(now - held) < STILL_BYTES ? still + 1 : 0
    held = now
  }
  return held
}
