// A scheme under mocha.
import { describe, it } from 'mocha'
import { DigestAuth } from '@entreat/core'
import { authSuite, digestAuthTarget } from '@entreat/testkit'

authSuite({
  name: 'DigestAuth under mocha',
  create: () => new DigestAuth('ahab', 'ivory'),
  capabilities: { challenge: true, proxy: true },
  runner: { describe, test: it },
  target: digestAuthTarget('ahab', 'ivory'),
  secrets: ['ivory'],
})
