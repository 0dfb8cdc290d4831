#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The audit log: one line per identified request, numbered without gaps, nothing secret in it; segments, retention,
and a disk that is full."""
import hashlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *


def gapless(lines):
    numbers = [line['seq'] for line in lines]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers[:20]


def events(rig, name, **fields):
    return [line for line in rig.audit() if line.get('event') == name and all(line.get(f) == v for f, v in fields.items())]


def the_agents_life_is_in_the_log():
    accepted = 'accept:\n  - {check: DOC-47, because: "a rig, not a host"}\n'
    with Rig(providers=('soft',), wrap='file', more=accepted) as rig:
        rig.start()
        first = rig.audit()[0]
        assert first['event'] == 'start' and first['detail'] == 'posture permissive' and len(first['boot']) == 32, first
        assert not {'op', 'identity', 'peer', 'conn', 'status', 'us', 'request'} & set(first), first
        assert [line['detail'] for line in events(rig, 'accepted')] == ['DOC-47: a rig, not a host']
        wait_for('the line', lambda: events(rig, 'provider-up', provider='soft'))
        up = events(rig, 'provider-up', provider='soft')
        assert len(up) == 1 and up[0]['detail'].startswith('OpenSSL'), up
        # a worker that dies
        os.kill(rig.roles()['soft'], signal.SIGKILL)
        wait_for('provider-up', lambda: len(events(rig, 'provider-up', provider='soft')) == 2)
        down = events(rig, 'provider-down', provider='soft')
        assert [line['detail'] for line in down] == ['its worker died and is being restarted'], down
        # a reload, and what was accepted with it
        rig.daemon.send_signal(signal.SIGHUP)
        wait_for('the reload', lambda: events(rig, 'reload') and len(events(rig, 'accepted')) == 2)
        assert rig.stop() == 0
        last = rig.audit()[-1]
        assert last['event'] == 'stop' and last['detail'] == 'asked to', last
        gapless(rig.audit())
        shown = subprocess.run([os.path.join(rig.build, 'bin', 'keyreeve'), 'audit', 'show', '--dir', rig.path('state', 'audit')],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        for event, detail in (('start', 'posture permissive'), ('accepted', 'DOC-47: a rig, not a host'), ('reload', ''),
                              ('provider-down', 'its worker died'), ('stop', 'asked to')):
            assert [row for row in shown if f' {event} ' in row and detail in row], (event, shown)


def a_refused_pin_is_in_the_log():
    with Rig(providers=('soft', 'hsm'), wrap='file') as rig:
        rig.write_pin('wrong-pin')
        rig.start(wait=False)
        wait_for('the line', lambda: rig.pings() and events(rig, 'provider-down', provider='hsm'))
        down = events(rig, 'provider-down', provider='hsm')
        assert len(down) == 1 and 'PIN' in down[0]['detail'] and 'wrong-pin' not in json.dumps(down), down
        assert not events(rig, 'provider-up', provider='hsm')
        rig.stop()
        rig.write_pin(PIN)
        rig.start()
        wait_for('the line', lambda: events(rig, 'provider-up', provider='hsm'))
        gapless(rig.audit())


def every_identified_request_has_one_line_and_its_hashes():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        request = frame(4, pb((1, 'k'), (2, sign_alg('ecdsa')), (3, b'h' * 32)), SOFT, 3, struct.pack('<I', 0))
        answer = client.raw(request)
        assert status_of(client.sign, SOFT, 'none', b'h' * 32) == 1140
        client.destroy(SOFT, 'k')
        lines = [line for line in rig.audit() if line.get('identity') == '0' and line.get('key') != '.rig']
        assert [(line['op'], line['wire']) for line in lines] == [
            ('PsaGenerateKey', 0), ('PsaSignHash', 0), ('PsaSignHash', 1140), ('PsaDestroyKey', 0)], lines
        sign = lines[1]
        assert sign['request'] == hashlib.sha256(request[:-4]).hexdigest()     # header and body, not the credentials
        assert sign['response'] == hashlib.sha256(answer).hexdigest()
        for want, value in (('authn', 'unix-peer'), ('tenant', 'uid0'), ('provider', 'soft'), ('key', 'k'),
                            ('decision', 'allow'), ('status', 'OK'), ('v', 1)):
            assert sign[want] == value, (want, sign)
        assert sign['peer']['uid'] == 0 and sign['peer']['pid'] == os.getpid()
        assert sign['record'] == lines[0]['record'] and len(sign['record']) == 64
        us = sign['us']
        assert us['total'] >= us['device'] >= 0 and set(us) == {'read', 'authn', 'policy', 'queue', 'device', 'total'}
        assert lines[2]['status'] == 'KEY_ABSENT' and 'record' not in lines[2]
        gapless(rig.audit())


def requests_without_identity_are_counted_not_listed():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        for _ in range(200):
            Client(rig.socket, None).ping()
        for _ in range(50):
            Client(rig.socket, None).exchange(26, auth_type=3, auth=b'xx')
        for _ in range(30):
            Client(rig.socket, None).raw(b'GET / HTTP/1.0\r\n\r\n')
        time.sleep(2.2)
        counts = [line for line in rig.audit() if line.get('event') == 'count']
        pings = [line for line in counts if line.get('op') == 'Ping' and line['peer']['uid'] == 0]
        assert sum(line['count'] for line in pings) >= 200 and len(pings) < 20
        assert sum(line['count'] for line in counts if line['status'] == 'PEER_FIELD') == 50
        assert sum(line['count'] for line in counts if line['status'] == 'FRAME_MAGIC') == 30
        gapless(rig.audit())


def segments_follow_each_other_and_the_oldest_goes():
    with Rig(providers=('soft',), wrap='file', segment='1MiB', keep=3) as rig:
        rig.start()
        client = Client(rig.socket, keep=True)
        client.generate(SOFT, 'k')
        for _ in range(7000):
            client.public(SOFT, 'k')
        names = sorted(glob.glob(rig.path('state', 'audit', '*.log')))
        assert len(names) == 3, names
        lines = rig.audit()
        gapless(lines)
        for name in names:                               # each is named by its first number and not above its size by more than a batch
            assert int(os.path.basename(name)[:16]) == json.loads(open(name).readline())['seq']
            assert os.path.getsize(name) < 2 * 1024 * 1024
            assert os.stat(name).st_mode & 0o777 == 0o600
        # what went is named by a line of its own, in the file that came for it
        told = events(rig, 'segment-removed')
        kept = [os.path.basename(name) for name in names]
        assert told and told[-1]['detail'] < kept[0] and not set(kept) & {line['detail'] for line in told}, (told, kept)
        assert told[-1]['seq'] > int(kept[-1][:16]), told
        last = lines[-1]['seq']
        rig.kill()
        rig.start()
        gapless(rig.audit())
        assert rig.audit()[-1]['seq'] >= last


def a_torn_last_line_is_cut_off():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        rig.kill()
        last = rig.audit()[-1]['seq']
        segment = sorted(glob.glob(rig.path('state', 'audit', '*.log')))[-1]
        with open(segment, 'a') as f:
            f.write('{"v":1,"seq":%d,"ti' % (last + 1))
        rig.start()
        gapless(rig.audit())
        assert rig.audit()[-1]['seq'] > last


def a_full_disk_refuses_and_recovers_and_says_how_often():
    with Rig(providers=('soft',), wrap='file', reserve='1MiB') as rig:
        audit = rig.path('state', 'audit')
        os.mkdir(audit, 0o700)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size=3m,mode=700,uid={SERVICE_UID},gid={SERVICE_UID}', 'tmpfs', audit],
                       check=True)
        try:
            rig.start()
            client = Client(rig.socket)
            client.generate(SOFT, 'k')
            filler = os.path.join(audit, 'filler')

            def fill():                                   # another uid takes what is left
                fill_up(filler)
            fill()
            for _ in range(5):
                client.public(SOFT, 'k')                  # the last page of the segment, then the reserve
            wait_for('low space', lambda: status_of(client.public, SOFT, 'k') == 0 and
                     status_of(client.generate, SOFT, 'new') == 1142, 20)
            assert [line for line in rig.audit() if line.get('status') == 'AUDIT_SPACE' and line['key'] == 'new']
            assert status_of(client.sign, SOFT, 'k', b'h' * 32) == 0
            fill()
            refused = 0
            for _ in range(3000):
                status = status_of(client.public, SOFT, 'k')
                if status == 1146:
                    refused += 1
                    if refused == 5:
                        break
                else:
                    assert status == 0, status
            assert refused == 5
            os.kill(rig.roles()['soft'], signal.SIGKILL)  # its lines wait for space
            wait_for('another worker', lambda: rig.roles().get('soft'))
            assert Client(rig.socket, None).exchange(1)['status'] == 0   # nobody identified, nothing to audit
            before = rig.audit()
            os.unlink(filler)
            wait_for('space to return', lambda: status_of(client.public, SOFT, 'k') == 0, 10)
            wait_for('creates', lambda: status_of(client.generate, SOFT, 'new') == 0, 10)
            lines = rig.audit()
            gapless(lines)
            # the first line after space returned says how many; space may have come back for a moment in between
            told = [line for line in lines if line.get('event') == 'audit-refused']
            assert sum(line['count'] for line in told) >= 5, told
            assert told[-1]['seq'] > before[-1]['seq'], told
            wait_for('what waited', lambda: len(events(rig, 'provider-up', provider='soft')) == 2)
            down = events(rig, 'provider-down', provider='soft')
            assert len(down) == 1 and down[0]['seq'] > told[0]['seq'], down
            gapless(rig.audit())
        finally:
            rig.stop()
            subprocess.run(['umount', '-l', audit])


def create_on_a_slow_disk(rig, client, provider):
    """Refused before the disk is done.  Whether its line had been written by then, and was withdrawn, the moment decides."""
    slow = subprocess.Popen(['strace', '-f', '-qq', '-o', rig.path('strace'), '-p', str(rig.roles()['agent']),
                             '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:delay_enter=700000'])
    wait_for('strace', lambda: b'TracerPid:\t0' not in open(f'/proc/{rig.roles()["agent"]}/status', 'rb').read())
    began = time.monotonic()
    refused = status_of(client.generate, provider, 'late')
    took = time.monotonic() - began
    client.sock = None
    slow.terminate()
    slow.wait()
    assert refused == 1146, refused
    assert took < 5, took           # the disk alone takes longer than it is waited for
    wait_for('gone', lambda: status_of(client.sign, provider, 'late', b'h' * 32) == 1140)
    wait_for('free', lambda: status_of(client.generate, provider, 'late') == 0)
    client.destroy(provider, 'late')


def a_slow_disk_refuses_creates_and_takes_them_back():
    with Rig(providers=('soft', 'hsm'), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        tries = 0
        for number, provider in enumerate((SOFT, PKCS11), 1):
            while len(events(rig, 'undone')) < number:
                assert tries < 20, 'no line was ever withdrawn'
                tries += 1
                create_on_a_slow_disk(rig, client, provider)
        lines = rig.audit()
        gapless(lines)
        undone = [line['record'] for line in lines if line.get('event') == 'undone']
        made = [line['record'] for line in lines if line.get('op') == 'PsaGenerateKey' and line.get('key') == 'late' and line['wire'] == 0]
        gone = [line['record'] for line in lines if line.get('op') == 'PsaDestroyKey' and line.get('key') == 'late' and line['wire'] == 0]
        # A line of success for each key that came to be, those that were withdrawn among them.
        assert len(gone) == tries and sorted(made) == sorted(undone + gone), (made, undone, gone)
        assert 'Private Key Object' not in rig.token_objects()


def nothing_secret_is_in_log_or_audit():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(PKCS11, 'k')
        client.sign_message(PKCS11, 'k', b'planted-message-payload')
        text = open(rig.path('daemon.log')).read() + json.dumps(rig.audit())
        assert PIN not in text and 'planted-message-payload' not in text


main([the_agents_life_is_in_the_log, a_refused_pin_is_in_the_log, every_identified_request_has_one_line_and_its_hashes, requests_without_identity_are_counted_not_listed,
      segments_follow_each_other_and_the_oldest_goes, a_torn_last_line_is_cut_off,
      a_full_disk_refuses_and_recovers_and_says_how_often,
      a_slow_disk_refuses_creates_and_takes_them_back, nothing_secret_is_in_log_or_audit])
