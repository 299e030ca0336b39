import type koffi from 'koffi'
import type { KoffiFunc, LibraryHandle, TypeObject } from 'koffi'

/** What is used of koffi. */
export type Koffi = typeof koffi

/** An address in C memory. */
export type Handle = bigint | null

/** `gss_OID_desc` */
export interface Oid {
  readonly length: number
  readonly elements: Uint8Array
}

/** `gss_OID_set_desc` */
export interface OidSet {
  readonly count: number
  readonly elements: readonly Oid[]
}

/** `gss_buffer_desc`: bytes of ours on the way in, an address on the way out. */
export interface GssBuffer {
  length: number | bigint
  value: Uint8Array | Handle
}

/** `gss_channel_bindings_struct` */
export interface Bindings {
  readonly initiatorType: number
  readonly initiator: GssBuffer
  readonly acceptorType: number
  readonly acceptor: GssBuffer
  readonly data: GssBuffer
}

/** `gss_key_value_set_desc` */
export interface KeyValues {
  readonly count: number
  readonly elements: readonly { readonly key: string; readonly value: string }[]
}

/** A cell that a function writes one value to. */
export type Cell<T> = [T]

/** What is asked of every function that gets credentials: whose, for how long, for which mechanisms, for which use. */
type Wanted = [name: Handle, seconds: number, mechanisms: OidSet, usage: number]
/** What is not asked back: the mechanisms and the time that there are credentials for. */
type Unasked = [null, null]

type ImportName = (minor: Cell<number>, text: GssBuffer, type: Oid, name: Cell<Handle>) => number
type Acquire = (...args: [Cell<number>, ...Wanted, Cell<Handle>, ...Unasked]) => number
type AcquireFrom = (...args: [Cell<number>, ...Wanted, KeyValues | null, Cell<Handle>, ...Unasked]) => number
type AcquireWithPassword = (
  ...args: [Cell<number>, Handle, GssBuffer, number, OidSet, number, Cell<Handle>, ...Unasked]
) => number
type StoreInto = (
  ...args: [
    ...[minor: Cell<number>, credential: Handle, usage: number, mechanism: Oid, overwrite: number],
    ...[makeDefault: number, store: KeyValues, mechanismsStored: null, usageStored: null],
  ]
) => number
type SetNegotiable = (minor: Cell<number>, credential: Handle, mechanisms: OidSet) => number
type Initiate = (
  ...args: [
    ...[minor: Cell<number>, credential: Handle, context: Cell<Handle>, target: Handle, mechanism: Oid],
    ...[flags: number, seconds: number, bindings: Bindings | null, input: GssBuffer | null],
    ...[mechanismUsed: null, output: Partial<GssBuffer>, granted: Cell<number>, secondsGranted: null],
  ]
) => number
type DisplayStatus = (
  ...args: [Cell<number>, status: number, type: number, Oid | null, more: Cell<number>, Partial<GssBuffer>]
) => number
type ReleaseHandle = (minor: Cell<number>, handle: Cell<Handle>) => number
type DeleteContext = (minor: Cell<number>, context: Cell<Handle>, token: null) => number
type CopyBytes = (to: Uint8Array, from: Handle, length: number) => Handle
type ReleaseBuffer = (minor: Cell<number>, buffer: GssBuffer) => number

/** The functions of GSSAPI that are used. */
export interface GssFunctions {
  readonly importName: KoffiFunc<ImportName>
  readonly acquire: KoffiFunc<Acquire>
  /** An extension of MIT and of Heimdal 7.8; `null` where it is missing. */
  readonly acquireFrom: KoffiFunc<AcquireFrom> | null
  /** As {@link acquireFrom}. */
  readonly acquireWithPassword: KoffiFunc<AcquireWithPassword> | null
  /** As {@link acquireFrom}. */
  readonly storeInto: KoffiFunc<StoreInto> | null
  readonly setNegotiable: KoffiFunc<SetNegotiable>
  readonly initiate: KoffiFunc<Initiate>
  readonly displayStatus: KoffiFunc<DisplayStatus>
  readonly releaseName: KoffiFunc<ReleaseHandle>
  readonly releaseCredential: KoffiFunc<ReleaseHandle>
  readonly deleteContext: KoffiFunc<DeleteContext>
  readonly releaseBuffer: KoffiFunc<ReleaseBuffer>
  /** `memcpy` */
  readonly copyBytes: KoffiFunc<CopyBytes>
}

/**
 * Binds the functions. Types have no names, since koffi keeps names for the whole process.
 *
 * @param packed - whether structures are aligned to two bytes.
 * @throws Error if a function is missing.
 */
