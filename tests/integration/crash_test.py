#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILLs over creates and destroys on the three providers and all roles; afterwards token and store are compared
object by object: no acknowledged key lost, no orphan, nothing stuck.
  crash_test.py [KILLS] [SEED]     60 kills with seed 4711 by default, else a seed of the moment; it is printed
Half of the kills are aimed, since blind ones rarely meet the narrow windows: one create or destroy runs, and the gate
(tests/support/gate.py) keeps the agent's durability thread in front of the system call that ends the window; then the
daemon or the agent is killed.  What was hit is read from what the dead left: the journal's row, its number, the log, the
token, and whether the client had its answer.  Only a hit that all of these show is counted, and each window of each
provider and operation must be: once in 60 kills, five times in 300.  With software and TPM keys the object is the
worker's answer, which is nowhere on disk: that it had come is shown by the transaction that the agent had begun.
The other half is blind: any moment of a load on all providers, the daemon or one role, in the order of the seed."""
import hashlib, os, random, re, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from gate import Gate
from rig import *

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 4711 if KILLS == 60 else random.SystemRandom().randrange(1 << 32)
WINDOWS = ('intended', 'made', 'committed', 'lined', 'answered')
AIMS = [(provider, op, window) for provider in PROVIDERS for op in ('create', 'destroy') for window in WINDOWS]
ROUNDS = KILLS // 2 // len(AIMS)
AIMED = ROUNDS * len(AIMS)
TRIES = 3                  # of an aim: the act may be refused when its provider dies with the daemon before
random.seed(SEED)
print(f'seed {SEED}, {KILLS} kills, {AIMED} of them aimed', flush=True)


class Worker(threading.Thread):
    """Creates and destroys keys of one provider until it is told to stop; notes what was acknowledged."""

    def __init__(self, rig, provider, lane, known, destroyed):
        super().__init__()
        self.rig, self.provider, self.lane, self.known, self.destroyed = rig, provider, lane, known, destroyed
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
                    self.destroyed.append(name)
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
        rows = db.execute('select op, seq, record, key in (select id from key), hardware_id from intent').fetchall()
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


def compare(rig, known, destroyed=()):
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
    for op, names in (('PsaGenerateKey', [n for n, s in known.items() if s == 'there']), ('PsaDestroyKey', destroyed)):
        lined = {line['key'] for line in rig.audit() if line.get('op') == op and (line.get('wire') == 0 or
                 line.get('event') == 'recovered')}
        missing = [n for n in names if n not in lined]
        assert not missing, f'no line of {op} for {missing}'


# ---- aimed kills -----------------------------------------------------------------------------------------------------


class Aim:
    """Where the agent is within one create or destroy, by its writes and syncs of store and log.  The journal's row is the
    first transaction of the store; the record and the number are the second; the answer follows the log's sync.  A
    transaction is pages and a sync: SQLite syncs at a checkpoint, and after its log's header of 32 bytes, too."""

    def __init__(self, window):
        self.window, self.pages, self.commits, self.is_lined, self.is_synced = window, 0, 0, False, False

    def __call__(self, role, kind, size, path, reopen):
        store, log = path.endswith('/keys.db-wal'), '/audit/' in path
        if role != 'keyreeve-agent' or not (store or log):
            return False
        if store and kind == 'write':
            self.pages += size >= 512
            return self.window == 'made' and self.commits == 1 or self.window == 'answered' and self.is_synced
        if store:
            self.commits += self.pages > 0
            is_intent = self.pages > 0 and self.commits == 1
            self.pages = 0
            if self.window == 'intended' and is_intent:
                fd = os.open(reopen, os.O_RDWR)        # it happens, but the agent never hears that it did
                os.fdatasync(fd)
                os.close(fd)
                return True
        elif self.commits == 2 and kind == 'write':
            self.is_lined = True
            return self.window == 'committed'
        elif self.is_lined:
            self.is_synced = True
            return self.window == 'lined'
        return False


def hit(rig, op, name, provider, acknowledged):
    """The window that the dead have left behind, by all that they have left."""
    rows = [row for row in intents(rig) if name.encode() in row[2]]
    if len(rows) != 1 or rows[0][0] != {'create': 1, 'destroy': 2}[op]:
        return f'{len(rows)} rows'
    _, seq, _, has_row, hardware_id = rows[0]
    if seq == 0:
        if acknowledged or bool(has_row) != (op == 'destroy'):
            return 'a row that should not be'
        if provider != 'hsm':
            return 'intended or made'
        on_token = hardware_id.hex() in [ident for _, ident in token_ids(rig)[0]]
        return 'intended' if on_token == (op == 'destroy') else 'made'
    if bool(has_row) != (op == 'create'):
        return 'numbered without its change'
    if seq not in whole_numbers(rig):
        return 'committed'
    return 'answered' if acknowledged else 'lined'


def whole_numbers(rig):
    """Numbers of the whole lines in the log as it lies there."""
    data = b''.join(open(name, 'rb').read() for name in sorted(glob.glob(rig.path('state', 'audit', '*.log'))))
    return {json.loads(line)['seq'] for line in data.split(b'\n')[:-1]}


def settled(rig):
    wait_for('the journal to be empty', lambda: intents(rig) == [], 20)


