#!/usr/bin/env node
// Writes docs/rfc.md: which clauses of which RFC are proven by which tests. In the project's folder:
//
//   node tools/docs/rfc.mjs [--check]
//
// A test names what it proves: a packet script in a comment, `// RFC 9293, 3.10.7.4: text`; a test in TypeScript in a comment
// above it, `// @rfc 9293 3.10.7.4`, or in its name, `RFC 5227: text`. With --check the file is compared, not written.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OUTPUT = 'docs/rfc.md';

const TITLES = {
  768: 'User Datagram Protocol',
  791: 'Internet Protocol',
  792: 'Internet Control Message Protocol',
  826: 'Ethernet Address Resolution Protocol',
  1034: 'Domain Names - Concepts and Facilities',
  1035: 'Domain Names - Implementation and Specification',
  1071: 'Computing the Internet Checksum',
  1112: 'Host Extensions for IP Multicasting',
  1122: 'Requirements for Internet Hosts',
  1191: 'Path MTU Discovery',
  1337: 'TIME-WAIT Assassination Hazards in TCP',
  1624: 'Computation of the Internet Checksum via Incremental Update',
  1812: 'Requirements for IP Version 4 Routers',
  1858: 'Security Considerations for IP Fragment Filtering',
  2018: 'TCP Selective Acknowledgment Options',
  2131: 'Dynamic Host Configuration Protocol',
  2132: 'DHCP Options and BOOTP Vendor Extensions',
  2308: 'Negative Caching of DNS Queries',
  2385: 'Protection of BGP Sessions via the TCP MD5 Signature Option',
  2525: 'Known TCP Implementation Problems',
  2861: 'TCP Congestion Window Validation',
  2863: 'The Interfaces Group MIB',
  2883: 'An Extension to the Selective Acknowledgement (SACK) Option for TCP',
  3042: "Enhancing TCP's Loss Recovery Using Limited Transmit",
  3168: 'The Addition of Explicit Congestion Notification (ECN) to IP',
  3376: 'Internet Group Management Protocol, Version 3',
  3396: 'Encoding Long Options in the Dynamic Host Configuration Protocol (DHCPv4)',
  3397: 'Dynamic Host Configuration Protocol (DHCP) Domain Search Option',
  3442: 'The Classless Static Route Option for Dynamic Host Configuration Protocol (DHCP) version 4',
  3465: 'TCP Congestion Control with Appropriate Byte Counting',
  3708: 'Using TCP DSACKs to Detect Spurious Retransmissions',
  4015: 'The Eifel Response Algorithm for TCP',
  4293: 'Management Information Base for the Internet Protocol',
  4436: 'Detecting Network Attachment in IPv4 (DNAv4)',
  4821: 'Packetization Layer Path MTU Discovery',
  4987: 'TCP SYN Flooding Attacks and Common Mitigations',
  5082: 'The Generalized TTL Security Mechanism',
  5227: 'IPv4 Address Conflict Detection',
  5452: 'Measures for Making DNS More Resilient against Forged Answers',
  5461: "TCP's Reaction to Soft Errors",
  5482: 'TCP User Timeout Option',
  5681: 'TCP Congestion Control',
  5682: 'Forward RTO-Recovery (F-RTO)',
  5722: 'Handling of Overlapping IPv6 Fragments',
  5927: 'ICMP Attacks against TCP',
  5961: "Improving TCP's Robustness to Blind In-Window Attacks",
  6056: 'Recommendations for Transport-Protocol Port Randomization',
  6066: 'Transport Layer Security (TLS) Extensions: Extension Definitions',
  6093: 'On the Implementation of the TCP Urgent Mechanism',
  6191: 'Reducing the TIME-WAIT State Using TCP Timestamps',
  6298: "Computing TCP's Retransmission Timer",
  6455: 'The WebSocket Protocol',
  6528: 'Defending against Sequence Number Attacks',
  6582: 'The NewReno Modification to Fast Recovery',
  6633: 'Deprecation of ICMP Source Quench Messages',
  6675: 'Loss Recovery Algorithm Based on SACK for TCP',
  6691: 'TCP Options and Maximum Segment Size (MSS)',
  6761: 'Special-Use Domain Names',
  6864: 'Updated Specification of the IPv4 ID Field',
  6891: 'Extension Mechanisms for DNS (EDNS(0))',
  6928: "Increasing TCP's Initial Window",
  6937: 'Proportional Rate Reduction for TCP',
  7323: 'TCP Extensions for High Performance',
  7413: 'TCP Fast Open',
  7661: 'Updating TCP to Support Rate-Limited Traffic',
  7766: 'DNS Transport over TCP - Implementation Requirements',
  8311: 'Relaxing Restrictions on ECN Experimentation',
  8504: 'IPv6 Node Requirements',
  8985: 'The RACK-TLP Loss Detection Algorithm for TCP',
  9040: 'TCP Control Block Interdependence',
  9110: 'HTTP Semantics',
  9112: 'HTTP/1.1',
  9113: 'HTTP/2',
  9293: 'Transmission Control Protocol (TCP)',
  9438: 'CUBIC for Fast and Long-Distance Networks',
};

