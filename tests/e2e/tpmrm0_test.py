#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The TPM as a machine has it: /dev/tpmrm0 of a kernel, in a virtual machine, with the posture strict.  What the guest signs
is judged out here, by an implementation that is not ours; what the chip was asked is read from the chip's own log."""
import base64, os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from guest import *
from rig import main, wait_for

CONFIG = '''apiVersion: keyreeve/v1
kind: Agent
posture: strict
listeners:
  - {path: /run/keyreeve/keyreeve.sock, mode: "0666", authenticators: [unix-peer]}
providers:
  - {name: tpm, type: tpm, tcti: "device:/dev/tpmrm0"}
  - {name: soft, type: software, wrap: tpm}
tenants:
  - {match: {user: web}, tenant: a}
  - {match: {user: db}, tenant: b}
'''
RESTARTS = 20
KEYS = {'ecc': ('tpm', 'ecc-p256'), 'rsa': ('tpm', 'rsa-2048'), 'soft': ('software', 'ecc-p256')}
STORAGE_KEY = '0x8101A001'
TPM2_SIGN = 0x15D
EXIT_REFUSED_BY_DEVICE = 6


class Machine(Guest):
    def __init__(self):
        super().__init__(CONFIG)
        self.numbers = iter(range(1 << 30))
        self.publics = {}
        self.start()

    def start(self):
        """Serving, and both providers have answered."""
        self.run('keyreeved >/dev/console 2>&1 &\n'
                 'tries=0; until keyreeve ping 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.2; done')

    def stop(self, signal='TERM'):
        self.run(f'pid=$(pidof keyreeved); kill -{signal} $pid\n'
                 'tries=0; while kill -0 $pid; do tries=$((tries + 1)); [ $tries -lt 200 ]; sleep 0.1; done; rm -f /run/rest\n'
                 'while pidof keyreeve-tpm keyreeve-agent keyreeve-soft; do sleep 0.1; done')

    def as_user(self, command, user='web'):
        return self.run(f'su -s /bin/sh {user} -c "{command}"')

    def create(self, name, provider, kind):
        self.as_user(f'keyreeve key create {name} --provider {provider} --type {kind}')
        self.publics[name] = self.as_user(f'keyreeve key public {name}')

    def signs(self, name):
        """A message that was never signed before; the public half is the one that the key had when it was made."""
        message = f'message {next(self.numbers)}'
        signature = self.as_user(f'echo -n {message} | keyreeve sign {name}')
        for file, content in (('public', self.publics[name]), ('signature', signature), ('message', message.encode())):
            with open(self.path(file), 'wb') as f:
                f.write(content)
        judged = subprocess.run(['openssl', 'dgst', '-sha256', '-verify', self.path('public'), '-signature', self.path('signature'),
                                 self.path('message')], capture_output=True, text=True)
        assert judged.stdout == 'Verified OK\n', (name, judged)

    def verifies(self, name):
        self.as_user(f'cd /tmp; echo again >m.{name}; keyreeve sign {name} m.{name} --out s.{name}; '
                     f'keyreeve verify {name} m.{name} --signature s.{name}')
        code, out = self.try_run(f'cd /tmp; echo other >o; su -s /bin/sh web -c "keyreeve verify {name} o --signature s.{name}"')
        assert code == 7, (code, out)

    def handles(self, kind):
        return self.run(f'tpm2 getcap -T device:/dev/tpm0 handles-{kind}').decode().split()


def the_kernels_device_serves_through_20_restarts():
    """Every second one is a kill, after which the resource manager has to clean up; nothing stays loaded in the chip, and
    its one persistent object is our storage key."""
    with Machine() as m:
        tpm_names = [name for name, (provider, _) in KEYS.items() if provider == 'tpm']
        for name, (provider, kind) in KEYS.items():
            m.create(name, provider, kind)
            m.verifies(name)
        assert m.try_run('su -s /bin/sh db -c "keyreeve sign ecc /init"')[0] == 5      # no such key: another tenant's
        before, signed = m.tpm_commands(TPM2_SIGN), 0
        for restart in range(RESTARTS):
            m.stop('KILL' if restart % 2 == 0 else 'TERM')
            assert m.handles('transient') == [] and m.handles('loaded-session') == []
            m.start()
            for name in KEYS:
                m.signs(name)
            signed += len(tpm_names)
        in_the_chip = m.tpm_commands(TPM2_SIGN) - before
        assert in_the_chip == signed, (in_the_chip, signed)
        assert m.handles('persistent') == ['-', STORAGE_KEY]
        for name in KEYS:
            m.as_user(f'keyreeve key destroy {name}')
        assert all(m.try_run(f'su -s /bin/sh web -c "keyreeve key show {name}"')[0] == 5 for name in KEYS)
        print(f'        {RESTARTS} restarts, {signed} signatures in the chip', flush=True)


