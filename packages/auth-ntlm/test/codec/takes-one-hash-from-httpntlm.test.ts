import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { NTLMAuth } from '../../src/index.ts'

const require = createRequire(import.meta.url)

/** Paths of the CommonJS modules that are loaded, from their package's name on. */
function loadedModules(): string[] {
  return Object.keys(require.cache).map((path) => path.replaceAll('\\', '/').split('/node_modules/').at(-1) ?? path)
}

it('loads the ntlm module of httpntlm, and none of its HTTP client', () => {
  void new NTLMAuth({ username: 'alice', password: 'secret' })
  const loaded = loadedModules()
  expect(loaded).toContain('httpntlm/ntlm.js')
  expect(loaded.filter((path) => /^(underscore|httpreq)\/|^httpntlm\/(?!ntlm\.js$)/.test(path))).toEqual([])
})

it('finds in it what it found when it was chosen', () => {
  const ntlm = require('httpntlm/ntlm.js') as Record<string, (...values: unknown[]) => unknown>
  expect(Object.keys(ntlm).sort()).toEqual([
    'createType1Message',
    'createType3Message',
    'create_LM_hashed_password',
    'create_NT_hashed_password',
    'parseType2Message',
  ])
  const hash = ntlm['create_NT_hashed_password']
  expect(hash).toHaveLength(1)
  expect(hash?.('Password')).toEqual(Buffer.from('a4f49c406510bdcab6824ee7c30fd852', 'hex'))
  expect(hash?.('pässwörd 🐳')).toBeInstanceOf(Buffer)
})

it('has a version that holds to it', () => {
  const { version } = require('httpntlm/package.json') as { version: string }
  expect(version).toMatch(/^1\.8\./)
})
