#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every external symbol carries a prefix of its library: symbols.py BUILD."""
import glob, os, re, subprocess, sys

PREFIXES = {
    'base': 'status fault buf secret hash ct_equal random_fill clock log ipc role program',
    'sandbox': 'sandbox landlock __asan_default_options',
    'crypto': 'psa digest aead der public worker',
    'crypto_worker': 'worker wrap',
    'worker_config': 'worker_config softhsm',
    'wire': 'frame opcode provider auth wire',
    'spiffe_id': 'spiffe',
    'endpoint': 'endpoint',
    'spiffe': 'bundle strict',
    'spiffe_workload': 'workload',
    'x509': 'x509svid',
    'fetch_source': 'fetch',
    'fetch_http': 'fetch',
    'jwtsvid': 'jws jwk keyset jwtsvid',
    'keystore': 'keystore key_record namespace fact intent record schema stmt',
    'policy': 'config policy tenant pattern condition explain account',
    'config_yaml': 'config walk',
    'doctor': 'doctor',
    'request': 'accept account admin agent audit authn begin bind compute conn count damaged deadline decode download '
               'durable finish floor holder intent_record issuer key keyfact keyindex lane link listen listener loop op '
               'ops owner park penalty post principal quota random recovery remote replay request revocation revoke '
               'share strength suspend trust turns wall watch',
}


def main():
    build, bad, seen = sys.argv[1], [], 0
    for archive in sorted(glob.glob(os.path.join(build, '**', 'libkr_*.a'), recursive=True)):
        library = os.path.basename(archive)[len('libkr_'):-2]
        if library not in PREFIXES:
            continue
        allowed = tuple(PREFIXES[library].split())
        for line in subprocess.check_output(['nm', '-g', '--defined-only', archive], text=True).split('\n'):
            m = re.match(r'[0-9a-f]+ [TDBRVC] (\S+)$', line)
            if not m or m.group(1).startswith('__odr_asan'):
                continue
            seen += 1
            name = m.group(1)
            if not any(re.match(rf'{p}s?(_|$)', name) for p in allowed):
                bad.append(f'{library}: {name} has none of: {" ".join(allowed)}')
    print('\n'.join(bad) or f'{seen} symbols')
    sys.exit(1 if bad or seen < 100 else 0)


main()
