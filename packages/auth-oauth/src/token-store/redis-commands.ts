import { UsageError } from '@entreat/core'
import { TokenStoreError } from '../errors.ts'
import { showServerText } from '../redaction.ts'

/**
 * What a store needs of a Redis client. Those of `redis`, `@redis/client` and `ioredis` have it; connecting and closing it stay with whoever made it.
 */
export interface RedisClient {
  get(key: string): Promise<unknown>
  eval(script: string, ...rest: never[]): Promise<unknown>
}

/** How a client's `eval` takes keys and arguments. */
export type EvalArguments = 'options' | 'positional'

/** Commands, whatever the client: with a time limit, and errors that hold no arguments. */
export class RedisCommands {
  readonly #client: RedisClient
  readonly #style: EvalArguments
  readonly #timeoutMs: number

  /** @param style - default: positional if the client has `defineCommand`, as ioredis has. */
  constructor(client: RedisClient, style: EvalArguments | undefined, timeoutMs: number) {
    const isClient = typeof client?.get === 'function' && typeof client.eval === 'function'
    if (!isClient) throw new UsageError('RedisTokenStore: client must be a Redis client, with get() and eval()')
    this.#client = client
    this.#style = style ?? ('defineCommand' in client ? 'positional' : 'options')
    this.#timeoutMs = timeoutMs
  }

  async get(key: string): Promise<string | null> {
    const value = await this.#run(() => this.#client.get(key))
    if (typeof value === 'string' || value === null) return value
    if (value instanceof Uint8Array) return Buffer.from(value).toString()
    throw new TokenStoreError(`Redis: the client gave ${typeof value} instead of text`)
  }

  /** Runs a script that returns an integer. */
  async eval(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<number> {
    const texts = args.map(String)
    const rest = this.#style === 'options' ? [{ keys: [...keys], arguments: texts }] : [keys.length, ...keys, ...texts]
    return Number(await this.#run(() => this.#client.eval(script, ...(rest as never[]))))
  }

  async #run(command: () => Promise<unknown>): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const error = new TokenStoreError(`Redis did not answer within ${this.#timeoutMs} ms`)
      timer = setTimeout(() => reject(error), this.#timeoutMs)
    })
    try {
      return await Promise.race([command(), late])
    } catch (error) {
      throw error instanceof TokenStoreError ? error : withoutArguments(error)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Some clients put the command with its arguments into their errors, and Redis quotes them too: they are tokens. So there is no cause. */
function withoutArguments(error: unknown): TokenStoreError {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  return new TokenStoreError(`Redis: ${name}: ${showServerText(message.replace(/,? with args.*$/s, ''))}`)
}
