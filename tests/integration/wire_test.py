#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wire, over the real socket: rows of the conformance checklist (wire reference, section 22, as changed by 23)."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

rig = Rig(providers=('soft',), wrap='file')


def ask(data):
    return parse(Client(rig.socket, None, timeout=10).raw(data))


def refused_in_stage_a(answer, status):
    assert answer['status'] == status, answer
    assert (answer['opcode'], answer['provider'], answer['session'], answer['body_len']) == (1, 0, 0, 0), answer


def ping_is_answered_byte_for_byte():
    want = bytes.fromhex('10A7C05E1E00010000000000000000000000000000000200000000000100000000000000' + '0801')
    assert Client(rig.socket, None).raw(frame(1)) == want


def stage_a_refuses_with_the_default_header():
    rows = [({'magic': MAGIC ^ 1}, 17), ({'hdr': 29}, 17), ({'hdr': 31}, 17), ({'major': 2}, 4), ({'minor': 1}, 4),
            ({'r1': 1}, 17), ({'r2': 1}, 17), ({'content': 1}, 2), ({'accept': 1}, 3), ({'content': 1, 'accept': 1}, 2),
            ({'auth_type': 5}, 12), ({'auth_type': 255}, 12), ({'provider': 6}, 6), ({'opcode': 0}, 9),
            ({'opcode': 0x1d}, 9), ({'opcode': 0x21}, 9), ({'opcode': 0x4B520000}, 9), ({'body_len': 1048577}, 20)]
    for over, status in rows:
        f = dict(opcode=1)
        f.update(over)
        refused_in_stage_a(ask(frame(**f) + b'\0' * (f.get('hdr', 30) - 30)), status)   # as many bytes as announced


def a_wrong_magic_is_refused_without_waiting():
    with Client(rig.socket, None, timeout=1).connect() as s:
        s.sendall(b'GET ')
        refused_in_stage_a(parse(s.recv(100)), 17)


def harmless_header_fields_are_ignored_or_echoed():
    assert ask(frame(1, flags=0xfffe))['status'] == 0
    assert ask(frame(1, status=7))['status'] == 0
    assert ask(frame(1, session=0x1122334455667788))['session'] == 0x1122334455667788
    answer = ask(frame(1, flags=0xfffe))
    assert (answer['hdr'], answer['major'], answer['minor'], answer['flags'], answer['auth_type'], answer['auth_len']) == \
        (30, 1, 0, 0, 0, 0)


def the_body_limit_is_exact():
    body = pb((3, b'm' * (1048576 - 4)))[:1048576]
    assert len(body) == 1048576
    answer = Client(rig.socket).exchange(24, body, SOFT)
    assert answer['status'] == 16, answer['status']       # parsed; no algorithm in it
    refused_in_stage_a(ask(frame(24, provider=1, body_len=1048577)), 20)
    assert Client(rig.socket).exchange(7, pb((1, 'n' * 70000)), SOFT)['status'] == 20


def a_frame_cut_anywhere_is_15():
    whole = frame(7, pb((1, 'key')), SOFT, 3, struct.pack('<I', 0))
    for cut in range(1, len(whole), 3):
        with Client(rig.socket, None, timeout=5).connect() as s:
            s.sendall(whole[:cut])
            s.shutdown(socket.SHUT_WR)
            refused_in_stage_a(parse(s.recv(100)), 15)


def lengths_that_lie_end_as_15_after_two_seconds():
    for over in ({'body_len': 10}, {'auth_len': 10}):
        start = time.monotonic()
        refused_in_stage_a(ask(frame(1, **over)), 15)
        assert 1.9 <= time.monotonic() - start <= 2.3


def one_byte_at_a_time_is_served_within_two_seconds():
    with Client(rig.socket, None, timeout=5).connect() as s:
        for byte in frame(1):
            s.sendall(bytes([byte]))
            time.sleep(0.01)
        assert parse(s.recv(100))['status'] == 0


def the_connection_ends_after_the_answer():
    start = time.monotonic()
    answer = Client(rig.socket, None).raw(frame(1) + frame(1) + b'trailing')   # to the end of file
    assert len(answer) == 38 and time.monotonic() - start < 1