class Hunt:
    """One rig whose daemon runs behind the gate."""

    def __init__(self, rig):
        self.rig, self.gate, self.count = rig, None, 0
        self.start()

    def start(self):
        self.gate = Gate(self.rig.path('gate'))
        self.gate.start()
        self.rig.start(wait=False, wrapper=self.gate.wrapper())

    def kill(self, victim, look):
        """The kill, a look at what it left, and the next start."""
        rig = self.rig
        if victim == 'all':
            rig.kill()
            self.gate.end()
            seen = look()
            self.start()
            return seen
        stand_still(rig.daemon.pid)        # nobody is started anew before we have looked
        pid = rig.roles()['agent']
        os.kill(pid, signal.SIGKILL)
        wait_for('the agent to die', lambda: not alive(pid))
        seen = look()
        os.kill(rig.daemon.pid, signal.SIGCONT)
        wait_for('another agent', lambda: rig.roles().get('agent') not in (None, pid))
        return seen

    def shoot(self, provider, op, window, victim):
        """One key, one act, one kill: what was hit, and the key's name."""
        rig, number = self.rig, PROVIDERS[provider]
        self.count += 1
        name = f'{provider}-aimed-{self.count}'
        wait_for(provider, lambda: rig.pings() and rig.provider_up(provider), 30)
        client = Client(rig.socket, timeout=30)
        if op == 'destroy':
            client.generate(number, name)
        settled(rig)
        done = []

        def act():
            try:
                (client.generate if op == 'create' else client.destroy)(number, name)
                done.append(True)
            except (Refused, OSError, struct.error):
                pass
        thread = threading.Thread(target=act)
        self.gate.judge = Aim(window)
        thread.start()
        wait_for('the act', lambda: self.gate.caught.is_set() or not thread.is_alive(), 30)
        if not self.gate.caught.wait(1):
            self.gate.judge = None
            return 'nothing', name
        self.gate.caught.clear()
        seen = self.kill(victim, lambda: hit(rig, op, name, provider, bool(done)))
        thread.join(30)
        assert not thread.is_alive()
        return window if seen == 'intended or made' and window in ('intended', 'made') else seen, name


def survived(rig, provider, op, window, name):
    """What the table of recovery says about this window: the key, and its one line."""
    wait_for(provider, lambda: rig.pings() and rig.provider_up(provider), 30)
    settled(rig)
    keys, client, digest = dict(Client(rig.socket).keys()), Client(rig.socket), hashlib.sha256(b'x').digest()
    is_there = op == 'create' and window in ('committed', 'lined', 'answered')
    assert (name in keys) == is_there, f'{name} after "{window}": {"lost" if is_there else "there"}'
    if is_there:
        verify_outside(client.public(PROVIDERS[provider], name), digest, client.sign(PROVIDERS[provider], name, digest))
    lines = [line for line in rig.audit() if line.get('key') == name and line.get('op') == {
        'create': 'PsaGenerateKey', 'destroy': 'PsaDestroyKey'}[op]]
    assert len(lines) == 1, lines
    outcome = 'destroyed' if op == 'destroy' else 'created' if is_there else 'undone'
    if window in ('lined', 'answered'):
        assert lines[0].get('wire') == 0, lines
    else:
        assert (lines[0].get('event'), lines[0].get('detail')) == ('recovered', outcome), lines
    if is_there:
        client.destroy(PROVIDERS[provider], name)
    else:
        client.generate(PROVIDERS[provider], name)     # nothing is stuck: the name is free
        client.destroy(PROVIDERS[provider], name)


def every_window_is_hit_and_survived():
    hits = dict.fromkeys(AIMS, 0)
    with Rig() as rig:
        hunt = Hunt(rig)
        for i, aim in enumerate(random.sample(AIMS * ROUNDS, AIMED)):
            for _ in range(TRIES):
                seen, name = hunt.shoot(*aim, 'all' if i % 2 == 0 else 'agent')
                if seen == aim[2]:
                    break
                print(f'        missed {aim}: {seen}', flush=True)
                wait_for(aim[0], lambda: rig.pings() and rig.provider_up(aim[0]), 30)
                status_of(Client(rig.socket).destroy, PROVIDERS[aim[0]], name)
            else:
                raise AssertionError(f'{aim} was not hit in {TRIES} tries')
            survived(rig, *aim, name)
            hits[aim] += 1
        compare(rig, {})
        rig.stop()
        hunt.gate.end()
    print('        windows hit:')
    for provider in PROVIDERS:
        for op in ('create', 'destroy'):
            print('          ', provider, op, ', '.join(f'{w} {hits[provider, op, w]}' for w in WINDOWS), flush=True)
    assert min(hits.values()) == ROUNDS > 0, hits


# ---- blind kills -----------------------------------------------------------------------------------------------------


def kills_lose_nothing_and_leave_nothing():
    windows, per_role = {}, {}
    with Rig() as rig:
        rig.start()
        known, destroyed = {}, []
        kill = 0
        while kill < KILLS - AIMED:
            workers = [Worker(rig, provider, name, known, destroyed) for name, provider in PROVIDERS.items() for _ in range(2)]
            for w in workers:
                w.start()
            for _ in range(5):                            # five kills between two comparisons
                time.sleep(random.uniform(0.05, 0.35))
                victim = random.choice(['all', 'all', 'all', 'agent', 'soft', 'tpm', 'p11'])
                if victim == 'all':
                    rig.kill()
                    for op, seq, record, has_row, _ in intents(rig):
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
            compare(rig, known, destroyed)
            print(f'        {kill} kills, {sum(1 for s in known.values() if s == "there")} keys there', flush=True)
    print('        killed:', ', '.join(f'{k} {v}' for k, v in sorted(per_role.items())))
    print('        journal rows found at a restart:', flush=True)
    for key, count in sorted(windows.items()):
        print('          ', *key, count, flush=True)


sys.argv = sys.argv[:1] + sys.argv[3:]
main([every_window_is_hit_and_survived, kills_lose_nothing_and_leave_nothing])
