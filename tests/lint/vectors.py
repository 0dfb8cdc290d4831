#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The catalogue of test vectors, tests/vectors/catalogue.tsv: a row that names test programs has a test of its name in each, a
row with a test is not open, no name in the tests is without a row, no row vanishes or is opened again, and the number of
open rows, which stands in the file, only shrinks.  A test has a row's name when
  the name of a test function that runs holds it (TV_JH_03_04_05_..., TV_JS_02_to_10_...),
  a string holds it, as tables of inputs have them, or
  it stands in the comment above a test function that runs, or beside an assertion ("TV-WA-02 to TV-WA-05")."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIST = 'tests/vectors/catalogue.tsv'
ID = r'TV-[A-Z][A-Z0-9]-\d\d'
RANGE = re.compile(rf'({ID}) to (?:TV-[A-Z][A-Z0-9]-)?(\d\d)')
FUNCTION = re.compile(r'^static void (\w+)\(void \*\*\w+\)', re.M)
ABOVE = re.compile(r'/\*((?:[^*]|\*(?!/))*)\*/\nstatic void (\w+)\(void \*\*\w+\)')
faults = []


def fault(text):
    faults.append(text)


def rows_between(first, last):
    """TV-JS-02, 10: every row from the one to the other."""
    return {f'{first[:-2]}{n:02}' for n in range(int(first[-2:]), int(last) + 1)}


def names(text):
    found = set(re.findall(ID, text))
    for first, last in RANGE.findall(text):
        found |= rows_between(first, last)
    return found


def names_of_function(function):
    """TV_JH_03_04_05_without_kid: rows 3, 4 and 5 of JH."""
    parts = function.split('_')
    if len(parts) < 3 or parts[0] != 'TV' or not re.fullmatch(r'[A-Z][A-Z0-9]', parts[1]):
        return set()
    found, last, until = set(), None, False
    for part in parts[2:]:
        if re.fullmatch(r'\d\d', part):
            row = f'TV-{parts[1]}-{part}'
            found |= rows_between(last, part) if until and last else {row}
            last, until = row, False
        elif part in ('to', 'and') and last:
            until = part == 'to'
        else:
            break
    return found


def tested(text):
    """The rows that a program has tests for."""
    listing = text[text.rfind('struct CMUnitTest '):] if 'struct CMUnitTest ' in text else ''
    runs = {f for f in FUNCTION.findall(text) if re.search(rf'\b{f}\b', listing)}
    found = set()
    for function in runs:
        found |= names_of_function(function)
    for comment, function in ABOVE.findall(text):
        if function in runs:
            found |= names(comment)
    for comment in re.findall(r'^.*\bassert_\w+\(.*?/\*(.*?)\*/', text, re.M):
        found |= names(comment)
    for string in re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'/\*.*?\*/', '', text, flags=re.S)):
        found |= names(string)
    return found


def catalogue(text):
    """{row: programs or 'open'}, and the number of open rows that the file allows."""
    rows, allowed = {}, re.search(r'^# open rows: (\d+)$', text, re.M)
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith('#'):
            continue
        part = line.split('\t')
        if (len(part) not in (2, 3) or not re.fullmatch(ID + r'(-[a-z]+)?', part[0])
                or part[2:] not in ([], ['accept'], ['reject'], ['both'], ['-'])):   # history has no verdicts
            fault(f'{LIST}:{number}: want a row, its test programs or "open", and its verdict, with tabs between')
            continue
        if part[0] in rows:
            fault(f'{LIST}:{number}: {part[0]} stands there twice')
        rows[part[0]] = part[1]
    return rows, int(allowed[1]) if allowed else None


def before(commit):
    """The catalogue of a commit; None where it has none, or where the history is not there."""
    done = subprocess.run(['git', 'show', f'{commit}:{LIST}'], cwd=ROOT, capture_output=True, text=True)
    return catalogue(done.stdout) if done.returncode == 0 else None


def check_history(rows, allowed):
    for commit in ('HEAD', 'HEAD^1'):                     # the last one is the merge base of a merge
        old = before(commit)
        if old is None:
            continue
        if old[1] is not None and allowed > old[1]:
            fault(f'{LIST}: {allowed} rows may be open, {old[1]} might be at {commit}')
        for row, program in old[0].items():
            if row not in rows:
                fault(f'{row}: was in the catalogue at {commit}')
            elif rows[row] == 'open' and program != 'open':
                fault(f'{row}: is open, and had a test in {program} at {commit}')


def main():
    rows, allowed = catalogue(open(os.path.join(ROOT, LIST), encoding='utf-8').read())
    files = subprocess.check_output(['git', 'ls-files', 'tests'], cwd=ROOT, text=True).split()
    there = {}
    for name in files:
        path = os.path.join(ROOT, name)
        if not name.endswith(('.c', '.h', '.py')) or not os.path.isfile(path) or name.startswith('tests/lint/'):
            continue
        text = open(path, encoding='utf-8').read()
        has = tested(text) if name.endswith('_test.c') else set()
        there[name] = has
        for row in sorted((names(text) | has) - {r[:8] for r in rows}):
            fault(f'{name}: {row} is no row of {LIST}')
    for row, program in rows.items():
        if program == 'open':
            for name, has in there.items():
                if row in has:
                    fault(f'{row}: has a test in {name}: close it')
            continue
        for name in program.split():
            if row not in there.get(name, ()):
                fault(f'{row}: {name} has no test of that name')
    opened = sum(1 for program in rows.values() if program == 'open')
    if opened != allowed:
        fault(f'{LIST}: {opened} rows are open, its first lines say {allowed}')
    else:
        check_history(rows, allowed)
    print(*faults, sep='\n', end='\n' if faults else '')
    print(f'{len(rows)} rows, {len(rows) - opened} tested, {opened} open')
    sys.exit(1 if faults or len(rows) < 100 else 0)


if __name__ == '__main__':
    main()
