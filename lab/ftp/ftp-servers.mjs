// Real FTP servers on free loopback ports, each with a folder of its own: vsftpd, ProFTPD and Pure-FTPd.
//
// They run as root and serve as the user `ftp`, which Debian's vsftpd creates. ProFTPD and Pure-FTPd conflict with vsftpd as packages, so they are
// unpacked into .cache/debian-root (see lab/unpacked-debian-packages.txt).
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const unpacked = join(root, '.cache', 'debian-root')
const START_LIMIT_MS = 10_000
const STOP_LIMIT_MS = 5000

export const user = 'alice'
export const password = 'secret'

/** Where Debian's programs are: installed, or unpacked beside. */
function program(path) {
  return [path, join(unpacked, path)].find((candidate) => existsSync(candidate)) ?? null
}

/** @returns what to do before these servers can run here, or `null` if all is there. */
export function missingServers() {
  if (process.getuid?.() !== 0) return 'FTP servers need root to change to the user that signs in'
  const needed = ['/usr/sbin/vsftpd', '/usr/sbin/proftpd', '/usr/sbin/pure-ftpd', '/usr/bin/curl', '/usr/bin/openssl']
  const missing = needed.filter((path) => program(path) === null)
  return missing.length === 0
    ? null
    : `${missing.join(', ')} missing: CI=true npm test installs lab/debian-packages.txt`
}

/** A folder that any user can enter, with files to serve in `home`, and `anon` for anonymous. */
export function createFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'entreat-ftp-'))
  chmodSync(folder, 0o755)
  const [uid, gid] = [Number(idOf('-u')), Number(idOf('-g'))]
  for (const name of ['home', 'anon', 'anon/pub', 'conf', 'run', 'empty']) mkdirSync(join(folder, name))
  fill(join(folder, 'home'), uid, gid)
  fill(join(folder, 'anon', 'pub'), uid, gid)
  return {
    folder,
    home: join(folder, 'home'),
    uid,
    gid,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function idOf(flag) {
  return execFileSync('id', [flag, 'ftp'], { encoding: 'utf8' }).trim()
}

function fill(folder, uid, gid) {
  mkdirSync(join(folder, 'sub'))
  const files = {
    'small.txt': 'hello ftp\n',
    'lf.txt': 'line1\nline2\nline3\n',
    'naïve-日本.txt': 'snow ☃\n',
    'with space.txt': 'sp\n',
    'empty.bin': '',
    'sub/x': 'x',
  }
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content)
    chownSync(join(folder, name), uid, gid)
  }
  chownSync(join(folder, 'sub'), uid, gid)
  chownSync(folder, uid, gid)
}

/** A certificate for `localhost` and `127.0.0.1`, as files that the servers read. */
export function writeCertificate(folder, { cert, key, ca }) {
  const paths = { cert: join(folder, 'conf', 'server.pem'), key: join(folder, 'conf', 'server.key') }
  writeFileSync(paths.cert, cert)
  writeFileSync(paths.key, key, { mode: 0o600 })
  writeFileSync(join(folder, 'conf', 'both.pem'), `${cert}\n${key}`, { mode: 0o600 })
  writeFileSync(join(folder, 'conf', 'ca.pem'), ca)
  return paths
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

function hash(text) {
  return execFileSync('openssl', ['passwd', '-6', text], { encoding: 'utf8' }).trim()
}

/** Starts a program in the foreground and waits until a port answers. `stop()` ends it and what it forked. */
async function start(command, args, port, host = '127.0.0.1') {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += text))
  const stop = (signal = 'SIGTERM') => end(child, signal)
  for (const deadline = Date.now() + START_LIMIT_MS; ;) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${log}`)
    if (await answers(port, host)) return { port, pid: child.pid, stop, log: () => log }
    if (Date.now() > deadline) {
      await stop()
      throw new Error(`${command} did not answer within ${START_LIMIT_MS} ms: ${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const all = [child.pid, ...descendants(child.pid)]
  const kill = (how) => all.forEach((pid) => killOne(pid, how))
  const force = setTimeout(() => kill('SIGKILL'), STOP_LIMIT_MS)
  kill(signal)
  await ended
  clearTimeout(force)
  kill('SIGKILL')
}

function killOne(pid, how) {
  try {
    process.kill(pid, how)
  } catch {
    // Gone already.
  }
}

/** Processes that serve a connection each, some with a helper of their own. */
function descendants(pid) {
  const children = childrenOf(pid).split(' ').filter(Boolean).map(Number)
  return children.flatMap((child) => [child, ...descendants(child)])
}

function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  } catch {
    // It ended between being listed and being asked.
    return ''
  }
}

function answers(port, host) {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    const done = (isThere) => {
      socket.destroy()
      resolve(isThere)
    }
    // A greeting, or for implicit TLS the connection alone.
    socket.once('connect', () => done(true)).once('error', () => done(false))
  })
}

/**
 * vsftpd: plain and AUTH TLS; it has no MLSD.
 *
 * @param options - `tls`: a certificate as {@link writeCertificate} gives; `implicit`; `requireReuse`; `requireTls`; `extra`: further settings; `host`: where it
 * listens, if not on 127.0.0.1.
 */
