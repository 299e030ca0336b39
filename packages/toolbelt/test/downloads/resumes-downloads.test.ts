import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededBytes } from '@entreat/testkit'
import { Session } from '@entreat/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { download } from '@entreat/toolbelt/downloads'
import type { Progress } from '@entreat/toolbelt/progress'
import { failure } from '../support/failure.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { missingNginx, Nginx } from './nginx.ts'

const folder = temporaryFolder()
const served = join(folder, 'served')
mkdirSync(served)
const LENGTH = 6_000_000
const content = seededBytes(LENGTH)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Serves a file that has not changed for an hour. */
function serve(name: string, bytes: Uint8Array, ageSeconds = 3600): void {
  writeFileSync(join(served, name), bytes)
  const changed = Date.now() / 1000 - ageSeconds
  utimesSync(join(served, name), changed, changed)
}

const missing = missingNginx()
describe.skipIf(missing !== null && process.env['CI'] !== 'true')(
  `nginx${missing === null ? '' : `: ${missing}`}`,
  () => {
    let nginx: Nginx
    let session: Session
    let count = 0

    beforeAll(async () => {
      nginx = await Nginx.start(served)
      session = new Session({ trustEnv: false })
    })
    afterAll(async () => {
      await session.close()
      await nginx.stop()
    })

    /** A path to save to, in a folder of its own. */
    function target(): string {
      const own = join(folder, `target-${++count}`)
      mkdirSync(own)
      return join(own, 'file.bin')
    }

    /** Downloads until a third is there. */
    async function interrupt(url: string, path: string): Promise<number> {
      const stop = new AbortController()
      const onProgress = ({ transferred }: Progress): void => {
        if (transferred > LENGTH / 3) stop.abort(new Error('interrupted'))
      }
      const error = await failure(download(url, path, { session, signal: stop.signal, onProgress }))
      expect(error.message).toBe('interrupted')
      expect(existsSync(path)).toBe(false)
      return statSync(`${path}.part`).size
    }

    test('an interrupted download goes on where it was, and gives the same bytes', async () => {
      serve('a.bin', content)
      const path = target()
      const left = await interrupt(`${nginx.url}/slow/a.bin`, path)
      expect(left).toBeGreaterThan(LENGTH / 3)
      expect(left).toBeLessThan(LENGTH)
      const seen: Progress[] = []
      const saved = await download(`${nginx.url}/slow/a.bin`, path, {
        session,
        checksum: { algorithm: 'sha256', expected: sha256(content) },
        onProgress: (progress) => seen.push(progress),
      })
      expect(saved).toEqual({ path, bytes: LENGTH, checksum: sha256(content), resumedFrom: left })
      expect(sha256(readFileSync(path))).toBe(sha256(content))
      expect(seen[0]?.transferred).toBeGreaterThan(left)
      expect(seen.at(-1)).toMatchObject({ transferred: LENGTH, total: LENGTH, isDone: true })
      expect(readdirSync(join(path, '..'))).toEqual(['file.bin'])
    })

    test('a file that has changed since is fetched anew', async () => {
      serve('b.bin', content)
      const path = target()
      await interrupt(`${nginx.url}/slow/b.bin`, path)
      const changed = seededBytes(LENGTH, 9)
      serve('b.bin', changed, 1800)
      const saved = await download(`${nginx.url}/b.bin`.replace('/b.bin', '/slow/b.bin'), path, { session })
      expect([saved.resumedFrom, saved.bytes]).toEqual([0, LENGTH])
      expect(sha256(readFileSync(path))).toBe(sha256(changed))
    })

    test('a file that has become shorter is fetched anew', async () => {
      serve('c.bin', content)
      const path = target()
      await interrupt(`${nginx.url}/slow/c.bin`, path)
      serve('c.bin', content.subarray(0, 1000), 1800)
      await download(`${nginx.url}/slow/c.bin`, path, { session })
      expect(readFileSync(path)).toEqual(content.subarray(0, 1000))
    })

    test('what was left of another URL is not gone on with', async () => {
      serve('d.bin', content)
      serve('e.bin', seededBytes(LENGTH, 5))
      const path = target()
      await interrupt(`${nginx.url}/slow/d.bin`, path)
      const saved = await download(`${nginx.url}/e.bin`, path, { session })
      expect(saved.resumedFrom).toBe(0)
      expect(sha256(readFileSync(path))).toBe(sha256(seededBytes(LENGTH, 5)))
    })

    test('resume: false forgets what is there, and leaves nothing', async () => {
      serve('f.bin', content)
      const path = target()
      await interrupt(`${nginx.url}/slow/f.bin`, path)
      const stop = new AbortController()
      await failure(
        download(`${nginx.url}/slow/f.bin`, path, {
          session,
          resume: false,
          signal: stop.signal,
          onProgress: () => stop.abort(new Error('x')),
        }),
      )
      expect(readdirSync(join(path, '..'))).toEqual([])
    })

    test('a broken connection is followed by requests for what is missing', async () => {
      serve('g.bin', content)
      await using proxy = await CuttingProxy.start(nginx.url, [1_000_000, 2_000_000, 500_000])
      const attempts = new Set<number>()
      const path = target()
      const saved = await download(`${proxy.url}/g.bin`, path, {
        session,
        backoffMs: 0,
        onProgress: ({ attempt }) => attempts.add(attempt),
      })
      expect(saved.resumedFrom).toBe(0)
      expect(sha256(readFileSync(path))).toBe(sha256(content))
      expect([...attempts]).toEqual([1, 2, 3, 4])
    })

    test('as many as retries allow, and what there is stays for the next time', async () => {
      serve('h.bin', content)
      const path = target()
      await using proxy = await CuttingProxy.start(nginx.url, [1_000_000, 1_000_000, 1_000_000])
      await failure(download(`${proxy.url}/h.bin`, path, { session, backoffMs: 0, retries: 1 }))
      const left = statSync(`${path}.part`).size
      expect(left).toBeGreaterThan(1_900_000)
      const saved = await download(`${proxy.url}/h.bin`, path, { session, backoffMs: 0 })
      expect(saved.resumedFrom).toBe(left)
      expect(sha256(readFileSync(path))).toBe(sha256(content))
    })

    test('without a validator a broken connection begins anew', async () => {
      serve('i.bin', content)
      const path = target()
      await using proxy = await CuttingProxy.start(nginx.url, [1_000_000])
      await download(`${proxy.url}/weak/i.bin`, path, { session, backoffMs: 0 })
      expect(sha256(readFileSync(path))).toBe(sha256(content))
    })

    test('segments are fetched at once and put together', async () => {
      serve('j.bin', content)
      const path = target()
      const saved = await download(`${nginx.url}/j.bin`, path, {
        session,
        segments: 4,
        checksum: { algorithm: 'sha256' },
      })
      expect(saved).toEqual({ path, bytes: LENGTH, checksum: sha256(content), resumedFrom: 0 })
      expect(sha256(readFileSync(path))).toBe(sha256(content))
      expect(readdirSync(join(path, '..'))).toEqual(['file.bin'])
    })

    test('each segment goes on where it broke off', async () => {
      serve('k.bin', content)
      await using proxy = await CuttingProxy.start(nginx.url, [100_000, 400_000, 700_000, 50_000, 90_000])
      const path = target()
      await using own = new Session({ trustEnv: false })
      await download(`${proxy.url}/k.bin`, path, { session: own, segments: 3, backoffMs: 0 })
      expect(sha256(readFileSync(path))).toBe(sha256(content))
    })

    test('a file too short for segments, or empty, is fetched in one', async () => {
      serve('l.bin', content.subarray(0, 1000))
      serve('empty.bin', new Uint8Array(0))
      const short = target()
      const empty = target()
      await download(`${nginx.url}/l.bin`, short, { session, segments: 8 })
      await download(`${nginx.url}/empty.bin`, empty, { session, segments: 8 })
      expect([readFileSync(short), readFileSync(empty).length]).toEqual([content.subarray(0, 1000), 0])
    })

    test('a 404 is an error and leaves nothing', async () => {
      const path = target()
      expect((await failure(download(`${nginx.url}/none`, path, { session }))).code).toBe('ERR_HTTP_STATUS')
      expect(readdirSync(join(path, '..'))).toEqual([])
    })
  },
)