def a_reset_of_machine_and_chip_loses_no_acknowledged_key():
    """The button is pressed while keys are made and used: RAM is gone, sessions and the resource manager's contexts with it,
    and the disk has what was flushed."""
    with Machine() as m:
        for name, (provider, kind) in KEYS.items():
            m.create(name, provider, kind)
        made = set()
        for press in range(3):
            known = len(m.console())
            m.run(f'(n=0; while :; do n=$((n + 1)); for provider in tpm software; do name=k-{press}-$n-$provider\n'
                  'su -s /bin/sh web -c "keyreeve key create $name --provider $provider --type ecc-p256" && echo "acknowledged $name" >/dev/console\n'
                  'su -s /bin/sh web -c "echo x | keyreeve sign ecc" >/dev/null; done; done) >/dev/null 2>&1 &')
            wait_for('keys', lambda: m.console()[known:].count('acknowledged') >= 4 + press, 120)
            m.reset()
            made |= {line.split()[1] for line in m.console().splitlines() if line.startswith('acknowledged k-')}
            m.start()
            listed = m.as_user('keyreeve key list').decode()
            missing = [name for name in made if name not in listed]
            assert made and not missing, (missing, listed)
            for name in KEYS:
                m.signs(name)
            for name in sorted(made):
                m.publics[name] = m.as_user(f'keyreeve key public {name}')
                m.signs(name)
            assert m.handles('persistent') == ['-', STORAGE_KEY]
        print(f'        3 resets, {len(made)} keys made under them', flush=True)


def a_cleared_chip_is_another_one():
    """Whoever clears it ends its keys: no answer is a signature, and the next start says what happened and makes nothing new
    under the old names."""
    with Machine() as m:
        for name, (provider, kind) in KEYS.items():
            m.create(name, provider, kind)
            m.signs(name)
        m.stop()
        m.run('tpm2 clear -T device:/dev/tpmrm0')
        assert m.handles('persistent') == []
        m.start()
        for name in KEYS:
            code, out = m.try_run(f'su -s /bin/sh web -c "keyreeve sign {name} /init"')
            assert code == EXIT_REFUSED_BY_DEVICE, (name, code, out)
        assert 'this is not the TPM that the keys were made in' in m.console()
        assert m.handles('persistent') == []                                # it made itself no other storage key
        for name in KEYS:
            assert name in m.as_user('keyreeve key list').decode()


def sockets_of_a_reload_are_where_landlock_allows_them():
    """This kernel has Landlock: a new listener in a directory of one that was there at the start, and nowhere else."""
    with Machine() as m:
        m.run('mkdir /run/other; chown keyreeve:keyreeve /run/other')

        def listener(path):
            m.run(f"sed -i 's|^listeners:|&\\n  - {{path: {path}, mode: \"0666\", authenticators: [unix-peer]}}|' /etc/keyreeve/keyreeve.yaml")
        listener('/run/keyreeve/second.sock')
        wait_for('the second', lambda: m.try_run('PARSEC_SERVICE_ENDPOINT=unix:/run/keyreeve/second.sock keyreeve ping')[0] == 0, 10)
        listener('/run/other/third.sock')
        wait_for('its refusal', lambda: 'cannot bind /run/other/third.sock' in m.console(), 10)
        assert m.run('ls -A /run/other').strip() == b'' and m.try_run('keyreeve ping')[0] == 0


main([the_kernels_device_serves_through_20_restarts, a_reset_of_machine_and_chip_loses_no_acknowledged_key,
      a_cleared_chip_is_another_one, sockets_of_a_reload_are_where_landlock_allows_them])
