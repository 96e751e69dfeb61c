/** Names of ports, for `lookupService` (IANA's registry; services(5)). A stack reads no file of the host. */
const SERVICES: ReadonlyMap<number, string> = new Map([
  [7, 'echo'],
  [9, 'discard'],
  [20, 'ftp-data'],
  [21, 'ftp'],
  [22, 'ssh'],
  [23, 'telnet'],
  [25, 'smtp'],
  [53, 'domain'],
  [67, 'bootps'],
  [68, 'bootpc'],
  [69, 'tftp'],
  [80, 'http'],
  [110, 'pop3'],
  [123, 'ntp'],
  [143, 'imap2'],
  [161, 'snmp'],
  [389, 'ldap'],
  [443, 'https'],
  [465, 'submissions'],
  [514, 'shell'],
  [587, 'submission'],
  [636, 'ldaps'],
  [853, 'domain-s'],
  [993, 'imaps'],
  [995, 'pop3s'],
  [3306, 'mysql'],
  [5432, 'postgresql'],
]);

/** What a port is called, the number when it has no name. */
export function serviceName(port: number): string {
  return SERVICES.get(port) ?? `${port}`;
}
