#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second PKCS #11 implementation: NSS's softoken, which wants its arguments at C_Initialize and so is reached through
p11-kit's proxy module, as its users do.  The main job, and what differs from SoftHSM2 (docs/operations.md)."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

LIBRARIES = '/usr/lib/x86_64-linux-gnu'
PROXY, SOFTOKEN = os.path.realpath(f'{LIBRARIES}/p11-kit-proxy.so'), f'{LIBRARIES}/libsoftokn3.so'
DIGEST = b'n' * 32
KINDS = (('p256', 'ecc', 256, 'ecdsa'), ('p384', 'ecc', 384, 'ecdsa'), ('rsa', 'rsa', 2048, 'pkcs1'), ('pss', 'rsa', 3072, 'pss'))


class NssRig(Rig):
    def __init__(self, **options):
        super().__init__(providers=('soft', 'hsm'), module=PROXY, **options)
        self.options['hsm_env'] = f', XDG_CONFIG_HOME: {self.path("xdg")}'
        os.makedirs(self.path('xdg', 'pkcs11', 'modules'))
        with open(self.path('xdg', 'pkcs11', 'pkcs11.conf'), 'w') as f:
            f.write('user-config: only\n')
        with open(self.path('xdg', 'pkcs11', 'modules', 'nss.module'), 'w') as f:
            f.write(f"module: {SOFTOKEN}\ncritical: yes\n"
                    f"x-init-reserved: configdir='sql:{self.path('nss')}' dbTokenDescription='rig'\n")
        os.mkdir(self.path('nss'), 0o700)
        os.chown(self.path('nss'), self.user.pw_uid, self.user.pw_gid)
        subprocess.run(['certutil', '-N', '-d', f'sql:{self.path("nss")}', '-f', self.path('pin')], check=True, preexec_fn=self.as_user)

    def tool(self, *arguments):
        return subprocess.run(['pkcs11-tool', '--module', PROXY, '--token-label', 'rig', '--login', '--pin', PIN, *arguments],
                              env={'XDG_CONFIG_HOME': self.path('xdg'), 'PATH': os.environ['PATH']}, capture_output=True, text=True,
                              preexec_fn=self.as_user).stdout


def uses(client, alg, name, kind, bits):
    signature = client.sign(PKCS11, name, DIGEST, sign_alg(alg))
    public = client.public(PKCS11, name)
    verify_outside(public, DIGEST, signature, kind, alg, bits)
    client.verify(PKCS11, name, DIGEST, signature, sign_alg(alg))


def the_main_job_on_another_module():
    with NssRig(wrap='hsm') as rig:
        rig.start()
        assert 'provider hsm: NSS 3, token rig' in rig.tail(100), rig.tail()
        client, other = Client(rig.socket), Client(rig.direct_socket, ('direct', 'b'))
        for name, kind, bits, alg in KINDS:
            client.generate(PKCS11, name, attributes(kind, bits, sign_alg(alg)))
            uses(client, alg, name, kind, bits)
            assert status_of(other.sign, PKCS11, name, DIGEST, sign_alg(alg)) == 1140
        client.generate(SOFT, 's')                                 # under a key that the token wraps
        rig.stop()
        # another program sees them: private, never to leave the token
        objects = rig.tool('-O')
        assert objects.count('Private Key Object') == len(KINDS), objects
        assert objects.count('sensitive, always sensitive, never extractable') == len(KINDS) + 1, objects   # and the wrapping key
        rig.start()
        for name, kind, bits, alg in KINDS:
            uses(client, alg, name, kind, bits)
            assert status_of(client.generate, PKCS11, name) == 1139
        client.sign(SOFT, 's', DIGEST)
        os.kill(rig.roles()['p11'], signal.SIGKILL)                # a worker that dies leaves nothing locked
        wait_for('the token', lambda: status_of(client.sign, PKCS11, 'p256', DIGEST) == 0, 20)
        for name, *_ in KINDS:
            client.destroy(PKCS11, name)
            assert status_of(client.public, PKCS11, name) == 1140
        rig.stop()
        assert 'Private Key Object' not in rig.tool('-O'), rig.tool('-O')


def a_wrong_pin_is_tried_once():
    with NssRig(wrap='file') as rig:
        rig.write_pin('wrong-pin')
        rig.start(wait=False)
        wait_for('the line', lambda: rig.pings() and [line for line in rig.audit() if line.get('event') == 'provider-down'
                                                      and line['provider'] == 'hsm' and 'PIN' in line['detail']])
        client = Client(rig.socket)
        assert status_of(client.generate, PKCS11, 'k') == 1145
        client.generate(SOFT, 's')
        rig.stop()
        rig.start(wait=False)
        wait_for('the line', lambda: 'PIN_TRIED' in rig.tail(200))
        rig.stop()
        rig.write_pin(PIN)
        rig.start()
        client.generate(PKCS11, 'k')
        uses(client, 'ecdsa', 'k', 'ecc', 256)


main([the_main_job_on_another_module, a_wrong_pin_is_tried_once])
