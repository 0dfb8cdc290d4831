#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Administration over its own socket: what it shows and does, and everybody who may not ask."""
import hashlib, json, os, select, shutil, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

# Our own operations (wire/opcode.h) and a body that each takes.
STATUS, KEYS, SUSPEND, RESUME, SPACES, LINK, UNLINK, STRENGTH, CONFIRM, PURGE, PINS, QUOTAS, PENALTIES = range(0x4B520001, 0x4B52000E)
REVOKE, UNREVOKE, REVOCATIONS, CLOCK = range(0x4B520010, 0x4B520014)
PRIVATE = {STATUS: b'', KEYS: b'', SUSPEND: pb((1, 'uid0')), RESUME: pb((1, 'uid0')), SPACES: b'', LINK: pb((1, 'unix:0'), (2, 'unix:2001')),
           UNLINK: pb((1, 'unix:0'), (2, 'unix:2001')), STRENGTH: pb((1, 'unix:0'), (2, 3)),
           CONFIRM: pb((1, 'unix:0')), PURGE: pb((1, 'unix:0')), PINS: b'', QUOTAS: b'', PENALTIES: b'',
           REVOKE: pb((1, 1), (4, 'unix:2999')), UNREVOKE: pb((1, 1), (4, 'unix:2999')), REVOCATIONS: b'', CLOCK: b''}
NOBODYS = 0x4B52FFFF                       # in our range, and no operation
HUGE = b'\x0a' + varint(70000) + b'x' * 70000


def keyreeve(rig, *arguments, uid=None):
    def become():
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
    return subprocess.run([os.path.join(rig.build, 'bin', 'keyreeve'), *arguments, '--socket', rig.admin_socket], preexec_fn=become,
                          env={'PATH': os.environ['PATH']}, capture_output=True, text=True, timeout=30)


def shown(rig, *arguments):
    done = keyreeve(rig, *arguments, '--json')
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def soft_rig(**options):
    return Rig(providers=('soft',), wrap='file', **options)


# ---- who may ask -------------------------------------------------------------------------------------------------------


def private_operations_are_no_operations_elsewhere():
    """On any other listener: byte for byte what an unknown number gets, whoever asks and whatever the body, and no line."""
    with soft_rig() as rig:
        rig.start()
        raw = lambda path, opcode, body, auth_type, auth: Client(path).raw(frame(opcode, body, 0, auth_type, auth))
        uid0 = struct.pack('<I', 0)
        doors = [(rig.socket, 0, b''), (rig.socket, 3, uid0), (rig.socket, 4, b'no token'), (rig.direct_socket, 1, b'root')]
        for path, auth_type, auth in doors:
            for body in (b'', b'\xff', HUGE):
                unknown = raw(path, NOBODYS, body, auth_type, auth)
                assert parse(unknown)['status'] == 9
                for opcode in PRIVATE:
                    assert raw(path, opcode, body, auth_type, auth) == unknown, (hex(opcode), path, auth_type)
        assert parse(raw(rig.admin_socket, NOBODYS, b'', 3, uid0))['status'] == 9
        ops = {line.get('op') for line in rig.audit()}
        assert not any(op and op.startswith('Admin') for op in ops), ops


def administrators_only():
    with soft_rig(admin_uid=2001) as rig:
        rig.start()
        os.chmod(rig.admin_socket, 0o666)             # the door open: what is asked is who comes in
        for opcode, body in PRIVATE.items():
            assert Client(rig.admin_socket, None).exchange(opcode, body)['status'] == 19, hex(opcode)
            assert Client(rig.admin_socket).exchange(opcode, body)['status'] == 21, hex(opcode)        # root is none here
            assert Client(rig.admin_socket).exchange(opcode, b'\xff')['status'] == 21                  # before the body is read
            assert Client(rig.admin_socket).exchange(opcode, body, SOFT)['status'] == 1134
        refused = [line for line in rig.audit() if line.get('status') == 'ADMIN_NEEDED']
        assert len(refused) == 2 * len(PRIVATE) and all(line['op'].startswith('Admin') for line in refused), refused
        assert not [line for line in rig.audit() if line.get('event') == 'admin-act']
        assert keyreeve(rig, 'admin', 'status', uid=2001).returncode == 0


def bodies_that_are_none_are_refused():
    with soft_rig() as rig:
        rig.start()
        admin = Client(rig.admin_socket)
        for opcode in PRIVATE:
            assert admin.exchange(opcode, b'\xff')['status'] == 7, hex(opcode)
            assert admin.exchange(opcode, pb((200, 1)))['status'] == 16, hex(opcode)       # a field that nobody knows
            assert admin.exchange(opcode, HUGE)['status'] == 20, hex(opcode)
        assert not [line for line in rig.audit() if line.get('event') == 'admin-act']


def lists_of_operations_do_not_name_ours():
    """A Rust client refuses a whole list for one number that it does not know."""
    with soft_rig() as rig:
        rig.start()
        for path in (rig.socket, rig.admin_socket):
            body = field(Client(path).call(9, pb((1, 0))), 1)
            assert set(body) <= set(range(0x21)) and (27 in body) == (path == rig.admin_socket), body


# ---- what it shows -----------------------------------------------------------------------------------------------------