export async function startVsftpd({ folder, host, ...options }) {
  const port = await freePort()
  // PAM is its only way to users that the system does not know, and reads its services in one place alone.
  const service = `entreat-vsftpd-${process.pid}-${port}`
  const users = join(folder, 'conf', `vsftpd-${port}.users`)
  writeFileSync(users, `${user}:${hash(password)}\n`, { mode: 0o600 })
  const pam = join('/etc/pam.d', service)
  const permit = 'account required pam_permit.so\nsession required pam_permit.so\n'
  writeFileSync(pam, `auth required pam_pwdfile.so nodelay pwdfile=${users}\n${permit}`)
  const file = join(folder, 'conf', `vsftpd-${port}.conf`)
  const settings = Object.entries(vsftpdSettings({ folder, port, service, ...options }))
  writeFileSync(file, settings.map(([name, value]) => `${name}=${value}\n`).join(''))
  const server = await start(program('/usr/sbin/vsftpd'), [file], port, host).catch((error) => {
    rmSync(pam, { force: true })
    throw error
  })
  const stop = async (signal) => {
    await server.stop(signal)
    rmSync(pam, { force: true })
  }
  return { ...server, stop }
}

function vsftpdSettings({ folder, port, service, tls = null, extra = {}, ...wanted }) {
  return {
    listen: 'YES',
    ...(extra.listen_ipv6 === 'YES' ? {} : { listen_address: '127.0.0.1' }),
    listen_port: port,
    background: 'NO',
    anonymous_enable: 'YES',
    local_enable: 'YES',
    ftp_username: 'ftp',
    anon_root: join(folder, 'anon'),
    no_anon_password: 'YES',
    write_enable: 'YES',
    guest_enable: 'YES',
    guest_username: 'ftp',
    virtual_use_local_privs: 'YES',
    pam_service_name: service,
    local_root: join(folder, 'home'),
    chroot_local_user: 'YES',
    allow_writeable_chroot: 'YES',
    secure_chroot_dir: join(folder, 'empty'),
    seccomp_sandbox: 'NO',
    connect_from_port_20: 'NO',
    ascii_upload_enable: 'YES',
    ascii_download_enable: 'YES',
    utf8_filesystem: 'YES',
    vsftpd_log_file: join(folder, 'run', `vsftpd-${port}.log`),
    delay_failed_login: 0,
    max_clients: 500,
    max_per_ip: 500,
    ...(tls === null ? {} : vsftpdTls(tls, wanted)),
    ...extra,
  }
}

function vsftpdTls(tls, { implicit = false, requireReuse = false, requireTls = false }) {
  const yes = (value) => (value ? 'YES' : 'NO')
  return {
    ssl_enable: 'YES',
    allow_anon_ssl: 'YES',
    force_local_data_ssl: yes(requireTls),
    force_local_logins_ssl: yes(requireTls),
    ssl_tlsv1: 'YES',
    require_ssl_reuse: yes(requireReuse),
    implicit_ssl: yes(implicit),
    rsa_cert_file: tls.cert,
    rsa_private_key_file: tls.key,
    ssl_ciphers: 'HIGH',
  }
}

/** ProFTPD: `port` plain and AUTH TLS, `implicitPort`, `slowPort` at 100 KB/s, `strictPort` with TLS, client certificate and session reuse required. */
export async function startProftpd({ folder, uid, gid, tls }) {
  const ports = {
    port: await freePort(),
    implicitPort: await freePort(),
    slowPort: await freePort(),
    strictPort: await freePort(),
  }
  const run = join(folder, 'run', `proftpd-${ports.port}`)
  mkdirSync(run)
  const conf = (name) => join(folder, 'conf', `proftpd-${ports.port}.${name}`)
  const shell = ':/bin/false\n'
  const hashed = hash(password)
  const home = join(folder, 'home')
  const anon = join(folder, 'anon')
  const users = `${user}:${hashed}:${uid}:${gid}:Alice:${home}${shell}ftp:*:${uid}:${gid}:anonymous:${anon}${shell}`
  writeFileSync(conf('passwd'), users, { mode: 0o640 })
  writeFileSync(conf('group'), `ftp:x:${gid}:${user}\n`, { mode: 0o640 })
  const template = readFileSync(join(root, 'lab', 'ftp', 'proftpd.conf'), 'utf8')
  const modules = join(dirname(dirname(program('/usr/sbin/proftpd'))), 'lib', 'proftpd')
  const values = { ...ports, run, modules, anon, passwd: conf('passwd'), group: conf('group') }
  const tlsFiles = { ...tls, ca: join(folder, 'conf', 'ca.pem') }
  const text = template.replace(/@(\w+)@/g, (_, name) => values[name] ?? tlsFiles[name])
  writeFileSync(conf('conf'), text)
  const server = await start(program('/usr/sbin/proftpd'), ['-n', '-q', '-c', conf('conf')], ports.port)
  return { ...server, ...ports }
}

/** Pure-FTPd: plain and AUTH TLS. @param options - `quotaMegabytes`: how much the user may store. */
export async function startPureftpd({ folder, uid, gid, tls = null, quotaMegabytes = null }) {
  const port = await freePort()
  const conf = (name) => join(folder, 'conf', `pure-${port}.${name}`)
  const quota = quotaMegabytes === null ? '' : String(quotaMegabytes * 1024 * 1024)
  const home = join(folder, 'home')
  // account:password:uid:gid:gecos:home:upload:download:ratioup:ratiodown:maxconn:filesquota:sizequota:...
  writeFileSync(conf('passwd'), `${user}:${hash(password)}:${uid}:${gid}::${home}/./:::::::${quota}::::::\n`, {
    mode: 0o600,
  })
  execFileSync(program('/usr/bin/pure-pw'), ['mkdb', conf('pdb'), '-f', conf('passwd')])
  const args = [
    '-S',
    `127.0.0.1,${port}`,
    '-l',
    `puredb:${conf('pdb')}`,
    '-A',
    '-E',
    '-H',
    '-c',
    '200',
    '-C',
    '200',
    '-u',
    '1',
    '-I',
    '5',
    '-g',
    conf('pid'),
  ]
  if (tls !== null) args.push('-Y', '1', '-2', join(folder, 'conf', 'both.pem'), '-J', 'HIGH')
  return start(program('/usr/sbin/pure-ftpd'), args, port)
}
