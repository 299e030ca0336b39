import { type RequestException, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { expect } from 'vitest'
import { NTLMAuth, type NTLMAuthOptions } from '../../src/index.ts'
import { type GateScript, ScriptedGate } from './scripted-gate.ts'

export const password = 'opensesame'

/** Logs in as `DOM\\ali`. */
export function ali(options: Partial<NTLMAuthOptions> = {}): NTLMAuth {
  return new NTLMAuth({ username: 'DOM\\ali', password, ...options })
}

/** A server behind a gate, a session that logs in to it, and their end. */
export class Scene {
  readonly gate: ScriptedGate
  readonly server: TestServer
  readonly session: Session

  private constructor(gate: ScriptedGate, server: TestServer) {
    this.gate = gate
    this.server = server
    this.session = new Session({ trustEnv: false, verify: server.ca, auth: ali() })
  }

  static async start(script: GateScript = {}): Promise<Scene> {
    const gate = new ScriptedGate(script)
    return new Scene(gate, await TestServer.start({ handler: gate.handler }))
  }

  get url(): string {
    return this.server.url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close()
    await this.server.close()
  }
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<RequestException> {
  return promise.then(
    () => expect.unreachable('it should fail'),
    (error: unknown) => error as RequestException,
  )
}