def status_says_what_the_service_is_and_how_it_does():
    with soft_rig() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'a')
        status = shown(rig, 'admin', 'status')
        version = subprocess.run([os.path.join(rig.build, 'libexec/keyreeve/keyreeve-agent'), '--version'], capture_output=True, text=True).stdout
        assert status['build'] in version and status['build'], (status, version)
        assert status['posture'] == 'permissive' and status['audit'] == 'ready' and 0 <= status['uptime'] < 60, status
        assert status['keys'] == 1 and status['namespaces'] == 1 and status['connections'] >= 1 and status['requests'] == 1, status
        assert [(p['name'], p['type'], p['state']) for p in status['providers']] == [('soft', 'software', 'up')], status
        assert status['trust_domains'] == [] and status['seccomp'] >= 1, status
        text = keyreeve(rig, 'admin', 'status').stdout
        assert 'posture     permissive' in text and 'soft (software): up' in text, text
        line = [line for line in rig.audit() if line.get('op') == 'AdminStatus'][0]
        assert (line['authn'], line['identity'], line['wire']) == ('unix-peer', '0', 0), line


def acts_are_in_the_log_before_they_happen():
    """DeleteClient: its announcement stands before the first key's end, and names whom."""
    with soft_rig() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'a')
        assert keyreeve(rig, 'client', 'delete', 'unix:0').returncode == 0
        lines = [line for line in rig.audit() if line.get('op') in ('DeleteClient', 'PsaDestroyKey') and line.get('key') != '.rig']
        assert [line.get('event') for line in lines] == ['admin-act', 'client-deleted', None], lines
        act, _, own = lines
        assert act['target'] == own['target'] == 'unix:0' and act['identity'] == own['identity'] == '0', lines
        assert (act['conn'], act['req']) == (own['conn'], own['req']) and 'wire' not in act and own['wire'] == 0, lines


# ---- keys --------------------------------------------------------------------------------------------------------------


def as_uid(uid, function):
    """In a child with that uid; what it returns comes back as JSON."""
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ends[0])
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(ends[1], json.dumps(function()).encode())
        except BaseException as e:
            os.write(ends[1], json.dumps({'raised': repr(e)}).encode())
        os._exit(0)
    os.close(ends[1])
    with open(ends[0]) as f:
        got = json.load(f)
    os.waitpid(pid, 0)
    assert not (isinstance(got, dict) and 'raised' in got), got
    return got


def pages(rig, *fields, limit=1):
    """AdminKeys page by page, as the wire has it: [(owner, name)] of each page."""
    admin, after, out = Client(rig.admin_socket), b'', []
    while True:
        fields_now = list(fields) + ([(3, after)] if after else []) + [(4, limit)]
        body = admin.call(KEYS, pb(*fields_now))
        out.append([(field(k, 1).decode(), field(k, 3).decode()) for n, k in unpb(body) if n == 1])
        after = field(body, 2)
        if not after:
            return out


def keys_are_listed_with_owner_device_and_times():
    with Rig(providers=('soft', 'hsm'), wrap='file') as rig:
        rig.start()
        t0 = int(time.time())
        as_uid(2001, lambda: [Client(rig.socket).generate(p, n) for p, n in ((SOFT, 'a'), (PKCS11, 'b'), (SOFT, ''))])
        as_uid(2002, lambda: Client(rig.socket).generate(SOFT, 'a'))
        as_uid(2001, lambda: len(Client(rig.socket).sign(SOFT, 'a', b'h' * 32)))
        keys = shown(rig, 'admin', 'keys')
        assert {(k['owner'], k['tenant'], k['provider'], k['name']) for k in keys} == {
            ('unix:2001', 'uid2001', 'soft', 'a'), ('unix:2001', 'uid2001', 'hsm', 'b'), ('unix:2001', 'uid2001', 'soft', ''),
            ('unix:2002', 'uid2002', 'soft', 'a')}, keys
        stamp = lambda text: int(time.mktime(time.strptime(text, '%Y-%m-%dT%H:%M:%SZ'))) - time.timezone
        used = [k for k in keys if 'used' in k]
        assert [(k['owner'], k['name']) for k in used] == [('unix:2001', 'a')], keys
        assert all(t0 - 1 <= stamp(k['created']) <= time.time() + 1 for k in keys) and stamp(used[0]['used']) >= t0 - 1, keys
        assert {(k['type'], k['bits'], k['creator'], tuple(k['state'])) for k in keys if k['owner'] == 'unix:2002'} == {('ecc-p256', 256, '2002', ())}
        assert len(shown(rig, 'admin', 'keys', '--tenant', 'uid2001')) == 3 and shown(rig, 'admin', 'keys', '--tenant', 'uid2') == []
        assert [k['name'] for k in shown(rig, 'admin', 'keys', '--provider', 'hsm')] == ['b']
        assert shown(rig, 'admin', 'keys', '--provider', 'hsm', '--tenant', 'uid2002') == []


def lists_come_in_pages_each_key_once():
    with soft_rig() as rig:
        rig.start()
        names = [f'k{i}' for i in range(5)]
        for uid in (2001, 2002):
            as_uid(uid, lambda: [Client(rig.socket).generate(SOFT, n) for n in names])
        all_keys = sorted((f'unix:{uid}', n) for uid in (2001, 2002) for n in names)
        for limit in (1, 3, 7, 1000, 0):
            got = pages(rig, limit=limit)
            assert sorted(sum(got, [])) == all_keys and all(len(page) <= (limit or 256) for page in got), (limit, got)
        assert len(pages(rig, (1, 'uid2002'), limit=2)) >= 3
        assert sorted(sum(pages(rig, (1, 'uid2002'), limit=2), [])) == all_keys[5:]
        # what is destroyed between two pages is missed by none of the others
        admin = Client(rig.admin_socket)
        first = admin.call(KEYS, pb((4, 2)))
        as_uid(2001, lambda: [Client(rig.socket).destroy(SOFT, n) for n in names])
        rest = admin.call(KEYS, pb((3, field(first, 2)), (4, 1000)))
        assert len([1 for n, _ in unpb(rest) if n == 1]) == 5
        # a place that is none
        place = field(first, 2)
        for forged in (b'x', place[:-1], place + b'x', b'\xff' * 5000, pb((1, 'x'))):
            assert admin.exchange(KEYS, pb((3, forged)))['status'] == 16, forged


