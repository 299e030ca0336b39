/** Attempts to start: a port that was free may be taken the moment after. */
const START_ATTEMPTS = 3

/** Starts a server, and once more with other ports if it does not start. */
export async function persistently<Server>(start: () => Promise<Server>): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start()
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error
    }
  }
}
