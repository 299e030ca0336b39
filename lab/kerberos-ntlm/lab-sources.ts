import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the lab's own programs and configuration. */
export const labSources: string = dirname(fileURLToPath(import.meta.url))