def a_kept_connection_serves_many_and_says_so():
    with Client(rig.socket, None, timeout=5).connect() as s:
        for _ in range(50):
            s.sendall(frame(1, flags=1))
            answer = parse(s.recv(100))
            assert answer['status'] == 0 and answer['flags'] == 1
        s.sendall(frame(1))
        assert parse(s.recv(100))['flags'] == 0
        assert s.recv(100) == b''


def pipelined_requests_are_answered_in_order():
    count = 3000
    with Client(rig.socket, None, timeout=20).connect() as s:
        import threading
        sender = threading.Thread(target=lambda: s.sendall(b''.join(frame(1, flags=1, session=i) for i in range(count))))
        sender.start()
        got = b''
        while len(got) < 38 * count:
            got += s.recv(65536)
        sender.join()
        for i in range(count):
            assert parse(got[38 * i:38 * i + 38])['session'] == i


def identity_rows():
    client = Client(rig.socket, None)
    for auth in (b'', b'123', b'12345', b'12345678', struct.pack('<I', 4242)):
        assert client.exchange(26, auth_type=3, auth=auth)['status'] == 11, auth
    assert client.exchange(26, auth_type=3, auth=struct.pack('<I', 0))['status'] == 0
    assert client.exchange(26, auth_type=1, auth=b'x')['status'] == 13
    assert client.exchange(26, auth_type=2, auth=b'x')['status'] == 13
    for opcode in (26, 2, 3, 4, 5, 7, 24, 25):
        body = {26: b'', 2: pb((1, 'k'), (2, attributes()))}.get(
            opcode, pb((1, 'k'), (2, sign_alg('ecdsa')), (3, b'h' * 32), (4, b's' * 64)) if opcode in (4, 5, 24, 25) else pb((1, 'k')))
        provider = 0 if opcode == 26 else SOFT
        assert client.exchange(opcode, body, provider)['status'] == 19, opcode
    for opcode, provider in ((1, 0), (8, 0), (9, 0), (14, 0), (13, SOFT)):
        assert client.exchange(opcode, b'', provider)['status'] == 0, opcode
    # bad credentials win over an unconfigured provider; a bad body hides a missing identity; admin operations differ
    assert client.exchange(4, b'\xff', 3, auth_type=3, auth=b'')['status'] == 11
    assert client.exchange(26, b'\xff')['status'] == 7
    assert client.exchange(27, b'\xff')['status'] == 19
    assert Client(rig.socket).exchange(27, b'\xff')['status'] == 21
    assert client.exchange(26, auth_type=4, auth=b'a' * 16385)['status'] == 11


def direct_rows():
    client = Client(rig.direct_socket, None)
    assert client.exchange(26, auth_type=1, auth=b'')['status'] == 11
    assert client.exchange(26, auth_type=1, auth=b'\xff\xfe')['status'] == 11
    assert client.exchange(26, auth_type=1, auth=b'app')['status'] == 0
    assert client.exchange(26, auth_type=3, auth=struct.pack('<I', 0))['status'] == 13
    app, other = Client(rig.direct_socket, ('direct', 'app')), Client(rig.direct_socket, ('direct', 'other'))
    app.generate(SOFT, 'same')
    other.generate(SOFT, 'same')
    assert app.public(SOFT, 'same') != other.public(SOFT, 'same')
    # a claimed uid is not that uid
    assert Client(rig.direct_socket, ('direct', '0')).keys() == []


def routing_rows():
    client = Client(rig.socket, None)
    assert client.exchange(1, b'', SOFT)['status'] == 1134
    assert Client(rig.socket).exchange(4, b'', 0)['status'] == 1134
    assert Client(rig.socket).exchange(4, b'', 3)['status'] == 5
    for body, status in ((pb((1, 3)), 5), (pb((1, 99)), 6), (pb((1, 300)), 6)):
        assert client.exchange(9, body)['status'] == status
    assert client.exchange(1, b'\xff')['status'] == 7
    assert client.exchange(1, pb((99, b'x')))['status'] == 0
    for opcode in (6, 10, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 30, 31, 32):
        assert Client(rig.socket).exchange(opcode, b'', SOFT)['status'] == 1134, opcode


