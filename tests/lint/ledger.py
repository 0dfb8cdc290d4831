#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The threat ledger: docs/threats.md, tests/ledger.tsv and SECURITY.md name the same rows with the same state; a tested row
names a test function that is there, an open one may; no row vanishes and the number of open rows only shrinks.
  ledger.py            check
  ledger.py --write    write SECURITY.md's table anew"""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROW = re.compile(r'^\| ((?:A\d+-[A-Z]|[UMON]-|AS-)\d+|AS\d+\.[CIA]) \| (.+?) \| (\w+) \| (.+) \|$', re.M)
TSV, BEGIN, END = 'tests/ledger.tsv', '<!-- ledger: begin -->', '<!-- ledger: end -->'
GROUPS = [(rf'A{n}-', f'A{n}', what) for n, what in enumerate((
    'client requests', 'answers', 'signals', 'commands to the hardware', 'results of the hardware', 'storing key records',
    'reading key records', 'logging', 'configuration', 'identity provider', 'local memory', 'validation requests to SPIFFE',
    'validation answers from SPIFFE'), 1)] + [
    ('U-', 'U', "what Parsec leaves unmitigated"), ('M-', 'M', "Parsec's mitigations"), ('O-', 'O', 'operational rules'),
    ('AS-', 'AS', 'assumptions'), (r'AS\d', 'AS1 to AS8', 'assets'), ('N-', 'N', "what Parsec's model lacks")]
faults = []


def fault(text):
    faults.append(text)


def read(path):
    return open(os.path.join(ROOT, path), encoding='utf-8').read()


def ledger(text):
    """{id: (state, program, function)}"""
    rows = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith('#'):
            continue
        part = line.split('\t')
        if len(part) != 4 or part[1] not in ('open', 'tested'):
            fault(f'{TSV}:{number}: want id, open or tested, program, function, with tabs between')
            continue
        if part[0] in rows:
            fault(f'{TSV}:{number}: {part[0]} stands there twice')
        rows[part[0]] = tuple(part[1:])
    return rows


def listed(page):
    """{id: state} of docs/threats.md."""
    rows = {}
    for line in page.splitlines():
        row = ROW.match(line)
        if row is None:
            if line.startswith('| ') and not line.startswith('| Row '):
                fault(f'docs/threats.md: not a row: {line[:60]}')
            continue
        if row[1] in rows:
            fault(f'docs/threats.md: {row[1]} stands there twice')
        rows[row[1]] = row[3]
    return rows


def check_test(row, program, function):
    """C: defined, and in the list of its file's tests.  Python: defined, and given to main()."""
    if not re.fullmatch(r'tests/(unit/\w+|integration|e2e)/\w+_test\.(c|py)', program):
        fault(f'{row}: {program} is no test program')
    elif not os.path.isfile(os.path.join(ROOT, program)):
        fault(f'{row}: there is no {program}')
    else:
        text = read(program)
        define = rf'^def {function}\(' if program.endswith('.py') else rf'^static void {function}\(void \*\*\w+\)'
        listing = text[text.rfind('\nmain(['):] if program.endswith('.py') else text[text.rfind('struct CMUnitTest '):]
        if not re.search(define, text, re.M):
            fault(f'{row}: {program} has no function {function}')
        elif not re.search(rf'\b{function}\b', listing):
            fault(f'{row}: {program} does not run {function}')


def table(rows):
    out = ['| Rows | About | In all | Tested | Open |', '|---|---|---|---|---|']
    for pattern, name, about in GROUPS:
        mine = [state for row, (state, _, _) in rows.items() if re.match(pattern, row)]
        out.append(f'| {name} | {about} | {len(mine)} | {mine.count("tested")} | {mine.count("open")} |')
    states = [state for state, _, _ in rows.values()]
    out.append(f'| all | | {len(states)} | {states.count("tested")} | {states.count("open")} |')
    tested = ', '.join(row for row, (state, _, _) in rows.items() if state == 'tested')
    return BEGIN + '\n' + '\n'.join(out) + f'\n\nTested rows: {tested or "none"}.\n' + END


def before(commit):
    """The ledger of a commit; None where it has none, or where the history is not there."""
    done = subprocess.run(['git', 'show', f'{commit}:{TSV}'], cwd=ROOT, capture_output=True, text=True)
    return ledger(done.stdout) if done.returncode == 0 else None


def opened(rows):
    return sum(1 for state, _, _ in rows.values() if state == 'open')


def main():
    rows, page = ledger(read(TSV)), listed(read('docs/threats.md'))
    for row in sorted(set(rows) | set(page)):
        if row not in rows or row not in page:
            fault(f'{row}: not in {TSV if row not in rows else "docs/threats.md"}')
        elif rows[row][0] != page[row]:
            fault(f'{row}: {rows[row][0]} in {TSV}, {page[row]} in docs/threats.md')
    for row, (state, program, function) in rows.items():
        if state == 'tested' or (program, function) != ('-', '-'):
            check_test(row, program, function)
    for commit in ('HEAD', 'HEAD^1'):                     # the last one is the merge base of a merge
        old = before(commit)
        if old is None:
            continue
        if opened(rows) > opened(old):
            fault(f'{opened(rows)} rows are open, {opened(old)} were at {commit}')
        for row in set(old) - set(rows):
            fault(f'{row}: was in the ledger at {commit}')
    text = read('SECURITY.md')
    want = re.sub(re.escape(BEGIN) + '.*' + re.escape(END), lambda _: table(rows), text, flags=re.S)
    if BEGIN not in text or END not in text:
        fault('SECURITY.md: no place for the table')
    elif '--write' in sys.argv:
        open(os.path.join(ROOT, 'SECURITY.md'), 'w', encoding='utf-8').write(want)
    elif want != text:
        fault('SECURITY.md: its table is not that of the ledger; run tests/lint/ledger.py --write')
    print(*faults, sep='\n', end='\n' if faults else '')
    print(f'{len(rows)} rows, {len(rows) - opened(rows)} tested, {opened(rows)} open')
    sys.exit(1 if faults else 0)


main()
