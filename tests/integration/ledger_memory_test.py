#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger about what is left of a request when it is over: in memory of the roles, in files, on the wire.
One function each; tests/ledger.tsv names them."""
import base64, hashlib, os, re, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

LIST_KEYS, SIGN_MESSAGE, VERIFY_MESSAGE, HASH = 26, 24, 25, 16
CHUNK = 24                                # any piece of a token of twice this size is found wherever it is left


def memory(pid):
    """(where, bytes) of every mapping that can be written, as root reads it, without pages of zeros: what cannot be written
    holds what its file holds."""
    empty = bytes(4096)
    with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for line in open(f'/proc/{pid}/maps'):
            first, last = (int(n, 16) for n in line.split()[0].split('-'))
            if line.split()[1][:2] != 'rw':
                continue
            try:
                mem.seek(first)
                data = mem.read(last - first)
            except OSError:
                continue                                             # a device's pages, a hole of a file
            yield line.strip(), b''.join(page for at in range(0, len(data), 4096) if (page := data[at:at + 4096]) != empty)


def texts_in(data, wanted):
    """Those of the pieces, which are base64url, that are in the data."""
    return [run[at:at + CHUNK] for run in re.findall(rb'[A-Za-z0-9_-]{%d,}' % CHUNK, data) for at in range(len(run) - CHUNK + 1)
            if run[at:at + CHUNK] in wanted]


def pieces(secret):
    return [secret[at:at + CHUNK] for at in range(0, len(secret) - CHUNK + 1, CHUNK)]


def processes(rig):
    return [rig.daemon.pid, *rig.roles().values()]


class Relay:
    """Between the daemon and the Workload API: what the daemon sends there is kept."""

    def __init__(self, rig, issuer):
        self.path, self.sent = rig.path('relay.sock'), bytearray()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(4)
        threading.Thread(target=self.accept, args=(issuer.socket,), daemon=True).start()

    def accept(self, target):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(target)
            threading.Thread(target=self.pump, args=(near, far, self.sent), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, bytearray()), daemon=True).start()

    @staticmethod
    def pump(source, to, kept):
        while data := source.recv(65536):
            kept += data
            to.sendall(data)


def no_token_is_left_behind():
    """A1-I2: after 1 000 requests, from fresh and kept connections, good and bad."""
    with Rig() as rig:
        issuer = Issuer(rig)
        relay = Relay(rig, issuer)
        rig.options['spiffe'] = relay.path
        rig.start()
        wait_for('trust', lambda: Client(rig.socket, ('jwt', issuer.token())).exchange(LIST_KEYS)['status'] == 0)
        tokens = []
        for kid, alg in ((None, 'ES256'), ('k2', 'RS256')):
            if kid is not None:
                issuer.say('add-key', kid, alg)
                issuer.say('activate', kid)
                wait_for('the key', lambda: Client(rig.socket, ('jwt', issuer.token())).exchange(LIST_KEYS)['status'] == 0)
            tokens += [issuer.token(f'spiffe://rig.example/ns/a/sa/{alg}-{n}') for n in range(20)]
        texts, raws = set(), []
        for token in tokens:
            _, payload, signature = token.split('.')
            texts |= {*pieces(payload.encode()[CHUNK:]), *pieces(signature.encode())}
            raws.append(base64.urlsafe_b64decode(signature + '==')[:CHUNK])

        def left_in(data):
            return texts_in(data, texts) or [raw for raw in raws if raw in data]

        def left():
            return [(program(pid), where, found) for pid in processes(rig) for where, data in memory(pid) if (found := left_in(data))]
        # the search finds a token where one is: of a request whose last byte is missing
        with Client(rig.socket).connect() as open_one:
            open_one.sendall(frame(LIST_KEYS, b'', 0, 4, tokens[0].encode())[:-1])
            time.sleep(0.2)
            assert {role for role, _, _ in left()} == {'keyreeve-agent'}
        kept = [Client(rig.socket, ('jwt', token), keep=True) for token in tokens]
        for n in range(1000):
            token, client = tokens[n % 40], kept[n % 40]
            if n % 4 == 0:
                assert client.exchange(LIST_KEYS)['status'] == 0
            elif n % 4 == 1:
                assert Client(rig.socket, ('jwt', token)).exchange(2, pb((1, f'k{n}'), (2, attributes())), 1 + n // 4 % 3)['status'] == 0
            elif n % 4 == 2:
                wrong = token[:-8] + ('AAAAAAAA' if token[-8:] != 'AAAAAAAA' else 'BBBBBBBB')
                assert Client(rig.socket, ('jwt', wrong)).exchange(LIST_KEYS)['status'] == 11
            else:
                assert Client(rig.socket, ('jwt', token)).exchange(7, pb((1, f'missing{n}')), SOFT)['status'] == 1140
        time.sleep(0.5)
        assert not left(), left()[:4]
        assert len(relay.sent) > 100 and not left_in(bytes(relay.sent))
        names = [os.path.join(at, name) for at, _, files in os.walk(rig.dir) for name in files if os.path.isfile(os.path.join(at, name))]
        assert any(name.endswith('keys.db') for name in names) and any('/audit/' in name for name in names)
        for name in names:
            assert not left_in(open(name, 'rb').read()), name
        assert len([line for line in rig.audit() if line.get('authn') == 'jwt-svid']) > 500


def no_answer_and_no_memory_holds_what_another_one_sent():
    """A1-I1, A2-I1: 10 000 requests of two tenants in turn, on kept and on fresh connections."""
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        marks = {'a': b'<marker of tenant a ' + os.urandom(12).hex().encode(), 'b': b'<marker of tenant b ' + os.urandom(12).hex().encode()}
        named = {who: hashlib.sha256(mark).hexdigest() for who, mark in marks.items()}   # in a name: its owner's list shows it
        clients = {'a': Client(rig.socket, keep=True), 'b': Client(rig.direct_socket, ('direct', 'b'), keep=True)}
        for who, client in clients.items():
            client.generate(SOFT, 'k')
            client.generate(SOFT, named[who])
        with Client(rig.socket).connect() as open_one:                   # the search finds what is still there
            open_one.sendall(frame(SIGN_MESSAGE, marks['a'] * 9, SOFT, 3, bytes(4))[:-1])
            wait_for('the marker', lambda: any(marks['a'] in data for _, data in memory(rig.roles()['agent'])))
        foreign = {who: re.compile(re.escape(marks[other]) + b'|' + named[other].encode()) for who, other in (('a', 'b'), ('b', 'a'))}
        sizes, served = (64, 900, 5000, 20000, 70000), 0
        for n in range(10000):
            who = 'ab'[n % 2]
            client = clients[who]
            client.keep = n % 5 != 0 or n % 3 == 0
            message = (marks[who] * (sizes[n // 2 % 20 % 5 if n % 40 < 8 else 0] // len(marks[who]) + 1))
            kind = n // 2 % 4
            if kind == 0:
                answer = client.exchange(SIGN_MESSAGE, pb((1, 'k'), (2, sign_alg('ecdsa')), (3, message)), SOFT)
            elif kind == 1:
                answer = client.exchange(VERIFY_MESSAGE, pb((1, 'k'), (2, sign_alg('ecdsa')), (3, message), (4, b's' * 64)), SOFT)
            elif kind == 2:
                answer = client.exchange(LIST_KEYS)
                assert named[who].encode() in answer['body']
            else:
                answer = client.exchange(SIGN_MESSAGE, message, SOFT)    # no message at all
            assert answer['status'] == (0, 1149, 0, 7)[kind] or kind == 1 and answer['status'] in (1149, 1132), (kind, answer)
            assert not foreign[who].search(answer['body']) and len(answer['body']) == answer['body_len'], (n, who)
            served += 1
        assert served == 10000
        left = [(who, where) for where, data in memory(rig.roles()['agent']) for who, mark in marks.items() if mark in data]
        assert not left, left


main([no_token_is_left_behind, no_answer_and_no_memory_holds_what_another_one_sent])
