#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Arrows go downwards only: who may include whom, and which outside library belongs to which file."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# folder: what it may include of ours (a folder ending in / stands for all of it, a file for itself)
MAY = {
    'base': [],
    'crypto': ['base/'],
    'crypto/soft': ['base/', 'crypto/*'],
    'crypto/tpm': ['base/', 'crypto/*'],
    'crypto/pkcs11': ['base/', 'crypto/*'],
    'wire': ['base/', 'crypto/psa.h'],
    'spiffe': ['base/'],
    'jwtsvid': ['base/', 'spiffe/id.h', 'spiffe/bundle.h', 'spiffe/strict.h'],
    'keystore': ['base/', 'crypto/psa.h', 'crypto/digest.h', 'crypto/aead.h'],
    'agent': ['base/', 'wire/', 'spiffe/', 'jwtsvid/', 'keystore/keystore.h', 'crypto/*'],
    'client': ['base/', 'wire/', 'crypto/psa.h', 'crypto/digest.h', 'crypto/der.h', 'crypto/public.h', 'spiffe/'],
}
# outside header (regular expression): the only files of ours that may include it
ALONE = {
    r'openssl/': ['crypto/digest.c', 'crypto/aead.c', 'crypto/public.c', 'crypto/soft/', 'crypto/tpm/libctx.c', 'jwtsvid/',
                  'spiffe/x509', 'spiffe/fetch_http.c'],  # a library of its own: no role that links spiffe links OpenSSL with it
    r'jansson\.h': ['spiffe/bundle.c', 'spiffe/bundle_map.c', 'spiffe/strict.', 'jwtsvid/', 'spiffe/workload', 'client/'],
    r'sqlite3\.h': ['keystore/'],
    r'yaml\.h': ['agent/config_walk.h'],
    r'grpc/': ['spiffe/workload'],
    r'curl/': ['spiffe/fetch_http.c'],
    r'tss2/': ['crypto/tpm/'],
    r'p11-kit/|libp11\.h': ['crypto/pkcs11/'],
    r'seccomp\.h': ['base/sandbox.c'],
    r'protobuf-c|\.pb-c\.h': ['wire/psa_pb', 'wire/admin_pb', 'spiffe/workload'],
    r'syslog\.h': ['base/log.c'],
}
# parts of the agent that see less than the whole of it
NARROW = {
    'agent/policy.c': ['base/', 'agent/', 'keystore/keystore.h'],
    'agent/tenant.c': ['base/', 'agent/', 'keystore/keystore.h'],
    'agent/supervise.c': ['base/', 'agent/'],
    'agent/supervise_start.c': ['base/', 'agent/', 'crypto/worker.h', 'crypto/worker_config.h', 'spiffe/endpoint.h'],
    'agent/supervise_reload.c': ['base/', 'agent/'],
    'agent/child.c': ['base/', 'agent/'],
    'agent/keyreeved.c': ['base/', 'agent/'],
    'agent/audit.c': ['base/', 'agent/'],
    'agent/loop.c': ['base/', 'agent/'],
    'agent/lane.c': ['base/', 'agent/', 'crypto/'],
}


def allowed(header, folder, rules):
    if header.startswith(folder + '/'):
        return True
    for rule in rules:
        if rule.endswith('/*'):
            if os.path.dirname(header) == rule[:-2]:
                return True
        elif header == rule or (rule.endswith('/') and header.startswith(rule)):
            return True
    return False


def main():
    files = subprocess.check_output(['git', 'ls-files', '*.c', '*.h'], cwd=ROOT, text=True).split()
    bad, seen = [], 0
    for name in files:
        folder = os.path.dirname(name)
        if folder not in MAY:
            continue
        for number, line in enumerate(open(os.path.join(ROOT, name)), 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not m:
                continue
            seen += 1
            header = m.group(2)
            generated = header.endswith('.pb-c.h') or header == 'base/version.h'
            if m.group(1) == '"' and not generated:
                rules = NARROW.get(name, MAY[folder])
                if header != 'keyreeve.h' and not allowed(header, folder, rules):  # the installed public header
                    bad.append(f'{name}:{number}: {folder} must not include {header}')
            for pattern, homes in ALONE.items():
                if re.match(pattern, header) and not any(name.startswith(h) for h in homes):
                    bad.append(f'{name}:{number}: {header} belongs to {", ".join(homes)}')
    print('\n'.join(bad) or f'{seen} includes, all downwards')
    sys.exit(1 if bad or seen < 100 else 0)


main()
