import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

/** The IANA IPv4 Special-Purpose Address Registry, less what it calls globally reachable; multicast and reserved space. */
const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** What is special inside the global unicast space 2000::/3; all that is outside it is special anyway. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const specialV4 = blockList(SPECIAL_V4)
const specialV6 = blockList(SPECIAL_V6)
const globalV6 = blockList(['2000::/3'])
const mappedV6 = blockList(['::ffff:0:0/96'])
const translatedV6 = blockList(['64:ff9b::/96'])

/**
 * Whether an address is reachable for everybody: not loopback, private, link-local, shared, multicast, reserved, nor for documentation; an IPv4 address inside an IPv6 one counts
 * as itself.
 *
 * @param address - without brackets or zone. What is no address is not public.
 * @see RFC 6890 and the IANA special-purpose address registries
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !specialV4.check(address, 'ipv4')
  if (!isIPv6(address) || address.includes('%')) return false
  const isEmbedding = mappedV6.check(address, 'ipv6') || translatedV6.check(address, 'ipv6')
  if (isEmbedding) return isPublicAddress(lastFourBytes(address))
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6')
}

/** Addresses and networks in CIDR notation, to look addresses up in. @throws TypeError for what is neither. */
export function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', length] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (isIP(address) === 0) throw new TypeError(`${JSON.stringify(network)} is no address and no network`)
    if (length === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(length), family)
  }
  return list
}

/** The IPv4 address at the end of an IPv6 one. */
function lastFourBytes(address: string): string {
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  // The URL parser writes an address in its shortest form, all groups in hexadecimal.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(':')
  const [high = '0', low = '0'] = groups.slice(-2)
  const value = Number.parseInt(high || '0', 16) * 65_536 + Number.parseInt(low || '0', 16)
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