def the_last_use_survives_a_restart():
    """It is in the store at the stop; a crash forgets what was younger than a minute, and nothing else."""
    with soft_rig() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'a')
        Client(rig.socket).generate(SOFT, 'b')
        Client(rig.socket).sign(SOFT, 'a', b'h' * 32)
        used = lambda: {k['name']: k.get('used') for k in shown(rig, 'admin', 'keys')}
        before = used()
        assert before['a'] and not before['b'], before
        assert rig.stop() == 0
        rig.start()
        assert used() == before, (used(), before)
        Client(rig.socket).sign(SOFT, 'b', b'h' * 32)
        assert used()['b']
        os.kill(rig.roles()['agent'], signal.SIGKILL)     # at the end of keyreeved alone it would still store what it knows
        rig.kill()
        rig.start()
        assert used() == before, (used(), before)
        # it goes with its key: another one of that name has its own past
        Client(rig.socket).destroy(SOFT, 'a')
        Client(rig.socket).generate(SOFT, 'a')
        assert rig.stop() == 0
        rig.start()
        assert used() == {'a': None, 'b': None}, used()


# ---- suspending --------------------------------------------------------------------------------------------------------


def every_use(path, name='a'):
    client = Client(path)
    return [status_of(client.sign, SOFT, name, b'h' * 32), status_of(client.sign_message, SOFT, name, b'm'),
            status_of(client.verify, SOFT, name, b'h' * 32, b's' * 64), status_of(client.public, SOFT, name),
            status_of(client.destroy, SOFT, name)]


def reasons(rig, identity):
    return [line['status'] for line in rig.audit() if line.get('identity') == identity and line.get('wire') == 1133]


def a_suspended_key_is_refused_until_it_is_resumed():
    with soft_rig() as rig:
        rig.start()
        for uid in (2001, 2002):
            as_uid(uid, lambda: [Client(rig.socket).generate(SOFT, n) for n in 'ab'])
        assert keyreeve(rig, 'admin', 'suspend', 'unix:2001', 'a').returncode == 0
        for round in range(2):
            assert as_uid(2001, lambda: every_use(rig.socket)) == [1133] * 5
            assert as_uid(2001, lambda: status_of(Client(rig.socket).generate, SOFT, 'a')) == 1139      # the name stays taken
            assert as_uid(2001, lambda: len(Client(rig.socket).sign(SOFT, 'b', b'h' * 32))) == 64       # another key
            assert as_uid(2002, lambda: len(Client(rig.socket).sign(SOFT, 'a', b'h' * 32))) == 64       # another owner
            state = {(k['owner'], k['name']): k['state'] for k in shown(rig, 'admin', 'keys')}
            assert state == {('unix:2001', 'a'): ['suspended'], ('unix:2001', 'b'): [], ('unix:2002', 'a'): [], ('unix:2002', 'b'): []}, state
            if round == 0:
                rig.kill()
                rig.start()
        assert set(reasons(rig, '2001')) == {'KEY_SUSPENDED'}, reasons(rig, '2001')
        line = [line for line in rig.audit() if line.get('status') == 'KEY_SUSPENDED'][0]
        assert (line['decision'], line['rule']) == ('deny', 'suspended'), line
        assert keyreeve(rig, 'admin', 'suspend', 'unix:2001', 'a').returncode == 0                      # again: no failure
        assert keyreeve(rig, 'admin', 'resume', 'unix:2001', 'a').returncode == 0
        assert as_uid(2001, lambda: len(Client(rig.socket).sign(SOFT, 'a', b'h' * 32))) == 64
        assert keyreeve(rig, 'admin', 'resume', 'unix:2001', 'a').returncode == 0
        assert keyreeve(rig, 'admin', 'suspend', 'unix:2001', 'none').returncode == 5
        assert keyreeve(rig, 'admin', 'suspend', 'direct:2001', 'a').returncode == 5                    # another authenticator's
        assert keyreeve(rig, 'admin', 'suspend', 'unix:2001').returncode == 1
        # the next key of that name is another key
        keyreeve(rig, 'admin', 'suspend', 'unix:2001', 'a')
        assert keyreeve(rig, 'client', 'delete', 'unix:2001').returncode == 0
        as_uid(2001, lambda: Client(rig.socket).generate(SOFT, 'a'))
        rig.kill()
        rig.start()
        assert as_uid(2001, lambda: len(Client(rig.socket).sign(SOFT, 'a', b'h' * 32))) == 64
        acts = [(line.get('event'), line['op'], line['target'], line['key']) for line in rig.audit()
                if line.get('op') in ('AdminSuspend', 'AdminResume') and line.get('key') == 'a' and line['target'] == 'unix:2001']
        assert acts[:2] == [('admin-act', 'AdminSuspend', 'unix:2001', 'a'), (None, 'AdminSuspend', 'unix:2001', 'a')], acts


def a_suspended_tenant_is_refused_whatever_it_asks():
    """Also what needs no key, and what it never did before."""
    with soft_rig() as rig:
        rig.start()
        as_uid(2001, lambda: Client(rig.socket).generate(SOFT, 'a'))
        for tenant in ('uid2001', 'direct'):
            assert keyreeve(rig, 'admin', 'suspend', '--tenant', tenant).returncode == 0
        for round in range(2):
            assert as_uid(2001, lambda: every_use(rig.socket)) == [1133] * 5
            assert as_uid(2001, lambda: [status_of(Client(rig.socket).keys), status_of(Client(rig.socket).generate, SOFT, 'new')]) == [1133] * 2
            assert status_of(Client(rig.direct_socket, ('direct', 'x')).generate, SOFT, 'new') == 1133
            Client(rig.socket).ping()
            assert as_uid(2002, lambda: Client(rig.socket).keys()) == []
            assert {tuple(k['state']) for k in shown(rig, 'admin', 'keys', '--tenant', 'uid2001')} == {('tenant-suspended',)}
            if round == 0:
                assert rig.stop() == 0
                rig.start()
        assert set(reasons(rig, '2001')) == {'TENANT_SUSPENDED'}
        assert keyreeve(rig, 'admin', 'resume', '--tenant', 'uid2001').returncode == 0
        assert as_uid(2001, lambda: len(Client(rig.socket).sign(SOFT, 'a', b'h' * 32))) == 64
        assert status_of(Client(rig.direct_socket, ('direct', 'x')).keys) == 1133


