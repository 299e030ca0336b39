import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** One `machine` or `default` entry. */
export interface NetrcEntry {
  /** The login, or the account where the login is empty. */
  readonly login: string
  readonly password: string
}

/** The credentials of a netrc file. Shows none of them when it is printed or serialised. */
export class Netrc {
  readonly #machines: ReadonlyMap<string, NetrcEntry>
  readonly #fallback: NetrcEntry | null

  /**
   * @param machines - entries by lower-case host.
   * @param fallback - the `default` entry, if there is one.
   */
  constructor(machines: ReadonlyMap<string, NetrcEntry>, fallback: NetrcEntry | null) {
    this.#machines = machines
    this.#fallback = fallback
  }

  /**
   * The credentials for a host: those of its own entry, else of `default`.
   *
   * @param host - a host name or address without port; case does not matter, brackets around an IPv6 address neither.
   * @returns `null` if there is no entry, or if the host's own entry is empty (which keeps `default` from it).
   */
  credentialsFor(host: string): { username: string; password: string } | null {
    const entry = this.#machines.get(nameOf(host)) ?? this.#fallback
    if (entry === null || (entry.login === '' && entry.password === '')) return null
    return { username: entry.login, password: entry.password }
  }
}

/**
 * Parses the netrc format as Python's `netrc` reads it: `machine`, `default`, `login`, `user`, `account`, `password`, `macdef`; tokens may be quoted and hold
 * backslash escapes; several entries may share a line; of two entries for one host the later counts.
 *
 * Differs in two ways: a comment reaches from a word that begins with `#` to the end of its line wherever it stands, and `machine default` is a host of that
 * name and not the `default` entry. A `#` inside a value is part of it.
 *
 * @returns `null` if the text is malformed: then nothing in it counts.
 */
export function parseNetrc(text: string): Netrc | null {
  const lexer = new NetrcLexer(text)
  const machines = new Map<string, NetrcEntry>()
  let fallback: NetrcEntry | null = null
  for (let token = lexer.keyword(); token !== null; token = lexer.keyword()) {
    if (token === 'machine') {
      const name = lexer.value()
      const entry = name === '' ? null : readEntry(lexer)
      if (entry === null) return null
      machines.set(nameOf(name), entry)
    } else if (token === 'default') {
      fallback = readEntry(lexer)
      if (fallback === null) return null
    } else if (token !== 'macdef' || !lexer.skipMacro()) return null
  }
  return new Netrc(machines, fallback)
}

/** Stands for a directory, pipe or device: reading one could block. */
const NOT_A_FILE = ''

/** The last file read. */
let cached: { readonly version: string; readonly netrc: Netrc | null } | null = null

/**
 * Reads the user's netrc: the file that `$NETRC` names, else `~/.netrc`, else `~/_netrc`. Reads it again only after it changed.
 *
 * @param env - usually `process.env`; of it `NETRC`, `HOME` and `USERPROFILE` are looked at.
 * @returns `null` if there is no such file, if it is no regular file, cannot be read or is malformed. If `$NETRC` is set no other place is tried.
 */
export function readNetrc(env: NodeJS.ProcessEnv): Netrc | null {
  for (const path of netrcPaths(env)) {
    const version = versionOf(path)
    if (version === null) continue
    if (version === NOT_A_FILE) return null
    if (cached?.version !== version) cached = { version, netrc: loadNetrc(path) }
    return cached.netrc
  }
  return null
}

function netrcPaths(env: NodeJS.ProcessEnv): string[] {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? homedir()
  const named = env['NETRC']
  if (named === undefined) return [join(home, '.netrc'), join(home, '_netrc')]
  if (named === '') return []
  return [named === '~' || named.startsWith('~/') ? join(home, named.slice(1)) : named]
}

/** What tells one content of the file from another; `null` if there is nothing. */
function versionOf(path: string): string | null {
  try {
    const status = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (status === undefined) return null
    return status.isFile() ? `${status.dev}:${status.ino}:${status.mtimeNs}:${status.size}:${path}` : NOT_A_FILE
  } catch {
    return null
  }
}

function loadNetrc(path: string): Netrc | null {
  try {
    return parseNetrc(decode(readFileSync(path)))
  } catch {
    return null
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

function nameOf(host: string): string {
  return (host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host).toLowerCase()
}

function readEntry(lexer: NetrcLexer): NetrcEntry | null {
  let login = ''
  let account = ''
  let password = ''
  for (;;) {
    const start = lexer.position
    const token = lexer.keyword()
    if (token === 'login' || token === 'user') login = lexer.value()
    else if (token === 'account') account = lexer.value()
    else if (token === 'password') password = lexer.value()
    else if (token === null || token === 'machine' || token === 'default' || token === 'macdef') {
      lexer.position = start
      return { login: login === '' ? account : login, password }
    } else return null
  }
}

/** Cuts netrc text into tokens. */
class NetrcLexer {
  readonly #text: string
  position = 0

  constructor(text: string) {
    this.#text = (text.startsWith('\ufeff') ? text.slice(1) : text).replaceAll('\r\n', '\n').replaceAll('\r', '\n')
  }

  /** The next token that is no comment; `null` at the end. */
  keyword(): string | null {
    for (;;) {
      const token = this.#next()
      if (token?.startsWith('#') !== true) return token
      this.#skipLine()
    }
  }

  /** The token after a keyword; empty at the end. */
  value(): string {
    return this.#next() ?? ''
  }

  /** Skips a macro's name and its lines up to the empty one that ends it. Returns `false` if none does. */
  skipMacro(): boolean {
    this.#next()
    this.#skipLine()
    if (this.#text[this.position] === '\n') return true
    const end = this.#text.indexOf('\n\n', this.position)
    if (end === -1) return false
    this.position = end + 2
    return true
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.position)
    this.position = end === -1 ? this.#text.length : end + 1
  }

  #next(): string | null {
    const text = this.#text
    let at = this.position
    while (at < text.length && isBlank(text.charCodeAt(at))) at++
    if (at >= text.length) {
      this.position = text.length
      return null
    }
    const quoted = text[at] === '"'
    if (quoted) at++
    let token = ''
    let from = at
    while (at < text.length && !(quoted ? text[at] === '"' : isBlank(text.charCodeAt(at)))) {
      if (text[at] === '\\') {
        token += text.slice(from, at)
        from = at + 1
        at += 2
      } else at++
    }
    // What ends an unquoted token stays: a comment or macro needs to see whether it is the line's end.
    this.position = Math.min(quoted ? at + 1 : at, text.length)
    return token + text.slice(from, at)
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}
