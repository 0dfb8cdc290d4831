#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeded SIGKILLs over creates and destroys on the three providers and all roles; after each restart, token and store
are compared object by object: no acknowledged key lost, no orphan, nothing stuck.
  crash_test.py [KILLS] [SEED]     60 kills with seed 4711 by default, else a seed of the moment; it is printed"""
import hashlib, os, random, re, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 4711 if KILLS == 60 else random.SystemRandom().randrange(1 << 32)
random.seed(SEED)
print(f'seed {SEED}, {KILLS} kills', flush=True)


class Worker(threading.Thread):
    """Creates and destroys keys of one provider until it is told to stop; notes what was acknowledged."""

    def __init__(self, rig, provider, lane, known):
        super().__init__()
        self.rig, self.provider, self.lane, self.known = rig, provider, lane, known
        self.stopping = False
        self.acknowledged = 0

    def run(self):
        client = Client(self.rig.socket, timeout=20)
        count = 0
        while not self.stopping:
            count += 1
            name = f'{self.lane}-{os.urandom(4).hex()}'
            mine = [n for n, s in self.known.copy().items() if s == 'there' and n.startswith(self.lane)]
            try:
                if mine and random.random() < (0.45 if len(mine) < 20 else 0.9):
                    name = random.choice(mine)
                    self.known[name] = 'destroying'
                    client.destroy(self.provider, name)
                    self.known[name] = 'gone'
                else:
                    self.known[name] = 'creating'
                    client.generate(self.provider, name)
                    self.known[name] = 'there'
                self.acknowledged += 1
            except Refused as e:
                if self.known[name] == 'destroying' and e.status == 1140:
                    self.known[name] = 'unknown'
                time.sleep(0.02)
            except (OSError, struct.error):
                time.sleep(0.02)


def intents(rig):
    """What the journal holds at this moment, read from a copy: which windows the kills have hit."""
    copy = tempfile.mkdtemp()
    try:
        for name in glob.glob(rig.path('state', 'keys.db*')):
            shutil.copy(name, copy)
        db = sqlite3.connect(os.path.join(copy, 'keys.db'))
        rows = db.execute('select op, seq, record, key in (select id from key) from intent').fetchall()
        db.close()
        return rows
    except (sqlite3.Error, OSError):
        return []
    finally:
        shutil.rmtree(copy)


def token_ids(rig):
    """(half, id) of every key object.  SoftHSM2, killed in the middle of writing an object's file, can leave a hollow one
    that has neither id nor key; no search can find it, and it is counted apart."""
    found, hollow = [], 0
    for block in re.split(r'^(?=(?:Private|Public) Key Object)', rig.token_objects(), flags=re.M):
        half, ident = re.match(r'(Private|Public) Key Object', block), re.search(r'^\s+ID:\s+([0-9a-f]+)', block, re.M)
        if half and ident:
            found.append((half.group(1), ident.group(1)))
        elif half:
            hollow += 1
    return found, hollow


def compare(rig, known):
    """Every acknowledged key is there and signs; every key that is there was at least asked for; the token holds a pair
    per key and nothing else."""
    client = Client(rig.socket, timeout=60)
    for name, provider in PROVIDERS.items():
        wait_for(f'{name} to recover', lambda: status_of(client.generate, provider, '.probe') in (0, 1139), 20)
        wait_for(f'{name}', lambda: status_of(client.destroy, provider, '.probe') in (0, 1140), 20)
    listed = dict(client.keys())
    digest = hashlib.sha256(b'x').digest()
    for name, state in list(known.items()):
        if state == 'there':
            assert name in listed, f'acknowledged key {name} is lost'
        elif state == 'gone':
            assert name not in listed, f'destroyed key {name} is back'
        if name in listed:
            verify_outside(client.public(listed[name], name), digest, client.sign(listed[name], name, digest))
            known[name] = 'there'
        else:
            # not there: then the name is free again
            if state in ('creating', 'destroying'):
                provider = PROVIDERS[name.split('-')[0]]
                assert status_of(client.generate, provider, name) == 0, f'{name} is stuck'
                client.destroy(provider, name)
            known[name] = 'gone'
    for name in listed:
        assert known.get(name) == 'there', f'{name} came from nowhere'
    hsm = sum(1 for p in listed.values() if p == PKCS11)
    found, hollow = token_ids(rig)
    private, public = [i for k, i in found if k == 'Private'], [i for k, i in found if k == 'Public']
    assert len(private) == len(set(private)) == hsm, f'{len(private)} private objects for {hsm} keys'
    assert sorted(private) == sorted(public), 'halves without the other half'
    if hollow:
        print(f'        {hollow} hollow objects of SoftHSM2', flush=True)
    assert intents(rig) == [] or time.sleep(0.5) or intents(rig) == [], f'journal is not empty: {intents(rig)}'
    seqs = [line['seq'] for line in rig.audit()]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), 'gap in the audit log'
    # every acknowledged create and destroy has its line
    for op, verb in (('PsaGenerateKey', 'there'),):
        lined = {line['key'] for line in rig.audit() if line.get('op') == op and (line.get('wire') == 0 or
                 line.get('event') == 'recovered')}
        missing = [n for n, s in known.items() if s == verb and n not in lined]
        assert not missing, f'no line for {missing}'


def kills_lose_nothing_and_leave_nothing():
    windows, per_role = {}, {}
    with Rig() as rig:
        rig.start()
        known = {}
        kill = 0
        while kill < KILLS:
            workers = [Worker(rig, provider, name, known) for name, provider in PROVIDERS.items() for _ in range(2)]
            for w in workers:
                w.start()
            for _ in range(5):                            # five kills between two comparisons
                time.sleep(random.uniform(0.05, 0.35))
                victim = random.choice(['all', 'all', 'all', 'agent', 'soft', 'tpm', 'p11'])
                if victim == 'all':
                    rig.kill()
                    for op, seq, record, has_row in intents(rig):
                        key = (next((p for p in PROVIDERS if p.encode() + b'-' in record), '?'),   # from the key's name
                               {1: 'create', 2: 'destroy'}[op], 'numbered' if seq else 'intended', 'row' if has_row else 'no row')
                        windows[key] = windows.get(key, 0) + 1
                    rig.start(wait=False)
                    wait_for('the daemon', rig.pings, 20)
                else:
                    pid = rig.roles().get(victim)
                    if pid is None:
                        continue
                    os.kill(pid, signal.SIGKILL)
                    wait_for('the daemon', rig.pings, 20)
                per_role[victim] = per_role.get(victim, 0) + 1
                kill += 1
            for w in workers:
                w.stopping = True
            for w in workers:
                w.join()
            compare(rig, known)
            print(f'        {kill} kills, {sum(1 for s in known.values() if s == "there")} keys there', flush=True)
    print('        killed:', ', '.join(f'{k} {v}' for k, v in sorted(per_role.items())))
    print('        journal rows found at a restart:', flush=True)
    for key, count in sorted(windows.items()):
        print('          ', *key, count, flush=True)


sys.argv = sys.argv[:1]
main([kills_lose_nothing_and_leave_nothing])