def an_answer_that_is_not_out_yet_is_not_given():
    """The worker stands still with a signature under way; whatever is suspended, unlinked or raised meanwhile, its answer is
    a refusal."""
    with soft_rig() as rig:
        rig.start()
        for uid in (0, 2001):
            as_uid(uid, lambda: [Client(rig.socket).generate(SOFT, n) for n in ('a', f'of{uid}')])
        keyreeve(rig, 'tenant', 'link', 'unix:0', 'unix:2001')
        me = Client(rig.socket)
        rows = [('a', ('admin', 'suspend', 'unix:0', 'a'), ('admin', 'resume', 'unix:0', 'a'), 1133),
                ('a', ('admin', 'suspend', '--tenant', 'uid0'), ('admin', 'resume', '--tenant', 'uid0'), 1133),
                ('of2001', ('admin', 'suspend', '--tenant', 'uid2001'), ('admin', 'resume', '--tenant', 'uid2001'), 1133),
                ('a', ('tenant', 'strength', 'unix:0', 'jwt-svid'), ('tenant', 'strength', 'unix:0', 'unix-peer'), 1133),
                ('of2001', ('tenant', 'unlink', 'unix:0', 'unix:2001'), ('tenant', 'link', 'unix:0', 'unix:2001'), 1140),
                ('a', ('admin', 'suspend', 'unix:2001', 'a'), ('admin', 'resume', 'unix:2001', 'a'), 0)]   # another's
        for name, act, back, want in rows:
            auth_type, auth = me.credentials()
            worker = rig.roles()['soft']
            stand_still(worker)
            with me.connect() as s:
                s.sendall(frame(4, pb((1, name), (2, sign_alg('ecdsa')), (3, b'h' * 32)), SOFT, auth_type, auth))
                time.sleep(0.2)
                assert keyreeve(rig, *act).returncode == 0, act
                os.kill(worker, signal.SIGCONT)
                got = parse(s.recv(65536))
            assert got['status'] == want and (len(got['body']) > 64) == (want == 0), (name, act, got)
            assert keyreeve(rig, *back).returncode == 0 and signs(me, name) == 0, (back, name)


def what_a_body_asks_for_is_clear_or_refused():
    with soft_rig() as rig:
        rig.start()
        admin = Client(rig.admin_socket)
        for opcode in (SUSPEND, RESUME):
            for body in (b'', pb((1, 'a'), (2, 'b')), pb((3, 'k')), pb((1, 'a'), (3, 'k')), pb((1, 'x' * 256))):
                assert admin.exchange(opcode, body)['status'] == 16, body
            for key in (b'x' * 256, b'a\nb', b'\xff'):
                assert admin.exchange(opcode, pb((2, 'unix:0'), (3, key)))['status'] == 1135, key
        assert not [line for line in rig.audit() if line.get('event') == 'admin-act']


# ---- links and strength ------------------------------------------------------------------------------------------------


WEB = 'spiffe://rig.example/ns/a/sa/web'


class Four:
    """The daemon with an issuer: the same names under JWT-SVID, Unix peer and Direct."""

    def __init__(self):
        self.rig = soft_rig()
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig)

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('trust', lambda: status_of(self.jwt().keys) == 0)
        except BaseException:
            self.rig.close()
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def jwt(self):
        return Client(self.rig.socket, ('jwt', lambda: self.issuer.token(WEB)))

    def direct(self, name='x'):
        return Client(self.rig.direct_socket, ('direct', name))

    def unix(self, function):
        return as_uid(2001, lambda: function(Client(self.rig.socket)))

    def admin(self, *arguments, code=0):
        done = keyreeve(self.rig, *arguments)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def again(self, how):
        how()
        self.rig.start()
        wait_for('trust', lambda: status_of(self.jwt().keys) in (0, 1133))


def signs(client, name):
    return status_of(client.sign, SOFT, name, b'h' * 32)


def names(client):
    return sorted(field(k, 2).decode() for n, k in unpb(client.call(26)) if n == 1)


def switching_authenticators_neither_exposes_nor_loses_keys():
    """Without a link: each sees its own, there and back."""
    with Four() as four:
        four.unix(lambda c: c.generate(SOFT, 'old'))
        for round in range(2):
            assert names(four.jwt()) == ([] if round == 0 else ['new']) and signs(four.jwt(), 'old') == 1140
            assert status_of(four.jwt().generate, SOFT, 'new') == (0 if round == 0 else 1139)
            assert four.unix(lambda c: [names(c), signs(c, 'old'), signs(c, 'new')]) == [['old'], 0, 1140]
            assert names(four.direct('2001')) == [] and signs(four.direct('2001'), 'old') == 1140


