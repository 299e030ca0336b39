import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AdapterCapabilities, type AdapterTarget, seededBlocks } from '@entreat/testkit'

/** What FileAdapter declares: no network, no bodies to upload. */
export const capabilities: AdapterCapabilities = { statuses: true, streaming: true }

/** A folder of files, as the suite's world. */
export class FileTarget implements AdapterTarget {
  readonly folder = mkdtempSync(join(tmpdir(), 'file-adapter-'))

  resource(length: number, seed: number): { url: string } {
    const path = join(this.folder, `${length} bytes, 100 % seed ${seed}.bin`)
    writeFileSync(path, '')
    for (const block of seededBlocks(length, seed)) writeFileSync(path, block, { flag: 'a' })
    return { url: pathToFileURL(path).href }
  }

  /** A name that no file system takes. */
  failing(): { url: string } {
    return { url: pathToFileURL(join(this.folder, 'x'.repeat(5000))).href }
  }

  /** Open files in the folder, as Linux tells; elsewhere none. */
  open(): number {
    const links = process.platform === 'linux' ? readdirSync('/proc/self/fd') : []
    return links.filter((fd) => this.#pathOf(fd).startsWith(this.folder)).length
  }

  #pathOf(fd: string): string {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  }

  readonly statuses = (): readonly { url: string; statusCode: number; method?: string }[] => {
    const { url } = this.resource(10, 1)
    mkdirSync(join(this.folder, 'folder'), { recursive: true })
    const folder = pathToFileURL(join(this.folder, 'folder')).href
    return [
      { url, statusCode: 200 },
      { url, statusCode: 200, method: 'HEAD' },
      { url, statusCode: 405, method: 'POST' },
      { url: `${url}.missing`, statusCode: 404 },
      { url: `${url}/below`, statusCode: 404 },
      { url: folder, statusCode: 404 },
    ]
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
