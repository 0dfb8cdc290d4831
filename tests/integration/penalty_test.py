#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whoever sends wrong tokens, malformed frames or none at all pays with time, and nobody else does: how soon a process is
boxed, what it sees then, for how long, that its neighbours are served, and what the audit log says."""
import base64, collections, hashlib, os, random, select, signal, struct, sys, threading, time, traceback
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

LIST, WRONG, BOXED, MALFORMED = 26, 11, 1141, 17
LIMIT = 8                        # limits.failures, by default
BAR = 10                         # "boxed within 10"
KNOCKS = 64                      # PENALTY_KNOCKS
THIEF = 2001
GOOD, VICTIM = 'spiffe://rig.example/ns/a/sa/w', 'spiffe://rig.example/ns/b/sa/w'


class Setup:
    """Trust is there, and nobody has failed yet."""

    def __init__(self, issuer=True):
        self.rig = Rig(providers=('soft',), wrap='file', failures=None)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig) if issuer else None

    def __enter__(self):
        try:
            self.rig.start()
            if self.issuer:
                wait_for('trust', lambda: 'key documents: 1 trust domains' in self.rig.tail(1000))
        except BaseException:
            self.rig.close()
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def ask(self, token, keep=False):
        return Client(self.rig.socket, ('jwt', token), keep=keep)

    def counted(self):
        """{status: how often} of what was counted instead of logged line by line."""
        time.sleep(1.2)
        found = collections.Counter()
        for line in self.rig.audit():
            if line.get('event') == 'count' and 'status' in line:
                found[line['status']] += line['count']
        return found

    def penalties(self):
        return [line for line in self.rig.audit() if line.get('event') == 'penalty']


def in_child(act, uid=None):
    """What act() returns in a process of its own, perhaps of another uid."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(r)
            if uid is not None:
                os.setgid(uid)
                os.setgroups([])
                os.setuid(uid)
            os.write(w, json.dumps(act()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(w)
    with os.fdopen(r, 'rb') as answer:
        text = answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(text)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Guesser:
    """Tokens that nobody signed: random ones, good ones with a bit flipped, and the claims of a good one under another
    key of the same name."""

    def __init__(self, good, seed=4711):
        self.input, self.signature = good.rsplit('.', 1)
        self.random, self.key = random.Random(seed), ec.generate_private_key(ec.SECP256R1())
        self.wrong_key()         # loads what it needs, which another uid may not be able to read

    def random_one(self):
        return '.'.join(b64(self.random.randbytes(n)) for n in (40, 120, 64))

    def flipped(self):
        raw = bytearray(base64.urlsafe_b64decode(self.signature + '=='))
        bit = self.random.randrange(len(raw) * 8)
        raw[bit // 8] ^= 1 << bit % 8
        return self.input + '.' + b64(bytes(raw))

    def wrong_key(self):
        r, s = utils.decode_dss_signature(self.key.sign(self.input.encode(), ec.ECDSA(hashes.SHA256())))
        return self.input + '.' + b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))

    def next(self, i):
        return (self.random_one, self.flipped, self.wrong_key)[i % 3]()


def answer_to(path, token):
    """The status, or what became of the connection."""
    try:
        raw = Client(path, timeout=10).raw(frame(LIST, b'', 0, 4, token.encode()))
        return parse(raw)['status'] if raw else 'closed'
    except (ConnectionError, socket.timeout) as e:
        return type(e).__name__


def a_thousand_invalid_tokens_box_their_process_within_ten_and_nobody_else():
    """From one process with 200 connections, while a neighbour of the same uid and another tenant ask all the time."""
    with Setup() as setup:
        rig, stop, served = setup.rig, threading.Event(), {'neighbour': [], 'victim': []}
        tokens = {'neighbour': setup.issuer.token(GOOD), 'victim': setup.issuer.token(VICTIM)}
        guesser = Guesser(setup.issuer.token('spiffe://rig.example/ns/a/sa/other'))
        invalid = [guesser.next(i) for i in range(1000)]

        def attack():
            answers, lock, left = collections.Counter(), threading.Lock(), iter(invalid)

            def work():
                while True:
                    with lock:
                        token = next(left, None)
                    if token is None:
                        return
                    answer = answer_to(rig.socket, token)
                    with lock:
                        answers[str(answer)] += 1
            threads = [threading.Thread(target=work) for _ in range(200)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return answers

        def neighbour():
            answers = []
            while not os.path.exists(rig.path('over')):
                answers.append(answer_to(rig.socket, tokens['neighbour']))
                time.sleep(0.01)
            return collections.Counter(map(str, answers))

        def watch(name, act):
            served[name] = act()
        watching = [threading.Thread(target=watch, args=('neighbour', lambda: in_child(neighbour, THIEF))),
                    threading.Thread(target=watch, args=('victim', lambda: in_child(lambda: victim(rig, tokens), 2002)))]

        def victim(rig, tokens):
            answers = []
            while not os.path.exists(rig.path('over')):
                answers.append(answer_to(rig.socket, tokens['victim']))
                time.sleep(0.01)
            return collections.Counter(map(str, answers))
        for thread in watching:
            thread.start()
        answers = in_child(attack, THIEF)
        open(rig.path('over'), 'w').close()
        for thread in watching:
            thread.join()
        assert sum(answers.values()) == 1000 and '0' not in answers, answers
        for name in ('neighbour', 'victim'):
            assert set(served[name]) == {'0'} and served[name]['0'] > 10, (name, served)
        # looked at were those before the box, and one after the end of each
        first, *later = setup.penalties()
        assert first['count'] == LIMIT <= BAR and first['detail'] == 'boxed for 1 s' and first['peer']['uid'] == THIEF, first
        counted = setup.counted()
        looked_at = sum(n for status, n in counted.items() if status.startswith('JWT_'))
        assert looked_at == answers[str(WRONG)] == LIMIT + len(later), (counted, answers, later)
        assert counted['PENALTY_BOXED'] == 1000 - looked_at, counted
        assert [line['detail'] for line in later] == [f'boxed for {2 << i} s' for i in range(len(later))], later
        assert all(line['peer'] == first['peer'] for line in later)


def what_a_boxed_process_sees():
    with Setup() as setup:
        rig, good = setup.rig, setup.issuer.token(GOOD)
        guesser = Guesser(good)

        def act():
            kept = [setup.ask(good, keep=True) for _ in range(2)]
            before = [client.exchange(LIST)['status'] for client in kept]
            wrong = [answer_to(rig.socket, guesser.flipped()) for _ in range(LIMIT)]
            began = time.monotonic()
            # on a connection that was open: an answer, and the end
            on_kept = [client.exchange(LIST)['status'] for client in kept]
            ends = [client.sock.recv(1) == b'' for client in kept]
            quick = time.monotonic() - began
            # a new one: the same answer after two seconds; the box is over by then
            new = [answer_to(rig.socket, good), parse(Client(rig.socket, None).raw(frame(1)))['status']]
            return before, wrong, on_kept, ends, quick, new, time.monotonic() - began
        before, wrong, on_kept, ends, quick, new, slow = in_child(act, THIEF)
        assert before == [0, 0] and wrong == [WRONG] * LIMIT and on_kept == [BOXED] * 2 and ends == [True] * 2, (before, wrong, on_kept, ends)
        assert new == [BOXED, 0] and 2 <= slow < 4, (new, slow)
        assert quick < 0.5, quick
        assert in_child(lambda: answer_to(rig.socket, good), THIEF) == 0          # another process of the same uid
        counted = setup.counted()
        assert counted['PENALTY_BOXED'] >= 3 and counted['JWT_SIGNATURE'] == LIMIT, counted


def a_boxed_process_waits_with_all_its_connections_and_its_neighbours_do_not():
    """A thousand connections, each refused after two seconds and none before, so that there is nothing to ask anew for."""
    with Setup() as setup:
        rig, good, guesser = setup.rig, setup.issuer.token(GOOD), Guesser(setup.issuer.token(GOOD))
        tokens = {THIEF: setup.issuer.token(GOOD), 2002: setup.issuer.token(VICTIM)}
        r, w = os.pipe()

        def act():
            for _ in range(LIMIT):
                answer_to(rig.socket, guesser.flipped())
            sockets = []
            for _ in range(1000):
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(10)
                sockets.append((s, time.monotonic()))
                s.connect(rig.socket)
                s.sendall(frame(LIST, b'', 0, 4, good.encode()))
            os.write(w, b'x')
            return [(parse(s.recv(100))['status'], time.monotonic() - began, s.recv(1) == b'') for s, began in sockets]
        ends, neighbours = [], []
        thief = threading.Thread(target=lambda: ends.extend(in_child(act, THIEF)))
        thief.start()
        os.read(r, 1)
        for uid in (THIEF, 2002) * 5:
            began = time.monotonic()
            neighbours.append((in_child(lambda: answer_to(rig.socket, tokens[uid]), uid),
                               time.monotonic() - began < 1))
        thief.join()
        assert set(neighbours) == {(0, True)}, neighbours
        assert {(status, end) for status, _, end in ends} == {(BOXED, True)}, ends
        assert all(2.0 <= t <= 2.5 for _, t, _ in ends), (min(t for _, t, _ in ends), max(t for _, t, _ in ends))
        assert setup.counted()['PENALTY_BOXED'] == 1000


def connections_for_nothing_cost_too_and_a_few_do_not():
    with Setup() as setup:
        rig, good = setup.rig, setup.issuer.token(GOOD)

        def knock(times):
            for _ in range(times):
                Client(rig.socket).connect().close()
            time.sleep(0.2)
            return answer_to(rig.socket, good)
        assert in_child(lambda: knock(LIMIT * KNOCKS - 1), THIEF) == 0
        assert in_child(lambda: knock(LIMIT * KNOCKS), THIEF) == BOXED
        assert in_child(lambda: answer_to(rig.socket, good), THIEF) == 0
        boxed, = setup.penalties()
        assert (boxed['status'], boxed['detail'], boxed['count']) == ('FRAME_SHORT', 'boxed for 1 s', LIMIT), boxed


def whoever_has_most_connections_makes_room_for_who_has_less():
    """Idle ones, which cost nobody anything until there is no room: first of a uid's, then of all."""
    uid_max, all_max = 16, 31

    def hoard(path, count, hold):
        def act():
            clients = [Client(path, keep=True, timeout=1) for _ in range(count)]
            served = sum(c.exchange(1)['status'] == 0 for c in clients)
            os.write(ready, b'x')
            os.read(hold, 1)
            return served, len(select.select([c.sock for c in clients], [], [], 0)[0])
        return act

    def ask(path):
        began = time.monotonic()
        client = Client(path, timeout=10)
        return parse(client.raw(frame(1)))['status'], time.monotonic() - began
    with Rig(providers=('soft',), wrap='file', failures=None,
             more=f'limits: {{connections: {all_max}, connections_per_uid: {uid_max}}}\n') as rig:
        rig.start()
        (told, ready), (hold, go) = os.pipe(), os.pipe()
        results, hoards = [], []

        def start(uid, count):
            hoards.append(threading.Thread(target=lambda: results.append(in_child(hoard(rig.socket, count, hold), uid))))
            hoards[-1].start()
            os.read(told, 1)
        start(THIEF, uid_max)
        status, took = in_child(lambda: ask(rig.socket), THIEF)                  # a neighbour under the same uid
        assert status == 0 and took < 1, (status, took)
        start(2002, uid_max)
        for uid in (2003, 2004):                                                  # of all there is none left either
            status, took = in_child(lambda: ask(rig.socket), uid)
            assert status == 0 and took < 1, (uid, status, took)
        os.write(go, b'xx')
        for thread in hoards:
            thread.join()
        assert [served for served, _ in results] == [uid_max] * 2, results
        assert [over for _, over in results] == [1, 1], results                   # to the neighbour, and to the first stranger

        def too_many():
            clients = [Client(rig.socket, keep=True, timeout=10) for _ in range(uid_max)]
            return [c.exchange(1)['status'] for c in clients] + list(ask(rig.socket))
        *served, status, took = in_child(too_many, THIEF)                          # its own places it does not get twice
        assert served == [0] * uid_max and status == BOXED and 2.0 <= took <= 2.5, (served, status, took)


def an_answer_that_was_not_read_yet_is_not_cut_off_for_want_of_room():
    """The largest process has only connections whose answers are under way."""
    count = 8
    with Rig(providers=('soft',), wrap='file', failures=None,
             more=f'limits: {{connections: 31, connections_per_uid: {count}}}\n') as rig:
        rig.start()
        (told, ready), (hold, go) = os.pipe(), os.pipe()

        def slow():
            clients = [Client(rig.socket, keep=True, timeout=5) for _ in range(count)]
            for client in clients:
                client.sock = client.connect()
                client.sock.sendall(frame(13, pb((1, 1048576)), SOFT, flags=1))    # more than a socket takes
            time.sleep(0.3)
            os.write(ready, b'x')
            os.read(hold, 1)
            heads = [parse(client.read(36)) for client in clients]
            return [head['status'] for head in heads], [len(c.read(h['body_len'])) for c, h in zip(clients, heads)]
        results = []
        thread = threading.Thread(target=lambda: results.append(in_child(slow, THIEF)))
        thread.start()
        os.read(told, 1)

        def neighbour():
            client = Client(rig.socket, timeout=10)
            sock = client.connect()
            sock.sendall(frame(1))
            time.sleep(0.3)
            os.write(go, b'x')
            return parse(sock.recv(4096))['status']
        assert in_child(neighbour, THIEF) == BOXED
        thread.join()
        (statuses, sizes), = results
        assert statuses == [0] * count and min(sizes) > 1048576, (statuses, sizes)


def a_success_does_not_end_a_penalty_and_the_next_is_twice_as_long():
    with Setup() as setup:
        rig, good = setup.rig, setup.issuer.token(GOOD)
        guesser = Guesser(good)

        def act():
            seen = [answer_to(rig.socket, guesser.flipped()) for _ in range(LIMIT - 1)]
            seen += [answer_to(rig.socket, good) for _ in range(20)]
            seen.append(answer_to(rig.socket, guesser.flipped()))
            boxes = []
            for _ in range(2):
                began = time.monotonic()
                while answer_to(rig.socket, good) != 0:
                    pass
                boxes.append(time.monotonic() - began)
                seen += [answer_to(rig.socket, good) for _ in range(5)]
                seen.append(answer_to(rig.socket, guesser.random_one()))
            return seen, boxes
        seen, boxes = in_child(act, THIEF)
        want = [WRONG] * (LIMIT - 1) + [0] * 20 + [WRONG] + 2 * ([0] * 5 + [WRONG])
        assert seen == want, seen
        assert 1 <= boxes[0] < 3 and 2 <= boxes[1] < 4, boxes
        assert [line['detail'] for line in setup.penalties()] == [f'boxed for {n} s' for n in (1, 2, 4)]


def malformed_frames_silence_and_false_claims_cost_as_much():
    def malformed(path):
        return [parse(Client(path).raw(frame(1, magic=0xDEADBEEF)))['status'] for _ in range(LIMIT)], MALFORMED

    def false_claims(path):
        return [parse(Client(path).raw(frame(LIST, b'', 0, 3, struct.pack('<I', 0))))['status'] for _ in range(LIMIT)], WRONG

    def silence(path):
        sockets = [Client(path).connect() for _ in range(LIMIT)]
        return [parse(s.recv(100))['status'] for s in sockets], 15

    def bodies(path):
        claim = struct.pack('<I', os.geteuid())
        return [parse(Client(path).raw(frame(LIST, b'\xff' * 9, 0, 3, claim)))['status'] for _ in range(LIMIT)], 7
    with Setup() as setup:
        path = setup.rig.socket
        for act in (malformed, false_claims, silence, bodies):
            def boxed():
                got, want = act(path)
                return got, want, parse(Client(path).raw(frame(1)))['status']
            got, want, after = in_child(boxed, THIEF)
            assert got == [want] * LIMIT and after == BOXED, (act.__name__, got, after)
        assert [line['status'] for line in setup.penalties()] == ['FRAME_MAGIC', 'PEER_UID', 'FRAME_TIMEOUT', 'BODY_SYNTAX']


def a_process_per_attempt_is_throttled_by_its_uid_and_its_neighbours_are_served():
    with Setup() as setup:
        rig, guesser = setup.rig, Guesser(setup.issuer.token(GOOD))
        stop, answers = rig.path('over'), []
        fresh = [setup.issuer.token(f'spiffe://rig.example/ns/n{i}/sa/w') for i in range(40)]

        def fork_bomb():
            seen = collections.Counter()
            while not os.path.exists(stop):
                token = guesser.next(sum(seen.values()))
                seen[str(in_child(lambda: answer_to(rig.socket, token)))] += 1
            return seen
        bombs = [threading.Thread(target=lambda: answers.append(in_child(fork_bomb, THIEF))) for _ in range(3)]
        for bomb in bombs:
            bomb.start()
        wait_for('the uid to be throttled', lambda: any(line['detail'] == 'uid throttled' for line in setup.penalties()), 60)
        # tokens that nobody has seen yet, each from a process of the same uid
        good = [in_child(lambda: answer_to(rig.socket, token), THIEF) for token in fresh]
        open(stop, 'w').close()
        for bomb in bombs:
            bomb.join()
        assert good == [0] * len(fresh), good
        assert all(set(seen) == {str(WRONG)} for seen in answers), answers
        throttled = [line for line in setup.penalties() if line['detail'] == 'uid throttled']
        assert len(throttled) == 1 and throttled[0]['peer']['uid'] == THIEF, throttled


def failures_for_want_of_a_key_are_forgiven_when_the_key_comes():
    with Setup(issuer=False) as setup:
        rig = setup.rig
        setup.issuer = Issuer(rig)
        good = setup.issuer.token(GOOD)
        stand_still(setup.issuer.process.pid)
        assert 'trust domains' not in rig.tail(1000), 'trust came too soon for this test'
        r, w = os.pipe()

        def act():
            seen, wait = [answer_to(rig.socket, good) for _ in range(LIMIT)], 1
            while wait < 32:
                time.sleep(wait + 0.1)
                seen.append(answer_to(rig.socket, good))
                wait *= 2
            os.write(w, b'x')                                # boxed for half a minute and more
            began = time.monotonic()
            while answer_to(rig.socket, good) != 0:
                pass
            return seen, time.monotonic() - began
        result = []
        child = threading.Thread(target=lambda: result.append(in_child(act, THIEF)))
        child.start()
        os.read(r, 1)
        setup.issuer.process.send_signal(signal.SIGCONT)
        child.join()
        (seen, took), = result
        assert set(seen) == {WRONG}, seen
        assert took < 20, took


main([a_thousand_invalid_tokens_box_their_process_within_ten_and_nobody_else, what_a_boxed_process_sees,
      a_boxed_process_waits_with_all_its_connections_and_its_neighbours_do_not,
      connections_for_nothing_cost_too_and_a_few_do_not, whoever_has_most_connections_makes_room_for_who_has_less,
      an_answer_that_was_not_read_yet_is_not_cut_off_for_want_of_room,
      a_success_does_not_end_a_penalty_and_the_next_is_twice_as_long, malformed_frames_silence_and_false_claims_cost_as_much,
      a_process_per_attempt_is_throttled_by_its_uid_and_its_neighbours_are_served,
      failures_for_want_of_a_key_are_forgiven_when_the_key_comes])