/** What is not there, and why. */
const NOT_IMPLEMENTED = [
  ['2385', '2', 'Signatures: a signed segment is dropped, as by Linux where no key is set.'],
  [
    '5482',
    '3',
    'The option is not sent and ignored; the socket option TCP_USER_TIMEOUT is there. Linux does the same.',
  ],
  ['6633', '3', 'ICMP source quench is ignored, as the RFC demands.'],
  ['9293', '3.9.1.1', 'An application cannot give precedence or security options to OPEN.'],
];

const IN_SCRIPT = /RFC (\d{3,4})(?:, (?:section )?(\d+(?:\.\d+)*))?/g;
const IN_TEST = /^\s*\/\/ @rfc (\d{3,4})(?: (\d+(?:\.\d+)*))?$/gm;
const TEST_NAME = /\.test\(\s*(['"`])(.*?)\1/s;
const IN_NAME = /(?:t|on)\.test\(\s*['"`]([^'"`]*RFC (\d{3,4})(?:, (?:section )?(\d+(?:\.\d+)*))?[^'"`]*)/g;

/** All proofs of a packet script: what its first comment says is what is proven. */
function ofScript(text) {
  const comments = text.split('\n').filter((line) => line.startsWith('// '));
  const title = comments[0]?.slice(3) ?? '';
  return comments.flatMap((line) =>
    [...line.matchAll(IN_SCRIPT)].map(([, rfc, clause = '']) => ({ rfc, clause, text: withoutTag(title) })),
  );
}

function ofTest(text) {
  return [
    ...[...text.matchAll(IN_TEST)].map(({ index, 1: rfc, 2: clause = '' }) => {
      const name = TEST_NAME.exec(text.slice(index));
      if (name === null) throw new Error(`no test follows // @rfc ${rfc} ${clause}`);
      return { rfc, clause, text: withoutTag(name[2]) };
    }),
    ...[...text.matchAll(IN_NAME)].map(([, said, rfc, clause = '']) => ({
      rfc,
      clause,
      text: withoutTag(said),
    })),
  ];
}

function withoutTag(text) {
  return text.replace(/^RFC \d+(?:, (?:section )?[\d.]*\d)?(?:: |\. )/, '');
}

function proofs() {
  const files = readdirSync('test', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(pkt|test\.ts)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const found = file.endsWith('.pkt') ? ofScript(text) : ofTest(text);
    return found.map((proof) => ({ ...proof, file }));
  });
}

/** Clauses in the order of their RFC: 3.9 comes before 3.10. */
function byNumber(a, b) {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

function render() {
  const all = proofs();
  const lines = [
    '# RFC clauses and the tests that prove them',
    '',
    'Made by `npm run docs:rfc` from what the tests say; do not edit. Where Linux and an RFC differ, Linux decides, and the test',
    'says so. A clause without a number stands for the RFC as a whole.',
    '',
  ];
  for (const rfc of [...new Set(all.map((proof) => proof.rfc))].sort(byNumber)) {
    const title = TITLES[rfc];
    if (title === undefined) throw new Error(`RFC ${rfc} has no title in tools/docs/rfc.mjs`);
    lines.push(`## RFC ${rfc}: ${title}`, '', '| clause | what | test |', '| --- | --- | --- |');
    const own = all.filter((proof) => proof.rfc === rfc).sort((a, b) => byNumber(a.clause, b.clause));
    const rows = own.map(({ clause, text, file }) => {
      const what = text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
      return `| ${clause} | ${what} | [${file.slice('test/'.length)}](../${file}) |`;
    });
    lines.push(...new Set(rows), '');
  }
  lines.push('## Not implemented', '', '| RFC | clause | |', '| --- | --- | --- |');
  for (const [rfc, clause, what] of NOT_IMPLEMENTED) lines.push(`| ${rfc} | ${clause} | ${what} |`);
  return `${lines.join('\n')}\n`;
}

const text = render();
if (process.argv.includes('--check')) {
  if (readFileSync(OUTPUT, 'utf8') !== text) {
    console.error(`${OUTPUT} is not up to date: npm run docs:rfc`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(OUTPUT, text);
}