export function bindFunctions(koffi: Koffi, library: LibraryHandle, packed: boolean): GssFunctions {
  const types = gssTypes(koffi, packed)
  const { handle, buffer, oid, oidSet, keyValues, bindings } = types
  const out = (type: TypeObject | string): ReturnType<Koffi['out']> => koffi.out(koffi.pointer(type))
  const inOut = (type: TypeObject | string): ReturnType<Koffi['inout']> => koffi.inout(koffi.pointer(type))
  const to = (type: TypeObject): TypeObject => koffi.pointer(type)
  const bind = <T extends (...args: never[]) => number>(
    name: string,
    parameters: readonly ParameterType[],
  ): KoffiFunc<T> => library.func(name, 'uint32_t', [out('uint32_t'), ...parameters]) as unknown as KoffiFunc<T>
  const wanted = [handle, 'uint32_t', to(oidSet), 'int']
  const results = [out(handle), handle, handle]
  const initiated = [handle, inOut(handle), handle, to(oid), 'uint32_t', 'uint32_t', to(bindings), to(buffer)]
  const granted = [handle, out(buffer), out('uint32_t'), handle]
  return {
    importName: bind('gss_import_name', [to(buffer), to(oid), out(handle)]),
    acquire: bind('gss_acquire_cred', [...wanted, ...results]),
    acquireFrom: ifThere(() => bind('gss_acquire_cred_from', [...wanted, to(keyValues), ...results])),
    acquireWithPassword: ifThere(() =>
      bind('gss_acquire_cred_with_password', [handle, to(buffer), ...wanted.slice(1), ...results]),
    ),
    storeInto: ifThere(() =>
      bind('gss_store_cred_into', [handle, 'int', to(oid), 'uint32_t', 'uint32_t', to(keyValues), handle, handle]),
    ),
    setNegotiable: bind('gss_set_neg_mechs', [handle, to(oidSet)]),
    initiate: bind('gss_init_sec_context', [...initiated, ...granted]),
    displayStatus: bind('gss_display_status', ['uint32_t', 'int', to(oid), inOut('uint32_t'), out(buffer)]),
    releaseName: bind('gss_release_name', [inOut(handle)]),
    releaseCredential: bind('gss_release_cred', [inOut(handle)]),
    deleteContext: bind('gss_delete_sec_context', [inOut(handle), handle]),
    releaseBuffer: bind('gss_release_buffer', [inOut(buffer)]),
    copyBytes: koffi.load(null).func('memcpy', handle, [handle, handle, 'size_t']),
  }
}

/** A type as koffi takes it for a parameter. */
export type ParameterType = string | TypeObject | ReturnType<Koffi['out']>

function ifThere<T>(bind: () => T): T | null {
  try {
    return bind()
  } catch {
    return null
  }
}

/** The structures of `gssapi.h` and `gssapi_ext.h`. */
interface GssTypes {
  readonly handle: string
  readonly buffer: TypeObject
  readonly oid: TypeObject
  readonly oidSet: TypeObject
  readonly keyValues: TypeObject
  readonly bindings: TypeObject
}

/** Sizes in bytes that the structures must have, by the size of a pointer; `gssapi.h` says so. */
const SIZES = {
  natural: { 8: { buffer: 16, oid: 16, bindings: 64 }, 4: { buffer: 8, oid: 8, bindings: 32 } },
  packed: { 8: { buffer: 16, oid: 12, bindings: 56 }, 4: { buffer: 8, oid: 8, bindings: 32 } },
} as const

function gssTypes(koffi: Koffi, packed: boolean): GssTypes {
  const handle = 'void *'
  // gssapi_ext.h does not pack: the key-value sets are as they are everywhere.
  const member = (type: TypeObject | string): TypeObject | string | [number, TypeObject | string] =>
    packed ? [2, type] : type
  const buffer = koffi.struct({ length: member('size_t'), value: member(handle) })
  const oid = koffi.struct({ length: member('uint32_t'), elements: member(handle) })
  const oidSet = koffi.struct({ count: member('size_t'), elements: member(koffi.pointer(oid)) })
  const keyValue = koffi.struct({ key: 'const char *', value: 'const char *' })
  const keyValues = koffi.struct({ count: 'uint32_t', elements: koffi.pointer(keyValue) })
  const bindings = koffi.struct({
    initiatorType: member('uint32_t'),
    initiator: member(buffer),
    acceptorType: member('uint32_t'),
    acceptor: member(buffer),
    data: member(buffer),
  })
  checkSizes(koffi, packed, { buffer, oid, bindings })
  return { handle, buffer, oid, oidSet, keyValues, bindings }
}

/** A wrong layout would have C read what is not ours: better not to call it at all. */
function checkSizes(koffi: Koffi, packed: boolean, types: Record<'buffer' | 'oid' | 'bindings', TypeObject>): void {
  const expected = SIZES[packed ? 'packed' : 'natural'][koffi.sizeof('void *') === 4 ? 4 : 8]
  for (const [name, type] of Object.entries(types)) {
    if (type.size === expected[name as keyof typeof expected]) continue
    throw new Error(`koffi lays out the structure ${name} of GSSAPI in ${type.size} bytes`)
  }
}
