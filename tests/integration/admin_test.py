#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Administration over its own socket: what it shows and does, and everybody who may not ask."""
import json, os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

# Our own operations (wire/opcode.h) and a body that each takes.
PRIVATE = {0x4B520001: b''}
STATUS = 0x4B520001
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


main([private_operations_are_no_operations_elsewhere, administrators_only, bodies_that_are_none_are_refused,
      lists_of_operations_do_not_name_ours, status_says_what_the_service_is_and_how_it_does, acts_are_in_the_log_before_they_happen])
