export { NTLMAuth, type NTLMAuthOptions, type NTLMChannelBindings } from './ntlm-auth.ts'