def body_rows():
    client = Client(rig.socket)
    assert client.exchange(2, pb((1, 'k')), SOFT)['status'] == 16
    family0 = pb((1, pb((11, pb((1, 0))))), (2, 256), (3, pb((1, b''), (2, pb((6, sign_alg('ecdsa')))))))
    assert client.exchange(2, pb((1, 'k'), (2, family0)), SOFT)['status'] == 16
    assert client.exchange(4, pb((1, 'k'), (2, sign_alg('ecdsa', 77)), (3, b'h' * 32)), SOFT)['status'] == 16
    assert client.exchange(4, pb((1, 'k'), (2, b''), (3, b'h' * 32)), SOFT)['status'] == 16
    assert client.exchange(7, pb((1, 'n' * 256)), SOFT)['status'] == 1135
    for name in ('a\nb', 'a\0b', '\x7f'):
        assert client.exchange(7, pb((1, name)), SOFT)['status'] == 1135, repr(name)
    assert client.exchange(7, pb((1, b'\xff\xfe')), SOFT)['status'] == 1135
    assert client.exchange(24, pb(*[(99, 0)] * 300000), SOFT)['status'] == 20


def discovery_rows():
    client = Client(rig.socket, None)
    providers = [(field(v, 7, 0), field(v, 1).decode()) for n, v in unpb(client.call(8))]
    assert providers == [(1, '1c1139dc-ad7c-47dc-ad6b-db6fdb466552'), (0, '47049873-2a43-4845-9d72-831eab668784')]
    assert [field(v, 5, 0) for n, v in unpb(client.call(14))] == [3, 4]

    def opcodes(where, provider):
        packed = field(Client(where, None).call(9, pb((1, provider))), 1)
        return sorted(packed)
    assert opcodes(rig.socket, 0) == [1, 8, 9, 14, 26]
    assert opcodes(rig.admin_socket, 0) == [1, 8, 9, 14, 26, 27, 28]
    assert opcodes(rig.socket, 1) == [2, 3, 4, 5, 7, 13, 24, 25]


def key_policy_rows():
    client = Client(rig.socket)
    digest = b'h' * 32
    client.generate(SOFT, 'p1', attributes(usage=(9,)))
    assert status_of(client.sign, SOFT, 'p1', digest) == 1133
    client.generate(SOFT, 'p2', attributes(alg=sign_alg('ecdsa', SHA384)))
    assert status_of(client.sign, SOFT, 'p2', digest) == 1133
    client.generate(SOFT, 'p3', attributes(alg=sign_alg('ecdsa', None)))
    assert len(client.sign(SOFT, 'p3', digest)) == 64
    assert len(client.sign(SOFT, 'p3', b'h' * 64, sign_alg('ecdsa', SHA512))) == 64
    assert status_of(client.sign, SOFT, 'p3', digest, sign_alg('ecdsa', None)) == 1133
    assert status_of(client.sign, SOFT, 'p3', digest, sign_alg('pkcs1')) == 1133
    assert status_of(client.sign, SOFT, 'p3', b'h' * 31) == 1135
    assert status_of(client.generate, SOFT, 'p4', attributes('rsa', 2047)) in (1134, 1135)
    assert status_of(client.generate, SOFT, 'p4', attributes('ecc', 192)) == 1134
    client.generate(SOFT, 'p4')                          # the name stayed free
    assert len(client.public(SOFT, 'p4')) == 65 and client.public(SOFT, 'p4')[0] == 4
    listed = [v for n, v in unpb(client.call(26)) if field(v, 2) == b'p1'][0]
    flags = field(field(field(listed, 3), 3), 1)
    assert sorted(n for n, v in unpb(flags)) == [7, 9]   # verify_hash and what it implies