def a_link_shows_the_keys_of_another_identity():
    with Four() as four:
        four.unix(lambda c: [c.generate(SOFT, n) for n in ('old', 'both')])
        four.jwt().generate(SOFT, 'both')
        four.jwt().generate(SOFT, 'new')
        sibling = Client(four.rig.socket, ('jwt', lambda: four.issuer.token('spiffe://rig.example/ns/a/sa/other')))
        four.admin('tenant', 'link', f'jwt-svid:{WEB}', 'unix:2001', '--weaker-too')
        for round in range(2):
            assert names(four.jwt()) == ['both', 'new', 'old'] and [signs(four.jwt(), n) for n in ('both', 'new', 'old')] == [0] * 3
            assert four.jwt().public(SOFT, 'both') != four.unix(lambda c: c.public(SOFT, 'both').hex()), 'its own come first'
            assert status_of(four.jwt().generate, SOFT, 'old') == 1139                     # a name that it sees is taken
            assert four.unix(lambda c: [names(c), signs(c, 'new'), signs(c, 'old')]) == [['both', 'old'], 1140, 0]   # one way
            assert names(sibling) == [] and signs(sibling, 'old') == 1140                  # of the same tenant, and not linked
            assert names(four.direct('2001')) == []
            if round == 0:
                four.again(four.rig.kill)
        spaces = {s['owner']: s for s in shown(four.rig, 'tenant', 'list') if 'owner' in s}
        assert spaces[f'jwt-svid:{WEB}']['links'] == ['unix:2001'] and spaces['unix:2001']['links'] == [], spaces
        assert spaces['unix:2001']['strength'] == 'unix-peer' and spaces['unix:2001']['keys'] == 2, spaces
        four.jwt().destroy(SOFT, 'old')                                                    # the key of the other, through the link
        assert four.unix(lambda c: [names(c), signs(c, 'old')]) == [['both'], 1140]
        four.jwt().generate(SOFT, 'old')                                                   # its own now
        assert four.unix(lambda c: names(c)) == ['both']
        # what is suspended stays so through a link
        four.admin('admin', 'suspend', '--tenant', 'uid2001')
        four.jwt().destroy(SOFT, 'both')
        assert names(four.jwt()) == ['new', 'old'] and signs(four.jwt(), 'both') == 1133
        four.admin('admin', 'resume', '--tenant', 'uid2001')
        four.admin('admin', 'suspend', 'unix:2001', 'both')
        assert signs(four.jwt(), 'both') == 1133
        four.admin('admin', 'resume', 'unix:2001', 'both')
        assert signs(four.jwt(), 'both') == 0
        for round in range(2):
            four.admin('tenant', 'unlink', f'jwt-svid:{WEB}', 'unix:2001')                 # twice: no failure
            assert names(four.jwt()) == ['new', 'old'] and signs(four.jwt(), 'both') == 1140
            assert four.unix(lambda c: [names(c), signs(c, 'both')]) == [['both'], 0]
        four.again(four.rig.stop)
        assert names(four.jwt()) == ['new', 'old'] and signs(four.jwt(), 'both') == 1140
        acts = [line['target'] for line in four.rig.audit() if line.get('event') == 'admin-act' and 'ink' in line['op']]
        assert acts[0] == f'jwt-svid:{WEB} sees unix:2001, the weaker one too' and acts[-1].endswith('sees no more unix:2001'), acts


def the_order_of_strength_never_goes_down_by_itself():
    with Four() as four:
        four.unix(lambda c: c.generate(SOFT, 'k'))
        four.jwt().generate(SOFT, 'j')
        four.direct().generate(SOFT, 'd')
        # a weaker one is not linked to a stronger one
        for weak, strong in (('unix:2001', f'jwt-svid:{WEB}'), ('direct:x', 'unix:2001'), ('direct:x', f'jwt-svid:{WEB}')):
            assert '1133' in four.admin('tenant', 'link', weak, strong, code=4)
        assert four.unix(lambda c: [names(c), signs(c, 'j')]) == [['k'], 1140]
        assert four.rig.audit()[-1]['op'] != 'AdminLink' and [line['status'] for line in four.rig.audit()
                                                              if line.get('op') == 'AdminLink' and 'event' not in line] == ['STRENGTH_LOW'] * 3
        # a link from a stronger one: from then on the weaker one is refused, whatever it asks
        four.admin('tenant', 'link', f'jwt-svid:{WEB}', 'unix:2001')
        for round in range(2):
            assert signs(four.jwt(), 'k') == 0
            assert four.unix(lambda c: [signs(c, 'k'), status_of(c.keys), status_of(c.generate, SOFT, 'n'), status_of(c.destroy, SOFT, 'k')]) == [1133] * 4
            if round == 0:
                four.again(four.rig.kill)
        assert set(reasons(four.rig, '2001')) == {'STRENGTH_LOW'}
        # also when the link is gone, and when another one would bring a weaker one in
        four.admin('tenant', 'unlink', f'jwt-svid:{WEB}', 'unix:2001')
        assert four.unix(lambda c: signs(c, 'k')) == 1133 and signs(four.jwt(), 'k') == 1140
        four.admin('tenant', 'link', 'unix:2002', 'unix:2001', code=4)
        # nothing is lost: an administrator says so, and it is there again
        four.admin('tenant', 'strength', 'unix:2001', 'unix-peer')
        assert four.unix(lambda c: [names(c), signs(c, 'k')]) == [['k'], 0]
        four.again(four.rig.kill)
        assert four.unix(lambda c: signs(c, 'k')) == 0
        four.admin('tenant', 'link', 'unix:2002', 'unix:2001')
        assert as_uid(2002, lambda: signs(Client(four.rig.socket), 'k')) == 0
        # raised by hand: the link is there, and is not enough any more
        four.admin('tenant', 'strength', 'unix:2001', 'jwt-svid')
        assert as_uid(2002, lambda: [signs(Client(four.rig.socket), 'k'), names(Client(four.rig.socket))]) == [1133, []]
        # lowered deliberately
        four.admin('tenant', 'link', 'direct:x', f'jwt-svid:{WEB}', '--weaker-too')
        assert signs(four.direct(), 'j') == 0 and signs(four.jwt(), 'j') == 0 and signs(four.direct('y'), 'j') == 1140
        lowered = [line for line in four.rig.audit() if line.get('event') == 'admin-act' and line['op'] == 'AdminStrength']
        assert len(lowered) == 2 and lowered[0]['target'] == 'unix:2001', lowered


