export { TemplateAdapter, type TemplateAdapterOptions } from './template-adapter.ts'
