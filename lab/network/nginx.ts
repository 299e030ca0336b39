import { writeFileSync } from 'node:fs'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { isRoot } from '../processes/users.ts'
import type { NetworkCertificates, ServerCertificate } from './certificates.ts'

/** One port of nginx for each. */
const FACES = [
  /** Without TLS. */
  'plain',
  // By certificate; see ServerCertificate.
  'valid',
  'wrongHost',
  'commonName',
  'nameOnly',
  'addressOnly',
  'expired',
  'notYetValid',
  'selfSigned',
  'chained',
  'incomplete',
  /** A client certificate is required: without one the answer is 400. */
  'mutual',
  /** A client certificate is asked for, and none is fine. */
  'optional',
  'tls12',
  'tls13',
  /** Nothing above TLS 1.1. */
  'tls11',
  /** `valid` for those who ask for localhost by SNI, else `wrongHost`. */
  'byName',
] as const

export type NginxFace = (typeof FACES)[number]

/** What nginx answers with, as JSON: how it sees the connection, and the credentials that came with the request. */
export interface NginxView {
  readonly tls: string
  /** The name in SNI; empty if there was none. */
  readonly sni: string
  readonly host: string
  /** `SUCCESS`, `NONE`, or `FAILED:` and why. */
  readonly verified: string
  /** The subject of the client certificate; empty if there was none. */
  readonly client: string
  /** `r` for a TLS session that was resumed. */
  readonly resumed: string
  /** The number of the connection, and of the request on it. */
  readonly connection: string
  readonly requests: string
  readonly authorization: string
  readonly proxyAuthorization: string
  readonly uri: string
}

/** nginx with a port for each kind of TLS. */
export interface LabNginx {
  /** `https://localhost:<port>`, or http for `plain`. */
  url(face: NginxFace): string
  port(face: NginxFace): number
}

/** Starts nginx. */
export async function startNginx(folder: LabFolder, certificates: NetworkCertificates): Promise<LabNginx> {
  const ports = await findFreePorts(...FACES)
  const home = folder.makeFolder(`nginx${ports.plain}`, 0o777)
  const config = `${home}/nginx.conf`
  writeFileSync(config, nginxConfig(home, ports, certificates))
  const args = ['-e', `${home}/error.log`, '-p', home, '-c', config]
  await folder.startServer(`nginx${ports.plain}`, 'nginx', args).untilListening(ports.plain)
  return {
    url: (face) => `${face === 'plain' ? 'http' : 'https'}://localhost:${ports[face]}`,
    port: (face) => ports[face],
  }
}

const VIEW: Readonly<Record<keyof NginxView, string>> = {
  tls: '$ssl_protocol',
  sni: '$ssl_server_name',
  host: '$http_host',
  verified: '$ssl_client_verify',
  client: '$ssl_client_s_dn',
  resumed: '$ssl_session_reused',
  connection: '$connection',
  requests: '$connection_requests',
  authorization: '$http_authorization',
  proxyAuthorization: '$http_proxy_authorization',
  uri: '$request_uri',
}

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

function nginxConfig(
  home: string,
  ports: Readonly<Record<NginxFace, number>>,
  { servers, ca }: NetworkCertificates,
): string {
  const view = JSON.stringify(VIEW)
  const certificate = (kind: ServerCertificate): string =>
    `ssl_certificate ${servers[kind].cert}; ssl_certificate_key ${servers[kind].key};`
  const server = (face: NginxFace, settings: string, listen = 'ssl'): string =>
    `server { listen 127.0.0.1:${ports[face]} ${listen}; ${settings} location / { return 200 $view; } }`
  return `daemon off;
worker_processes 1;
${isRoot() ? 'user root;' : ''}
pid ${home}/nginx.pid;
events { worker_connections 1024; }
http {
access_log off;
${TEMPORARY.map((name) => `${name}_temp_path ${home}/${name};`).join('\n')}
default_type application/json;
keepalive_requests 100000;
${certificate('valid')}
ssl_client_certificate ${ca};
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:lab:1m;
map $host $view { default '${view}'; }
${server('plain', '', '')}
${Object.keys(servers)
  .map((kind) => server(kind as ServerCertificate, certificate(kind as ServerCertificate)))
  .join('\n')}
${server('mutual', 'ssl_verify_client on;')}
${server('optional', 'ssl_verify_client optional;')}
${server('tls12', 'ssl_protocols TLSv1.2;')}
${server('tls13', 'ssl_protocols TLSv1.3;')}
${server('tls11', 'ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;')}
${server('byName', `server_name _; ${certificate('wrongHost')}`, 'ssl default_server')}
${server('byName', 'server_name localhost;')}
}
`
}
