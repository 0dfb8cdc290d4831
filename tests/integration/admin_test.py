#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Administration over its own socket: what it shows and does, and everybody who may not ask."""
import json, os, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

# Our own operations (wire/opcode.h) and a body that each takes.
STATUS, KEYS, SUSPEND, RESUME = range(0x4B520001, 0x4B520005)
PRIVATE = {STATUS: b'', KEYS: b'', SUSPEND: pb((1, 'uid0')), RESUME: pb((1, 'uid0'))}
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


main([private_operations_are_no_operations_elsewhere, administrators_only, bodies_that_are_none_are_refused,
      lists_of_operations_do_not_name_ours, status_says_what_the_service_is_and_how_it_does, acts_are_in_the_log_before_they_happen,
      keys_are_listed_with_owner_device_and_times, lists_come_in_pages_each_key_once, the_last_use_survives_a_restart,
      a_suspended_key_is_refused_until_it_is_resumed, a_suspended_tenant_is_refused_whatever_it_asks,
      what_a_body_asks_for_is_clear_or_refused])