def who_is_nobody_is_not_linked():
    with Four() as four:
        four.unix(lambda c: c.generate(SOFT, 'k'))
        for arguments in (('tenant', 'link', 'unix:4711', 'unix:2001'), ('tenant', 'link', 'unix:2001', 'unix:4711'), ('tenant', 'link', 'unix:x', 'unix:2001'),
                          ('tenant', 'link', 'tenant:none', 'unix:2001'), ('tenant', 'strength', 'unix:4711', 'jwt-svid'), ('tenant', 'unlink', 'unix:02001', 'unix:2001')):
            four.admin(*arguments, code=5)
        unknown = [line for line in four.rig.audit() if line.get('status') == 'OWNER_UNKNOWN']
        assert len(unknown) == 6 and {line['wire'] for line in unknown} == {1140}, unknown
        admin = Client(four.rig.admin_socket)
        for opcode, body in ((LINK, pb((1, 'unix:2001'), (2, 'unix:2001'))), (LINK, pb((1, 'unix:2001'))), (LINK, pb((2, 'unix:2001'))), (LINK, b''),
                             (UNLINK, pb((1, 'unix:0'), (2, 'unix:2001'), (3, 1))), (LINK, pb((1, 'x' * 3000), (2, 'unix:2001'))),
                             (STRENGTH, pb((1, 'unix:0'))), (STRENGTH, pb((1, 'unix:0'), (2, 5))), (STRENGTH, pb((2, 3)))):
            assert admin.exchange(opcode, body)['status'] == 16, (hex(opcode), body)
        # a link may be made before either has a key
        four.admin('tenant', 'link', 'unix:2002', 'unix:2001')
        assert as_uid(2002, lambda: signs(Client(four.rig.socket), 'k')) == 0
        assert [s['owner'] for s in shown(four.rig, 'tenant', 'list', '--tenant', 'uid2002')] == ['unix:2002']


# ---- accounts ----------------------------------------------------------------------------------------------------------


UID = 64310


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Account:
    """An account of this machine with a home, and the tenant of its uid."""

    def __init__(self, name='keyreeve-a'):
        self.made = []
        self.home = tempfile.mkdtemp(prefix='keyreeve-homes-')
        os.chmod(self.home, 0o755)
        self.add(name)

    def add(self, name, home=None):
        run('groupadd', '-f', '-o', '-g', str(UID), 'keyreeve-acc')
        run('useradd', '-m', '-d', home or os.path.join(self.home, name), '-N', '-g', str(UID), '-u', str(UID), '-s', '/usr/sbin/nologin', name)
        self.made.append(name)

    def remove(self, name, *options):
        run('userdel', *options, name)
        self.made.remove(name)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for name in list(self.made):
            self.remove(name)
        subprocess.run(['groupdel', 'keyreeve-acc'], capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)


TENANTS = (f'  - {{match: {{uid: {UID}}}, tenant: batch, providers: [soft]}}\n  - {{match: {{uid: 0}}, tenant: uid0, providers: [soft]}}\n'
           '  - {match: {direct: "{name}"}, tenant: "direct", providers: [soft]}\n')


def a_reused_uid_inherits_nothing():
    with Account() as account, soft_rig(tenants=TENANTS) as rig:
        rig.start()
        me = lambda function: as_uid(UID, lambda: function(Client(rig.socket)))
        ask = lambda: me(lambda c: signs(c, 'k'))
        assert me(lambda c: status_of(c.generate, SOFT, 'k')) == 0 and ask() == 0
        spaces = lambda: {s['owner']: s for s in shown(rig, 'tenant', 'list') if 'owner' in s}
        assert spaces()[f'unix:{UID}']['account'] == 'keyreeve-a' and spaces()[f'unix:{UID}']['state'] == []
        assert rig.stop() == 0
        rig.start()
        assert ask() == 0                                        # the same account, over a restart
        # another account of that uid: every operation is refused
        account.remove('keyreeve-a', '-r')
        account.add('keyreeve-b')
        assert ask() == 1133
        locked = lambda: me(lambda c: [status_of(c.keys), status_of(c.generate, SOFT, 'new')] + every_use_of(c))
        assert locked() == [1133] * 7, locked()
        assert spaces()[f'unix:{UID}']['state'] == ['locked'] and [k['state'] for k in shown(rig, 'admin', 'keys')] == [['locked']]
        rig.kill()
        rig.start()
        assert ask() == 1133 and set(reasons(rig, str(UID))) == {'UID_CHANGED'}
        lines = [line for line in rig.audit() if line.get('event') == 'account-changed']
        assert len(lines) == 1 and lines[0]['detail'] == f'unix:{UID}', lines
        # nor by a link
        assert keyreeve(rig, 'tenant', 'link', 'unix:0', f'unix:{UID}').returncode == 0
        assert signs(Client(rig.socket), 'k') == 1133
        # confirmed: they are the new account's
        assert keyreeve(rig, 'tenant', 'confirm', f'unix:{UID}').returncode == 0
        assert ask() == 0 and spaces()[f'unix:{UID}']['account'] == 'keyreeve-b' and signs(Client(rig.socket), 'k') == 0
        rig.kill()
        rig.start()
        assert ask() == 0
        # gone is changed, too, and coming back does not open it
        account.remove('keyreeve-b')
        assert ask() == 1133
        account.add('keyreeve-b')
        assert ask() == 1133
        # purged: the keys are gone, and the account begins anew
        assert keyreeve(rig, 'tenant', 'purge', f'unix:{UID}').returncode == 0
        assert me(lambda c: [names(c), signs(c, 'k'), status_of(c.generate, SOFT, 'k')]) == [[], 1140, 0]
        rig.kill()
        rig.start()
        assert ask() == 0
        acts = [(line['op'], line['target']) for line in rig.audit() if line.get('event') == 'admin-act']
        assert acts == [('AdminLink', f'unix:0 sees unix:{UID}'), ('AdminConfirm', f'unix:{UID}'), ('AdminPurge', f'unix:{UID}')], acts


