import { randomUUID } from 'node:crypto'
import type { KoffiFunc, LibraryHandle } from 'koffi'
import type { Cell, Handle, Koffi, ParameterType } from './gss-functions.ts'

interface Krb5Functions {
  readonly initContext: KoffiFunc<(context: Cell<Handle>) => number>
  readonly freeContext: KoffiFunc<(context: Handle) => void>
  readonly resolve: KoffiFunc<(context: Handle, name: string, ccache: Cell<Handle>) => number>
  readonly destroy: KoffiFunc<(context: Handle, ccache: Handle) => number>
}

/** Credential caches in memory, which live until they are destroyed: GSSAPI makes them and has no way to end them. */
export class TicketStore {
  readonly #krb5: Krb5Functions

  private constructor(krb5: Krb5Functions) {
    this.#krb5 = krb5
  }

  /** @returns `null` where the library is not to be had: then caches stay until the process ends. */
  static open(koffi: Koffi): TicketStore | null {
    for (const path of libraryPaths()) {
      try {
        return new TicketStore(bind(koffi, koffi.load(path, { deep: true })))
      } catch {
        // The next one may be there.
      }
    }
    return null
  }

  /** A name for a cache of one's own. */
  static newName(): string {
    return `MEMORY:entreat-${randomUUID()}`
  }

  /** Destroys a cache and the tickets in it, if it exists. */
  destroy(name: string): void {
    const context: Cell<Handle> = [null]
    if (this.#krb5.initContext(context) !== 0) return
    try {
      const ccache: Cell<Handle> = [null]
      // Destroying closes the handle as well.
      if (this.#krb5.resolve(context[0], name, ccache) === 0) this.#krb5.destroy(context[0], ccache[0])
    } finally {
      this.#krb5.freeContext(context[0])
    }
  }
}

function libraryPaths(): readonly string[] {
  if (process.platform !== 'darwin') return ['libkrb5.so.3', 'libkrb5.so']
  return ['/opt/homebrew/opt/krb5/lib', '/usr/local/opt/krb5/lib', '/opt/local/lib'].map(
    (folder) => `${folder}/libkrb5.dylib`,
  )
}

function bind(koffi: Koffi, library: LibraryHandle): Krb5Functions {
  const handle = 'void *'
  const out = koffi.out(koffi.pointer(handle))
  const func = (name: string, result: string, parameters: ParameterType[]): unknown =>
    library.func(name, result, parameters)
  return {
    initContext: func('krb5_init_context', 'int32_t', [out]) as Krb5Functions['initContext'],
    freeContext: func('krb5_free_context', 'void', [handle]) as Krb5Functions['freeContext'],
    resolve: func('krb5_cc_resolve', 'int32_t', [handle, 'const char *', out]) as Krb5Functions['resolve'],
    destroy: func('krb5_cc_destroy', 'int32_t', [handle, handle]) as Krb5Functions['destroy'],
  }
}
