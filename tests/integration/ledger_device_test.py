#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger about devices that fail or lie, one function each; tests/ledger.tsv names them."""
import os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

SHIM = os.path.abspath(os.path.join(BUILD, 'tests', 'libtest_p11_shim.so'))
RANDOM = 13
DIGEST = b'd' * 32
WITHIN_S = 1.0                                 # N-4: until another request is served
ONE_MS, COMMANDS_MAX = 0.001, 80


def evil(**options):
    """SoftHSM2 behind a module that misbehaves on command: by files in its directory."""
    rig = Rig(providers=('soft', 'hsm'), wrap='file', module=SHIM, **options)
    rig.options['hsm_env'] = f', P11_SHIM_DIR: {rig.path("hsm")}, P11_SHIM_MODULE: {SOFTHSM}'
    return rig


# ---- randomness --------------------------------------------------------------------------------------------------------


def looks_random(data):
    """Ones, runs and bytes as one expects of fair coins, five standard deviations off at most."""
    bits = ''.join(f'{byte:08b}' for byte in data)
    ones, changes = bits.count('1'), sum(a != b for a, b in zip(bits, bits[1:]))
    chi = sum((data.count(value) - len(data) / 256) ** 2 / (len(data) / 256) for value in range(256))
    far = 5 * (len(bits) / 4) ** 0.5
    return abs(ones - len(bits) / 2) < far and abs(changes - len(bits) / 2) < far and abs(chi - 255) < 5 * (2 * 255) ** 0.5


def a_device_that_repeats_itself_spoils_nothing_and_is_told():
    """N-16: the device says zeros, or the same pattern at each start."""
    pattern = bytes(range(7, 39))
    assert not looks_random(bytes(65536)) and not looks_random(pattern * 2048)
    taken = []
    for constant in (b'', pattern, pattern):
        with evil() as rig:
            with open(rig.path('hsm', 'constant'), 'wb') as f:
                f.write(constant)
            os.chmod(rig.path('hsm', 'constant'), 0o644)
            rig.start()
            time.sleep(2.5)                                        # it has been asked, two seconds after the start
            if not constant:
                wait_for('the alarm', lambda: [line for line in rig.audit() if line.get('event') == 'random-unhealthy' and line['provider'] == 'hsm'])
                assert 'ALARM: random bytes of provider hsm repeat' in rig.tail(100)
            client = Client(rig.socket)
            one, more = ([field(client.call(RANDOM, pb((1, size)), PKCS11), 1) for _ in range(count)] for size, count in ((65536, 1), (32, 1000)))
            assert len(one[0]) == 65536 and looks_random(one[0]) and looks_random(b''.join(more))
            assert len(set(more)) == 1000 and not any(pattern[:8] in block or bytes(8) in block for block in [*one, *more])
            taken += more
    assert len(set(taken)) == 3000


# ---- a crash at each command -------------------------------------------------------------------------------------------


class Bus(threading.Thread):
    """Between keyreeve-tpm and swtpm: counts commands, and at the one that is wanted calls `strike` before it goes on."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.path, self.target, self.count, self.at, self.strike = rig.path('tpm', 'bus'), rig.path('tpm', 'sock'), 0, 0, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        os.symlink(self.target + '.ctrl', self.path + '.ctrl')
        self.listener.listen(4)
        plain = rig.provider_yaml
        rig.provider_yaml = lambda name: plain(name).replace(self.target, self.path)
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.target)
            with near, far:
                try:
                    while command := self.message(near):
                        self.count += 1
                        if self.strike is not None and self.count == self.at:
                            self.strike()
                        far.sendall(command)
                        near.sendall(self.message(far))
                except OSError:
                    pass

    @staticmethod
    def message(sock):
        """Tag, size, code, and the rest: commands and answers alike; nothing at the end."""
        data = b''
        while len(data) < 10 or len(data) < int.from_bytes(data[2:6], 'big'):
            part = sock.recv(65536)
            if not part:
                return b''
            data += part
        return data

    def arm(self, at, strike):
        self.count, self.at, self.strike = 0, at, strike


def a_crash_at_each_command_costs_one_request():
    """N-4: keyreeve-tpm is killed at each command in turn of a create, a signature, a destroy, and of its own start."""
    with Rig(providers=('tpm', 'soft'), wrap='file') as rig:
        bus = Bus(rig)
        rig.start()
        client, soft = Client(rig.socket), Client(rig.socket)
        client.generate(TPM, 'kept')
        public = client.public(TPM, 'kept')
        soft.generate(SOFT, 'beside')
        struck = []

        def kill():
            struck.append(time.monotonic())
            os.kill(rig.roles()['tpm'], signal.SIGKILL)

        def serve(limit):
            """A signature, the first that is made; how long after the kill."""
            while True:
                status, signature = sign_once(client)
                if status == 0:
                    verify_outside(public, DIGEST, signature)
                    return time.monotonic() - struck[-1]
                assert status == 1145 and time.monotonic() - struck[-1] < limit, (status, time.monotonic() - struck[-1])
                time.sleep(ONE_MS)
        hits, slowest = {}, 0
        acts = {'first create': lambda n: status_of(Client(rig.direct_socket, ('direct', f'n{n}')).generate, TPM, 'a'),     # and a parent
                'create': lambda n: status_of(client.generate, TPM, f'made{n}'), 'sign': lambda n: sign_once(client)[0],
                'destroy': lambda n: status_of(client.destroy, TPM, 'victim'), 'start': lambda n: sign_once(client)[0]}
        for name, act in acts.items():
            for n in range(1, COMMANDS_MAX):
                if name == 'destroy':
                    status_of(client.generate, TPM, 'victim')
                before = len(struck)
                if name == 'start':                                  # its own commands: of the one that comes after this one
                    bus.arm(n, kill)
                    os.kill(rig.roles()['tpm'], signal.SIGKILL)
                    wait_for('the next one', lambda: bus.count >= 1)
                else:
                    bus.arm(n, kill)
                status = act(n)
                assert status in (0, 1145), (name, n, status)
                soft.sign(SOFT, 'beside', DIGEST)
                if name == 'start':
                    wait_for('its start', lambda: len(struck) > before or sign_once(client)[0] == 0)
                bus.arm(0, None)
                if len(struck) == before:
                    break                                            # it has fewer commands than that
                hits[name] = n
                slowest = max(slowest, serve(WITHIN_S))
                assert slowest < WITHIN_S, (name, n, slowest)
        print(f'        commands: {hits}; served again within {slowest * 1000:.0f} ms', flush=True)
        assert hits['first create'] >= 2 and hits['create'] >= 1 and hits['sign'] >= 1 and hits['start'] >= 10, hits
        assert ('kept', TPM) in client.keys() and not [line for line in rig.audit() if line.get('event') == 'record-damaged']


def sign_once(client):
    answer = client.exchange(4, pb((1, 'kept'), (2, sign_alg('ecdsa')), (3, DIGEST)), TPM)
    return answer['status'], field(answer['body'], 1) if answer['status'] == 0 else b''


main([a_device_that_repeats_itself_spoils_nothing_and_is_told, a_crash_at_each_command_costs_one_request])
