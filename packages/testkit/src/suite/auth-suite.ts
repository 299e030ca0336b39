import type { AuthInit } from '@entreat/core'
import { AuthBench } from './auth-bench.ts'
import { bindingCases } from './auth-rules/binding.ts'
import { bodyCases } from './auth-rules/bodies.ts'
import { credentialCases } from './auth-rules/credentials.ts'
import { flowCases } from './auth-rules/flow.ts'
import { memberCases } from './auth-rules/members.ts'
import { proxyCases } from './auth-rules/proxies.ts'
import { scopeCases } from './auth-rules/scope.ts'
import { secretCases } from './auth-rules/secrets.ts'
import { sharingCases } from './auth-rules/sharing.ts'
import type { AuthCapabilities, AuthTarget } from './auth-target.ts'
import { runCases, type SuiteRunner } from './suite-runner.ts'

/** What {@link authSuite} takes. */
export interface AuthSuiteOptions {
  /** Heading of the tests. */
  readonly name: string
  /** Makes a scheme with credentials that `target` accepts: an AuthBase, or what a Session takes as `auth`. Called once a test. */
  readonly create: () => AuthInit | Promise<AuthInit>
  /**
   * Makes the same scheme with another user name and password, whatever they hold; it may refuse them with a UsageError. `target` accepts none of them. Leave it
   * out for a scheme that has neither: then the rules about other credentials do not apply.
   */
  readonly createWith?: (username: string, password: string) => AuthInit | Promise<AuthInit>
  /** What the scheme does. Default: it signs, once. */
  readonly capabilities?: AuthCapabilities
  readonly runner: SuiteRunner
  /** How long something that must happen may take before a test fails, in milliseconds. Default 8000; a slow machine may need more. */
  readonly patienceMs?: number
  /** The server's side. Ready ones: {@link basicAuthTarget}, {@link bearerAuthTarget}, {@link digestAuthTarget}, {@link ntlmAuthTarget}. */
  readonly target: AuthTarget
  /** Texts that must never be shown: the password, the token, and encodings of them. */
  readonly secrets: readonly string[]
}

/**
 * Registers the tests of the authentication contract: one or more for each numbered rule, named after it.
 *
 * Servers and proxies are started for each test and closed after it. A failure names the scheme's class and the rule: "TokenAuth breaks rule 4.1.4: …".
 */
export function authSuite(options: AuthSuiteOptions): void {
  const { name, create, createWith, capabilities = {}, runner, target, secrets, patienceMs } = options
  const isBound = capabilities.connectionBound === true
  runCases({
    patienceMs,
    runner,
    title: name,
    kind: 'scheme',
    capabilities: { ...capabilities, createWith: createWith !== undefined },
    open: () => AuthBench.open({ create, createWith, target, secrets, isBound }),
    cases: [
      ...memberCases(),
      ...scopeCases(),
      ...flowCases(),
      ...bodyCases(),
      ...sharingCases(),
      ...bindingCases(),
      ...credentialCases(),
      ...proxyCases(),
      ...secretCases(),
    ],
  })
}