def random_rows():
    client = Client(rig.socket, None)
    assert field(client.call(13, pb((1, 0)), SOFT), 1) == b''
    for size in (1, 35, 4096, 4097, 1048576):
        assert len(field(client.call(13, pb((1, size)), SOFT), 1)) == size
    assert client.exchange(13, pb((1, 1048577)), SOFT)['status'] == 10
    assert client.exchange(13, pb((1, 2**64 - 1)), SOFT)['status'] == 10
    assert field(client.call(13, pb((1, 32)), SOFT), 1) != field(client.call(13, pb((1, 32)), SOFT), 1)


def the_audit_log_names_the_reason_that_the_wire_does_not():
    client, anyone, direct = Client(rig.socket), Client(rig.socket, None), Client(rig.direct_socket, None)
    uid = struct.pack('<I', 0)
    rows = [('AUTHN_NOT_LISTED', 13, anyone.exchange(26, auth_type=1, auth=b'x')),
            ('AUTHN_NEEDED', 19, anyone.exchange(26)), ('ADMIN_NEEDED', 21, client.exchange(27)),
            ('PEER_UID', 11, anyone.exchange(26, auth_type=3, auth=struct.pack('<I', 9))),
            ('PEER_FIELD', 11, anyone.exchange(26, auth_type=3, auth=b'9')),
            ('DIRECT_NAME', 11, direct.exchange(26, auth_type=1, auth=b'')),
            ('BODY_LONG', 20, client.exchange(7, pb((1, 'n' * 70000)), SOFT)),
            ('LIST_PROVIDER', 6, anyone.exchange(9, pb((1, 99)))),
            ('LIST_PROVIDER_ABSENT', 5, anyone.exchange(9, pb((1, 3)))),
            ('RANDOM_LONG', 10, anyone.exchange(13, pb((1, 1048577)), SOFT)),
            ('PROVIDER_ABSENT', 5, client.exchange(4, b'', 3)), ('OPCODE_ROUTE', 1134, client.exchange(1, b'', SOFT)),
            ('OPCODE_UNSUPPORTED', 1134, client.exchange(6, b'', SOFT)), ('KEY_ABSENT', 1140, client.exchange(7, pb((1, 'none')), SOFT))]
    time.sleep(1.3)
    seen = {(line.get('status'), line.get('wire')) for line in rig.audit()}
    for reason, wire, answer in rows:
        assert answer['status'] == wire, (reason, answer['status'])
        assert (reason, wire) in seen, (reason, wire)


def hundred_connections_at_once_are_all_answered():
    socks = [Client(rig.socket, None, timeout=5).connect() for _ in range(100)]
    for s in socks:
        s.sendall(frame(1))
    for s in socks:
        assert parse(s.recv(100))['status'] == 0
        s.close()


def sockets_have_their_modes_and_stale_ones_are_replaced():
    import stat
    assert stat.S_IMODE(os.stat(rig.socket).st_mode) == 0o666
    assert stat.S_IMODE(os.stat(rig.direct_socket).st_mode) == 0o660
    rig.kill()
    assert os.path.exists(rig.socket)
    rig.start()
    rig.stop()
    os.unlink(rig.socket)
    open(rig.socket, 'w').close()
    rig.start(wait=False)
    assert rig.daemon.wait(20) != 0 and 'is no socket' in rig.tail()
    os.unlink(rig.socket)
    rig.start()


with rig:
    rig.start()
    try:
        main([ping_is_answered_byte_for_byte, stage_a_refuses_with_the_default_header,
              a_wrong_magic_is_refused_without_waiting, harmless_header_fields_are_ignored_or_echoed,
              the_body_limit_is_exact, a_frame_cut_anywhere_is_15, lengths_that_lie_end_as_15_after_two_seconds,
              one_byte_at_a_time_is_served_within_two_seconds, the_connection_ends_after_the_answer,
              a_kept_connection_serves_many_and_says_so, pipelined_requests_are_answered_in_order, identity_rows,
              direct_rows, routing_rows, body_rows, discovery_rows, key_policy_rows, random_rows,
              the_audit_log_names_the_reason_that_the_wire_does_not, hundred_connections_at_once_are_all_answered, sockets_have_their_modes_and_stale_ones_are_replaced])
    except SystemExit as e:
        code = e.code
sys.exit(code)
