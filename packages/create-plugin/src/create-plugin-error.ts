/** What keeps a package from being written: its message says what is wrong and what to do. */
export class CreatePluginError extends Error {
  override readonly name = 'CreatePluginError'
}
