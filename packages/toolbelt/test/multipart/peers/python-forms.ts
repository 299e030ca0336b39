import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PYTHON = '/usr/bin/python3'
const script = fileURLToPath(new URL('forms.py', import.meta.url))

/** A form as bytes. */
export interface WireForm {
  readonly type: string
  readonly body: Uint8Array
}

/** What Python reads and writes; content and bodies in base64. */
export interface PythonForms {
  readonly email: readonly { name: string | null; filename: string | null; type: string | null; content: string }[][]
  readonly toolbelt: readonly { disposition: string; type: string | null; content: string }[][]
  readonly written: readonly { type: string; body: string; length: number }[]
}

/** Why Debian's requests-toolbelt cannot be asked, or `null`. */
export function missingPython(): string | null {
  const { status } = spawnSync(PYTHON, ['-c', 'import requests_toolbelt'])
  return status === 0 ? null : 'python3-requests-toolbelt is not installed'
}

/** Lets Python read forms of ours, and write some of its own. */
export async function askPython(
  read: readonly WireForm[],
  write: readonly { fields: readonly (readonly [string, string | null, string | null, string])[]; boundary: string }[],
): Promise<PythonForms> {
  const child = spawn(PYTHON, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const asked = { read: read.map(({ type, body }) => ({ type, body: Buffer.from(body).toString('base64') })), write }
  child.stdin.end(JSON.stringify(asked))
  const pieces: Buffer[] = []
  for await (const piece of child.stdout) pieces.push(piece as Buffer)
  return JSON.parse(Buffer.concat(pieces).toString()) as PythonForms
}
