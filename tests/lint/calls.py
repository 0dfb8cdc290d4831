#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that have no place here, with the reason and what to use instead; and words that mark something unfinished."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FORBIDDEN = [
    (r'\b(strcpy|strcat|sprintf|vsprintf|gets|stpcpy)\s*\(', 'no bound: snprintf, memcpy or struct buf'),
    (r'\b(atoi|atol|atoll|atof)\s*\(', 'no failure: strtoul with its end'),
    (r'\b(system|popen)\s*\(', 'a shell'),
    (r'\b(alloca|strdupa)\s*\(', 'the stack has no bound'),
    (r'\brealloc\s*\(', 'leaves a copy of what may be secret: struct buf'),
    (r'\b(rand|srand|srandom|drand48)\s*\(', 'predictable: random_fill'),
    (r'\b(signal|siginterrupt)\s*\(', 'signals are read from a descriptor'),
    (r'\b(strtok|asctime|ctime|gmtime|localtime)\s*\(', 'shared static buffer: the _r form'),
    (r'\b(abort|assert_fail)\s*\(', 'failures are returned'),
    (r'\b(sleep|usleep)\s*\(', 'nothing waits: use a deadline'),
    (r'\b(ENGINE_|EC_KEY_new|RSA_new|EVP_MD_CTX_create)\w*', 'deprecated in OpenSSL 3'),
    (r'\b(printf|fprintf|perror|puts|fputs)\s*\(', 'only mains and the command line print: log_write'),
    (r'\bexit\s*\(', 'only a main ends its process'),
]
PRINTS = re.compile(r'^(client/|agent/(config_(main|hand|cases|diff)|keyreeved|main)\.c|base/role\.c|tests/|.*/worker\.c|spiffe/idp\.c)')
WORDS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b|not implemented|for now')


def main():
    names = subprocess.check_output(['git', 'ls-files', '*.c', '*.h'], cwd=ROOT, text=True).split()
    bad = []
    for name in names:
        text = open(os.path.join(ROOT, name)).read()
        if 'SPDX-License-Identifier: Apache-2.0' not in text[:200]:
            bad.append(f'{name}:1: no SPDX line')
        code = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group()), text, flags=re.S)
        code = re.sub(r'"(\\.|[^"\\\n])*"', '""', code)
        for number, (raw, line) in enumerate(zip(text.split('\n'), code.split('\n')), 1):
            if WORDS.search(raw):
                bad.append(f'{name}:{number}: unfinished: {raw.strip()}')
            if name.startswith('tests/'):
                continue
            for pattern, why in FORBIDDEN:
                if re.search(pattern, line) and not ('print' in why and PRINTS.match(name)) and \
                        not ('main ends' in why and PRINTS.match(name)):
                    bad.append(f'{name}:{number}: {line.strip()}: {why}')
    print('\n'.join(bad) or f'{len(names)} files')
    sys.exit(1 if bad or len(names) < 50 else 0)


main()