def every_use_of(client):
    return [status_of(client.sign, SOFT, 'k', b'h' * 32), status_of(client.sign_message, SOFT, 'k', b'm'),
            status_of(client.verify, SOFT, 'k', b'h' * 32, b's' * 64), status_of(client.public, SOFT, 'k'), status_of(client.destroy, SOFT, 'k')]


def no_request_is_looked_at_before_its_account_is():
    """keyreeved stands still while the account becomes another one: the request waits, and is refused then."""
    with Account() as account, soft_rig(tenants=TENANTS) as rig:
        rig.start()
        assert as_uid(UID, lambda: status_of(Client(rig.socket).generate, SOFT, 'k')) == 0
        stand_still(rig.daemon.pid)
        try:
            account.remove('keyreeve-a', '-r')
            account.add('keyreeve-b')
            ends, began = os.pipe(), time.time()
            child = os.fork()
            if child == 0:
                os.setgroups([])
                os.setgid(UID)
                os.setuid(UID)
                os.write(ends[1], str(signs(Client(rig.socket), 'k')).encode())
                os._exit(0)
            assert select.select([ends[0]], [], [], 1)[0] == [], 'it was answered'
            assert signs(Client(rig.direct_socket, ('direct', 'x')), 'k') == 1140              # nobody else waits
        finally:
            os.kill(rig.daemon.pid, signal.SIGCONT)
        assert os.read(ends[0], 64) == b'1133' and time.time() - began < 4
        os.waitpid(child, 0)


def each_fact_of_an_account_counts():
    """Group, home, and the home's own birth: one change each."""
    def usermod(*arguments):
        return lambda account: run('usermod', *arguments, 'keyreeve-a')

    def new_home(account):
        home = os.path.join(account.home, 'keyreeve-a')
        shutil.move(home, home + '.old')
        os.mkdir(home)
        run('usermod', '-c', 'looked at again', 'keyreeve-a')           # else within a minute
    rows = [('home', usermod('-d', '/nonexistent')), ('gid', usermod('-g', '0')), ('name', usermod('-l', 'keyreeve-c')), ('birth', new_home)]
    for what, change in rows:
        with Account() as account, soft_rig(tenants=TENANTS) as rig:
            rig.start()
            ask = lambda: as_uid(UID, lambda: signs(Client(rig.socket), 'k'))
            assert as_uid(UID, lambda: status_of(Client(rig.socket).generate, SOFT, 'k')) == 0
            run('usermod', '-c', 'no fact of ours', 'keyreeve-a')
            assert ask() == 0, what
            change(account)
            if what == 'name':
                account.made = ['keyreeve-c']
            assert ask() == 1133, what


def a_change_of_the_accounts_costs_nobody_a_request():
    """While the file changes again and again: the requests of a uid that has no account wait, and none is refused."""
    with soft_rig() as rig:
        rig.start()
        as_uid(2001, lambda: Client(rig.socket).generate(SOFT, 'a'))
        ends = time.time() + 3
        changer = os.fork()
        if changer == 0:
            while time.time() < ends:
                os.utime('/etc/passwd')
                time.sleep(0.01)
            os._exit(0)

        def many():
            client, got = Client(rig.socket, keep=True), {}
            while time.time() < ends:
                status = signs(client, 'a')
                got[status] = got.get(status, 0) + 1
            return got
        got = as_uid(2001, many)
        os.waitpid(changer, 0)
        assert set(got) <= {'0', '1141'} and got['0'] > 100 and got.get('1141', 0) <= got['0'] // 20, got
        print('        ', got)


def who_has_no_account_to_confirm_is_nobody():
    with soft_rig() as rig:
        rig.start()
        assert keyreeve(rig, 'tenant', 'confirm', 'unix:4711').returncode == 5
        assert keyreeve(rig, 'tenant', 'confirm', 'direct:x').returncode == 5
        assert keyreeve(rig, 'tenant', 'purge', 'unix:4711').returncode == 0          # as client delete: nothing was there
        for opcode in (CONFIRM, PURGE):
            assert Client(rig.admin_socket).exchange(opcode, b'')['status'] == 16


def pins_show_whose_a_token_is():
    with Four() as four:
        token = four.issuer.token(WEB, ttl=250)              # others of this second are the same token, and are root's
        digest = hashlib.sha256(token.rsplit('.', 1)[0].encode()).hexdigest()
        mine = lambda: status_of(Client(four.rig.socket, ('jwt', token)).keys)
        got = [as_uid(2001, mine), as_uid(2002, mine), as_uid(2001, mine)]
        assert got == [0, 11, 0], got
        pin = [p for p in shown(four.rig, 'admin', 'pins') if p['token'] == digest]
        assert len(pin) == 1 and (pin[0]['identity'], pin[0]['uid'], pin[0]['gid'], pin[0]['refused']) == (WEB, 2001, 2001, 1), pin
        assert digest[:16] in four.admin('admin', 'pins')
        for i in range(5):
            Client(four.rig.socket, ('jwt', four.issuer.token(WEB, ttl=200 + i))).keys()
        admin, skip, hashes, pages_seen = Client(four.rig.admin_socket), 0, [], 0
        while True:
            body = admin.call(PINS, pb((1, skip), (2, 2)))
            page = [field(p, 1) for n, p in unpb(body) if n == 1]
            assert len(page) <= 2
            hashes, pages_seen, skip = hashes + page, pages_seen + 1, field(body, 2, 0)
            if not skip:
                break
        assert len(hashes) == len(set(hashes)) >= 6 and pages_seen >= 3, (len(hashes), pages_seen)
        assert admin.exchange(PINS, pb((1, 2**40)))['status'] == 16


