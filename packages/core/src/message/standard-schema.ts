/**
 * The part of Standard Schema that `response.json(schema)` needs, so that zod, valibot and arktype schemas infer without a dependency.
 *
 * @see https://standardschema.dev, version 1
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema finds wrong. */
export interface SchemaIssue {
  readonly message: string
  /** Where: keys, or objects that hold a key. */
  readonly path?: readonly unknown[] | undefined
}

/** An issue in one line, such as `user.name: must be a string`. */
export function describeIssue({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === 'object' && step !== null && 'key' in step ? step.key : step))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** The type that a schema gives. */
export type InferOutput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['output']
