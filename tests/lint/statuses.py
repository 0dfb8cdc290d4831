#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of STATUS_ROWS is provoked by name in a test, through a module's header or over the socket."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    rows = re.findall(r'^\tX\((\w+),', open(os.path.join(ROOT, 'base/status.h')).read(), re.M)
    tests = subprocess.check_output(['git', 'ls-files', 'tests/unit', 'tests/integration', 'tests/e2e'], cwd=ROOT, text=True).split()
    words = set()
    for name in tests:
        words |= set(re.findall(r'\b(?:STATUS_)?([A-Z][A-Z0-9_]+)\b', open(os.path.join(ROOT, name), errors='replace').read()))
    missing = [r for r in rows if r not in words]
    for r in missing:
        print(f'{r}: no test provokes it')
    print(f'{len(rows)} statuses')
    sys.exit(1 if missing or len(rows) < 50 else 0)


main()