def quotas_and_penalties_in_force_are_shown():
    quota = (f'  - {{match: {{uid: 2001}}, tenant: counted, providers: [soft], quota: {{requests: [5/s, 200/d], in_flight: 7, bytes: 1MiB/s, keys: 5}}}}\n'
             '  - {match: {uid: 2002}, tenant: keys-only, providers: [soft], quota: {keys: 2}}\n'
             '  - {match: {uid: 0}, tenant: uid0, providers: [soft]}\n')
    with soft_rig(tenants=quota, failures=3) as rig:
        rig.start()
        as_uid(2001, lambda: [len(Client(rig.socket).keys()) for _ in range(4)])
        rows = {q['tenant']: q for q in shown(rig, 'admin', 'quotas')}
        assert (rows['counted']['requests'], rows['counted']['requests_max'], rows['counted']['in_flight_max']) == (4, 200, 7), rows
        assert rows['counted']['authenticator'] == 'unix-peer' and rows['counted']['day'] == time.strftime('%Y-%m-%dT00:00:00Z', time.gmtime()), rows
        assert (rows['counted']['requests_second_max'], rows['counted']['bytes_second_max'], rows['counted']['keys'],
                rows['counted']['keys_max']) == (5, 2**20, 0, 5), rows
        time.sleep(1.1)                                # a new second of requests
        for uid, names in ((2001, 'abc'), (2002, 'de')):
            as_uid(uid, lambda: [Client(rig.socket).generate(SOFT, name) for name in names])
        assert as_uid(2002, lambda: status_of(Client(rig.socket).generate, SOFT, 'f')) == 1142
        text = keyreeve(rig, 'admin', 'quotas').stdout.splitlines()
        assert [line.split()[:3] for line in text if line.startswith(('counted', 'keys-only'))] == [
            ['counted', '3/5', '0/7'], ['keys-only', '2/2', '0']], text
        time.sleep(1.1)
        # a second's worth of requests, and almost one of bytes, less what comes back until it is shown
        assert as_uid(2001, lambda: [len(Client(rig.socket).keys()) for _ in range(4)]) == [3] * 4
        assert as_uid(2001, lambda: status_of(Client(rig.socket).sign_message, SOFT, 'a', b'x' * 900000)) == 0
        rows = {q['tenant']: q for q in shown(rig, 'admin', 'quotas')}
        assert 0 < rows['counted']['bytes_second'] <= 901000 and 0 < rows['counted']['requests_second'] <= 5, rows
        assert (rows['counted']['requests'], rows['counted']['keys']) == (12, 3), rows
        assert (rows['keys-only']['keys'], rows['keys-only']['keys_max'], rows['keys-only']['requests_max']) == (2, 2, 0), rows
        assert 'uid0' not in rows, rows
        as_uid(2002, lambda: Client(rig.socket).destroy(SOFT, 'd'))
        # after a restart the keys are counted still, and what they may be is known with the tenant's next request
        rig.stop()
        rig.start()
        rows = {q['tenant']: q for q in shown(rig, 'admin', 'quotas')}
        assert (rows['counted']['keys'], rows['counted']['requests'], 'keys_max' in rows['counted'], 'keys-only' in rows) == (3, 12, False, False), rows
        as_uid(2002, lambda: Client(rig.socket).keys())
        row = [q for q in shown(rig, 'admin', 'quotas') if q['tenant'] == 'keys-only']
        assert len(row) == 1 and (row[0]['keys'], row[0]['keys_max'], row[0]['authenticator']) == (1, 2, 'unix-peer'), row
        assert shown(rig, 'admin', 'penalties') == []
        as_uid(2002, lambda: [Client(rig.socket, ('jwt', 'no token')).exchange(26)['status'] for _ in range(10)])
        boxed = [p for p in shown(rig, 'admin', 'penalties') if p['uid'] == 2002]
        assert boxed and all(p['failures'] >= 3 for p in boxed), boxed
        assert '2002' in keyreeve(rig, 'admin', 'penalties').stdout
        for opcode in (QUOTAS, PENALTIES):
            assert Client(rig.admin_socket).exchange(opcode, pb((1, 2**40)))['status'] == 16


main([private_operations_are_no_operations_elsewhere, administrators_only, bodies_that_are_none_are_refused,
      lists_of_operations_do_not_name_ours, status_says_what_the_service_is_and_how_it_does, acts_are_in_the_log_before_they_happen,
      keys_are_listed_with_owner_device_and_times, lists_come_in_pages_each_key_once, the_last_use_survives_a_restart,
      a_suspended_key_is_refused_until_it_is_resumed, a_suspended_tenant_is_refused_whatever_it_asks,
      an_answer_that_is_not_out_yet_is_not_given, what_a_body_asks_for_is_clear_or_refused, switching_authenticators_neither_exposes_nor_loses_keys,
      a_link_shows_the_keys_of_another_identity, the_order_of_strength_never_goes_down_by_itself, who_is_nobody_is_not_linked,
      a_reused_uid_inherits_nothing, no_request_is_looked_at_before_its_account_is, each_fact_of_an_account_counts, a_change_of_the_accounts_costs_nobody_a_request, who_has_no_account_to_confirm_is_nobody,
      pins_show_whose_a_token_is, quotas_and_penalties_in_force_are_shown])
