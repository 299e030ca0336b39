// What a failure looks like: an adapter and a scheme that break one rule each. `npm run test:broken` shows it.
import { after, before, describe, it } from 'mocha'
import { AuthBase, HTTPAdapter } from '@entreat/core'
import { adapterSuite, authSuite, httpTarget, TestServer } from '@entreat/testkit'

/** Writes on the caller's request. */
class MarkingAdapter extends HTTPAdapter {
  send(request, options) {
    request.headers.set('X-Sent-By', 'MarkingAdapter')
    return super.send(request, options)
  }
}

/** Tells its token to whoever prints it. */
class TalkativeAuth extends AuthBase {
  #token = 'ivory'

  apply(request, context) {
    context.authorize(request, `Bearer ${this.#token}`)
  }

  toJSON() {
    return { token: this.#token }
  }
}

let server
before(async () => {
  server = await TestServer.start({ tls: false })
})
after(() => server.close())

adapterSuite({
  name: 'MarkingAdapter',
  create: () => new MarkingAdapter(),
  capabilities: { statuses: true, connections: true },
  runner: { describe, test: it },
  target: () => httpTarget(server),
})

authSuite({
  name: 'TalkativeAuth',
  create: () => new TalkativeAuth(),
  runner: { describe, test: it },
  target: { path: '/bearer' },
  secrets: ['ivory'],
})
