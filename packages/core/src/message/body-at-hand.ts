/** How much of a body is read ahead, in bytes. */
const READ_AHEAD = 1024 * 1024

/**
 * The body of a WHATWG Request: its bytes if they are all there already, else a stream.
 *
 * A Request shows text and bytes that it was made from as a stream. Read ahead, they have a length and can be sent again, as in Node's own fetch.
 * A stream whose next piece takes longer than a turn of the event loop, or that is longer than 1 MiB, is passed on as it comes.
 *
 * @throws TypeError if somebody reads the stream already.
 */
export async function bodyAtHand(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  const pieces: Uint8Array[] = []
  for (let length = 0; length <= READ_AHEAD;) {
    const reading = reader.read()
    // Of a failure whoever sends it hears.
    const step = await Promise.race([reading.catch(() => null), nextTurn()])
    if (step === null) return resume(pieces, reader, reading)
    if (step.done) return Buffer.concat(pieces)
    pieces.push(step.value)
    length += step.value.byteLength
  }
  return resume(pieces, reader, reader.read())
}

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

function nextTurn(): Promise<null> {
  return new Promise((resolve) => {
    setImmediate(resolve, null)
  })
}

/** What was read, then what is being read, then the rest. */
function resume(
  pieces: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: Promise<Step>,
): ReadableStream<Uint8Array> {
  let reading: Promise<Step> | null = first
  // Whoever pulls hears of it.
  first.catch(() => {})
  return new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
    },
    async pull(controller) {
      const step = await (reading ?? reader.read())
      reading = null
      if (step.done) controller.close()
      else controller.enqueue(step.value)
    },
    cancel(reason) {
      return reader.cancel(reason)
    },
  })
}
