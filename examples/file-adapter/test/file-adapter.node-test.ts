// The same suite under Node's own runner: `node --test`, after this folder was transpiled.
import { after, describe, test } from 'node:test'
import { adapterSuite } from '@entreat/testkit'
import { FileAdapter } from '../src/file-adapter.ts'
import { capabilities, FileTarget } from './file-target.ts'

const target = new FileTarget()
after(() => target.remove())

adapterSuite({
  name: 'FileAdapter under node:test',
  create: () => new FileAdapter(),
  capabilities,
  runner: { describe, test },
  target: () => target,
})
