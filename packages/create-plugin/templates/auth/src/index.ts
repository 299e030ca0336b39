export { TemplateAuth, type TemplateAuthOptions } from './template-auth.ts'
