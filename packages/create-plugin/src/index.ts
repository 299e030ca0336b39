export { type CreatedPlugin, createPlugin } from './create-plugin.ts'
export { CreatePluginError } from './create-plugin-error.ts'
export type { PluginNames } from './plugin-name.ts'
export type { PackageManager, PluginKind, PluginLicense, PluginOptions } from './plugin-options.ts'
