#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Second opinions.  One corpus, every vector of the catalogue that is an identity, a token, a key document or a bundle and
some twenty thousand mutations of good ones, goes through our library, go-spiffe and libjwt.  Where they disagree,
docs/CONFORMANCE.md must list the class and what decides it; a class there that no longer occurs fails as well.

    opinions_test.py [NAME...]      tests; KEYREEVE_CORPUS_SEED and KEYREEVE_CORPUS_COUNT change the random part
    opinions_test.py corpus FILE    only write the corpus"""
import collections, fnmatch, json, os, re, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from peers import peer
from rig import BUILD, ROOT, main

DOCUMENT = os.path.join(ROOT, 'docs', 'CONFORMANCE.md')
CATALOGUE = os.path.join(ROOT, 'tests', 'vectors', 'catalogue.tsv')
SEED, COUNT = os.environ.get('KEYREEVE_CORPUS_SEED', '1'), os.environ.get('KEYREEVE_CORPUS_COUNT', '3000')
VECTORS = ('spiffe_id', 'spiffe_bundle', 'jwtsvid_verify', 'jwtsvid_header', 'jwtsvid_claims', 'jwtsvid_keys')


def program(name):
    return os.path.join(BUILD, 'tests', name)


def corpus_write(path):
    """The unit tests write what they ask, then the mutations."""
    env = dict(os.environ, KEYREEVE_CORPUS=path)
    for name in VECTORS:
        subprocess.run([program(f'test_{name}')], env=env, check=True, capture_output=True)
    subprocess.run([program('keyreeve-corpus'), SEED, COUNT], env=env, check=True, capture_output=True)


def verdicts(command, lines):
    """One per line.  A verifier that dies has said "crash" of the line after its last verdict, and goes on behind it with
    the key documents that it had."""
    out, start = [], 0
    while start < len(lines):
        again = [line for line in lines[:start] if b'"kind":"token"' not in line and b'"kind":"id"' not in line]
        done = subprocess.run([command], input=b''.join(again + lines[start:]), capture_output=True)
        got = done.stdout.decode(errors='replace').splitlines()[len(again):]
        got = got[:-1] if got[-1:] == ['PASS'] else got      # of Go's testing package
        out += got
        start = len(out)
        if start < len(lines):
            assert done.returncode < 0, f'{command} ended with {done.returncode}: {done.stderr[-300:]}'
            out.append('crash')
            start += 1
    assert len(out) == len(lines), f'{command}: {len(out)} verdicts for {len(lines)} lines'
    return out


class World:
    """Made once: the corpus and everybody's verdict."""

    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'corpus')
            corpus_write(path)
            with open(path, 'rb') as file:
                raw = file.readlines()
        self.lines = [json.loads(line) for line in raw]
        self.ours = verdicts(program('keyreeve-opinion'), raw)
        self.theirs = {'go-spiffe': verdicts(peer('go-spiffe', 'go-spiffe'), raw),
                       'libjwt': verdicts(program('keyreeve-opinion-libjwt'), raw)}


made = []


def world():
    if not made:
        made.append(World())
    return made[0]


# ---- what disagrees ----------------------------------------------------------------------------------------------------


def keys_of(verdict):
    """{domain:key} of "ok DOMAIN:kid,kid+authorities"."""
    found = set()
    for part in verdict.split()[1:]:
        domain, kids = part.split(':', 1)
        kids, _, authorities = kids.partition('+')
        found |= {f'{domain}:{kid}' for kid in kids.split(',') if kid}
        found |= {f'{domain}+{n}' for n in range(int(authorities or 0))}
    return found


def difference(kind, ours, theirs):
    """(what we say, what they say), or None where both say the same: "ok" or the reason; of key documents "keys" against
    "fewer", "more" or "other" ones."""
    if theirs == '-' or ours == theirs or (ours.startswith('no ') and theirs.startswith('no ')):
        return None
    if kind in ('jwks', 'bundle') and theirs.startswith('ok'):
        a, b = keys_of(ours), keys_of(theirs)
        return 'keys', 'fewer' if b < a else 'more' if b > a else 'other'
    if ours.startswith('ok') and theirs.startswith('ok'):
        return 'ok', 'another identity'
    return tuple('ok' if v.startswith('ok') else v.removeprefix('no ') for v in (ours, theirs))


Class = collections.namedtuple('Class', 'id peer kind ours theirs names')


