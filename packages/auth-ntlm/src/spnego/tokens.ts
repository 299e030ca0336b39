import { AuthenticationError } from '@entreat/core'
import { contextTag, type DerElement, encodeElement, readElement, readElements, Tag } from './der.ts'

/** What the acceptor of a negotiation says (RFC 4178 section 4.2.2). */
type NegotiationState = 'accept-completed' | 'accept-incomplete' | 'reject' | 'request-mic'

/** An acceptor's token. */
export interface NegotiationReply {
  readonly state: NegotiationState | null
  /** Whether the mechanism that the acceptor names is NTLM; `null` if it names none. */
  readonly choosesNtlm: boolean | null
  /** The mechanism's own token. */
  readonly token: Buffer | null
  readonly mechListMic: Buffer | null
}

const STATES: readonly NegotiationState[] = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic']

/** 1.3.6.1.5.5.2 */
const SPNEGO = oid('2b0601050502')
/** 1.3.6.1.4.1.311.2.2.10 */
const NTLM = oid('2b06010401823702020a')

/** The mechanisms that are offered, NTLM alone, as they are signed (RFC 4178 section 5). */
export const MECHANISM_LIST: Buffer = encodeElement(Tag.SEQUENCE, NTLM)

/** The token that opens a negotiation (RFC 4178 section 4.2.1), in its GSSAPI frame. */
export function encodeInitialToken(token: Uint8Array): Buffer {
  const body = encodeElement(
    Tag.SEQUENCE,
    encodeElement(contextTag(0), MECHANISM_LIST),
    encodeElement(contextTag(2), encodeElement(Tag.OCTET_STRING, token)),
  )
  return encodeElement(Tag.APPLICATION_0, SPNEGO, encodeElement(contextTag(0), body))
}

/** A later token of the initiator. */
export function encodeResponseToken(token: Uint8Array, mechListMic: Uint8Array | null): Buffer {
  const parts = [encodeElement(contextTag(2), encodeElement(Tag.OCTET_STRING, token))]
  if (mechListMic !== null) parts.push(encodeElement(contextTag(3), encodeElement(Tag.OCTET_STRING, mechListMic)))
  return encodeElement(contextTag(1), encodeElement(Tag.SEQUENCE, ...parts))
}

/**
 * Reads an acceptor's token.
 *
 * @throws AuthenticationError saying what is wrong with it.
 * @see RFC 4178 section 4.2.2
 */
export function parseReply(bytes: Uint8Array): NegotiationReply {
  const outer = readElement(bytes)
  if (outer === null || outer.tag !== contextTag(1)) throw broken('it is no NegTokenResp')
  const sequence = readElement(outer.content)
  const fields = sequence?.tag === Tag.SEQUENCE ? readElements(sequence.content) : null
  if (fields === null) throw broken('its sequence is broken')
  const state = fieldOf(fields, 0, Tag.ENUMERATED)
  const mechanism = fieldOf(fields, 1, Tag.OBJECT_IDENTIFIER)
  return {
    state: state === null ? null : readState(state),
    choosesNtlm: mechanism === null ? null : encodeElement(Tag.OBJECT_IDENTIFIER, mechanism).equals(NTLM),
    token: fieldOf(fields, 2, Tag.OCTET_STRING),
    mechListMic: fieldOf(fields, 3, Tag.OCTET_STRING),
  }
}

function fieldOf(fields: readonly DerElement[], number: number, tag: number): Buffer | null {
  const field = fields.find((element) => element.tag === contextTag(number))
  if (field === undefined) return null
  const value = readElement(field.content)
  if (value?.tag !== tag) throw broken(`its field ${number} is broken`)
  return value.content
}

function readState(content: Buffer): NegotiationState {
  const state = content.length === 1 ? STATES[content[0] as number] : undefined
  if (state === undefined) throw broken('its state is none of four')
  return state
}

function oid(hex: string): Buffer {
  return encodeElement(Tag.OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'))
}

function broken(why: string): AuthenticationError {
  return new AuthenticationError(`the server's SPNEGO token is malformed: ${why}`)
}
