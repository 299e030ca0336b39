import {
  type AdapterCapabilities,
  type AdapterTarget,
  type Place,
  seededBlocks,
  type StatusPlace,
} from '@entreat/testkit'
import { TemplateAdapter } from '../src/index.ts'

/**
 * What the adapter can do. The suite tests what is declared here, and reports what is not: declare `streaming`, `uploads`,
 * `network` and the others as the adapter learns them.
 */
export const capabilities: AdapterCapabilities = { statuses: true }

/** The world that the suite tests the adapter in. */
export class TemplateTarget implements AdapterTarget {
  readonly #contents = new Map<string, Uint8Array>()

  /** An adapter for this world. */
  adapter(): TemplateAdapter {
    return new TemplateAdapter({ source: async (url) => this.#find(url) })
  }

  /** A URL with this content, which the suite reads. */
  resource(length: number, seed: number): Place {
    const content = Buffer.concat([...seededBlocks(length, seed)])
    return { url: `template-scheme://main/${this.#store(content)}` }
  }

  /** A URL that can be neither read nor said to be missing. */
  failing(): Place {
    return { url: 'template-scheme://broken/anything' }
  }

  readonly statuses = (): readonly StatusPlace[] => {
    const { url } = this.resource(10, 1)
    return [
      { url, statusCode: 200 },
      { url, statusCode: 200, method: 'HEAD' },
      { url, statusCode: 405, method: 'POST' },
      { url: 'template-scheme://main/missing', statusCode: 404 },
    ]
  }

  /** Connections, files and the like that adapters hold open here now. */
  open(): number {
    return 0
  }

  /** Keeps content where the adapter finds it, and gives its name. */
  #store(content: Uint8Array): string {
    const name = String(this.#contents.size)
    this.#contents.set(`/${name}`, content)
    return name
  }

  #find(url: URL): Uint8Array | null {
    if (url.host === 'broken') throw new Error('the source is broken')
    return this.#contents.get(url.pathname) ?? null
  }
}
