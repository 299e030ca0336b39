/** A file or directory of {@link FTPFiles}. */
export interface FTPNode {
  /** `null` for a directory. */
  readonly content: Buffer | null
  readonly modified: Date
}

/** A tree of files in memory, by absolute path. */
export class FTPFiles {
  readonly #nodes = new Map<string, FTPNode>([['/', { content: null, modified: new Date() }]])

  /** The absolute path that a name means, seen from a directory. */
  resolve(name: string, from: string): string {
    const parts: string[] = []
    for (const part of `${name.startsWith('/') ? '' : `${from}/`}${name}`.split('/')) {
      if (part === '..') parts.pop()
      else if (part !== '' && part !== '.') parts.push(part)
    }
    return `/${parts.join('/')}`
  }

  get(path: string): FTPNode | undefined {
    return this.#nodes.get(path)
  }

  /** The content of a file, or `null` if there is none. */
  read(path: string): Buffer | null {
    return this.#nodes.get(path)?.content ?? null
  }

  /** Writes a file, and the directories above it. */
  write(path: string, content: string | Uint8Array, modified: Date = new Date()): void {
    this.makeDirectory(parentOf(path))
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
    this.#nodes.set(path, { content: bytes, modified })
  }

  /** Makes a directory, and those above it. */
  makeDirectory(path: string): void {
    for (let at = path; this.#nodes.get(at) === undefined; at = parentOf(at))
      this.#nodes.set(at, { content: null, modified: new Date() })
  }

  isDirectory(path: string): boolean {
    return this.#nodes.get(path)?.content === null
  }

  /** Names in a directory, in order. */
  names(directory: string): string[] {
    const prefix = directory === '/' ? '/' : `${directory}/`
    const below = [...this.#nodes.keys()].filter((path) => path.startsWith(prefix) && path !== '/')
    return below
      .map((path) => path.slice(prefix.length))
      .filter((name) => !name.includes('/'))
      .sort()
  }

  /** Removes a file, or a directory that is empty. @returns whether it did. */
  remove(path: string, isDirectory: boolean): boolean {
    if (path === '/' || this.isDirectory(path) !== isDirectory || this.names(path).length > 0) return false
    return this.#nodes.delete(path)
  }

  /** Renames a file or directory, and what is below it. */
  move(from: string, to: string): void {
    for (const [path, node] of Array.from(this.#nodes)) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#nodes.delete(path)
      this.#nodes.set(to + path.slice(from.length), node)
    }
  }
}

/** The directory that holds a path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** `20261126010000`, as MDTM and MLSD write times (RFC 3659 section 2.3). */
export function ftpTime(date: Date): string {
  return date.toISOString().replace(/[-:T]|\..*$/g, '')
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** One line of LIST, as `ls -l` writes it. */
export function listLine(name: string, { content, modified }: FTPNode): string {
  const kind = content === null ? 'drwxr-xr-x' : '-rw-r--r--'
  const size = String(content?.length ?? 4096).padStart(10)
  const day = String(modified.getUTCDate()).padStart(2)
  return `${kind}   1 ftp      ftp      ${size} ${MONTHS[modified.getUTCMonth()]} ${day}  ${modified.getUTCFullYear()} ${name}`
}

/** One line of MLSD. */
export function mlsdLine(name: string, { content, modified }: FTPNode): string {
  const size = content === null ? '' : `size=${content.length};`
  return `type=${content === null ? 'dir' : 'file'};${size}modify=${ftpTime(modified)}; ${name}`
}
