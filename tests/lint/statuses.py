#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of STATUS_ROWS is provoked by name in a test, through a module's header or over the socket.  Rows that are
not yet stand in statuses-open.txt, which may only shrink."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    rows = re.findall(r'^\tX\((\w+),', open(os.path.join(ROOT, 'base/status.h')).read(), re.M)
    tests = subprocess.check_output(['git', 'ls-files', 'tests/unit', 'tests/integration', 'tests/e2e'], cwd=ROOT, text=True).split()
    words = set()
    for name in tests:
        words |= set(re.findall(r'\b(?:STATUS_)?([A-Z][A-Z0-9_]+)\b', open(os.path.join(ROOT, name), errors='replace').read()))
    open_rows = set(open(os.path.join(here, 'statuses-open.txt')).read().split())
    missing = [r for r in rows if r not in words and f'STATUS_{r}' not in words and r not in open_rows]
    done = [r for r in open_rows if r in words or r not in rows]
    for r in missing:
        print(f'{r}: no test provokes it')
    for r in done:
        print(f'{r}: has a test (or is no row): take it off statuses-open.txt')
    print(f'{len(rows)} statuses, {len(open_rows)} not provoked yet')
    sys.exit(1 if missing or done or len(rows) < 50 else 0)


main()