def classes():
    """The rows of the document's tables: | G-01 | kind | ours | theirs | vectors | decided by |."""
    found, name = [], None
    for line in open(DOCUMENT, encoding='utf-8'):
        heading = re.match(r'## (go-spiffe|libjwt)\b', line)
        name = heading[1] if heading else name
        if not re.match(r'\| [A-Z]-\d\d \|', line):
            continue
        cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
        assert len(cells) == 6 and len(cells[5]) > 3, f'{DOCUMENT}: {line}'
        names = re.findall(r'`([^`]+)`', cells[4])
        found.append(Class(cells[0], name, cells[1], cells[2].strip('`'), cells[3].strip('`'), names))
    assert len({c.id for c in found}) == len(found) > 20, 'classes of the document'
    return found


def is_in(entry, kind, name, pair):
    return (entry.kind == kind and fnmatch.fnmatchcase(pair[0], entry.ours) and fnmatch.fnmatchcase(pair[1], entry.theirs)
            and any(fnmatch.fnmatchcase(name, pattern) for pattern in entry.names))


def disagreements_with(name):
    w, listed = world(), [c for c in classes() if c.peer == name]
    met, unlisted = collections.Counter(), collections.defaultdict(list)
    for line, ours, theirs in zip(w.lines, w.ours, w.theirs[name]):
        pair = difference(line['kind'], ours, theirs)
        if pair is None:
            continue
        mine = next((c.id for c in listed if is_in(c, line['kind'], line['name'], pair)), None)
        if mine is None:
            unlisted[(line['kind'],) + pair].append(line['name'])
        else:
            met[mine] += 1
    print(f'{name}: {sum(met.values())} of {len(w.lines)} in {len(met)} classes')
    for entry in listed:
        print(f'    {entry.id} {met[entry.id]}')
    for key, names in unlisted.items():
        print(f'not listed: {len(names)} {key}: {collections.Counter(names).most_common(6)}')
    assert not unlisted, f'{name}: disagreements that docs/CONFORMANCE.md does not list'
    gone = [c.id for c in listed if not met[c.id]]
    assert not gone, f'{name}: classes that no longer occur: {gone}'


# ---- the tests -----------------------------------------------------------------------------------------------------------


def the_corpus_is_as_large_as_it_says_and_follows_from_its_seed():
    w = world()
    mutations = sum(1 for line in w.lines if line['name'][:2] in ('M ', 'R '))
    assert mutations > 10000, mutations
    with tempfile.TemporaryDirectory() as folder:
        for name in 'ab':
            subprocess.run([program('test_jwtsvid_verify')], check=True, capture_output=True,
                           env=dict(os.environ, KEYREEVE_CORPUS=os.path.join(folder, name)))
        assert open(os.path.join(folder, 'a'), 'rb').read() == open(os.path.join(folder, 'b'), 'rb').read()


def our_verdict_of_each_vector_is_the_catalogues():
    """The runner says what the unit tests want, line by line, and of each row what its verdict in the list demands."""
    w, seen = world(), collections.defaultdict(set)
    for line, ours in zip(w.lines, w.ours):
        if 'want' in line:
            want = line['want']
            assert ours.startswith('ok ') if want == 'OK' else ours == f'no {want}', (line['name'], ours, want)
        for row in re.findall(r'TV-[A-Z][A-Z0-9]-\d\d', line['name']):
            if line['kind'] in ('token', 'id'):
                seen[row].add('accept' if ours.startswith('ok') else 'reject')
            else:
                seen[row].add(line['kind'])
    for line in open(CATALOGUE, encoding='utf-8'):
        if not re.match('TV-(ID|JS|JH|JC|JK|SB)', line):
            continue
        row, programs, verdict = line.rstrip('\n').split('\t')
        if not any(f'{name}_test.c' in programs.replace('/', '_') for name in VECTORS):
            continue        # open, or no question of one document
        assert seen[row], f'{row} is not in the corpus'
        wanted = set() if row.startswith('TV-SB') else {'accept', 'reject'} if verdict == 'both' else {verdict}
        assert wanted <= seen[row], (row, verdict, seen[row])


def disagreements_with_go_spiffe_are_listed():
    disagreements_with('go-spiffe')


def disagreements_with_libjwt_are_listed():
    disagreements_with('libjwt')


if sys.argv[1:2] == ['corpus']:
    corpus_write(sys.argv[2])
else:
    main([the_corpus_is_as_large_as_it_says_and_follows_from_its_seed, our_verdict_of_each_vector_is_the_catalogues,
          disagreements_with_go_spiffe_are_listed, disagreements_with_libjwt_are_listed])
