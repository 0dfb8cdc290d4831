#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What wraps the software keys under `wrap: auto`: chosen with the first of them, and then never anew, whatever the
configuration comes to say: without its device the provider is down, and with it it serves."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

DIGEST = b'w' * 32


def start(rig):
    rig.start(wait=False)
    wait_for('the daemon', rig.pings)


def restart(rig, *providers):
    """With these providers, in this order; soft may stay down."""
    rig.stop()
    rig.providers = providers
    start(rig)
    for name in providers:
        if name != 'soft':
            wait_for(name, lambda: rig.provider_up(name), 30)


def serves(rig):
    client = Client(rig.socket)
    wait_for('soft', lambda: status_of(client.sign, SOFT, 'k', DIGEST) == 0, 40)
    verify_outside(client.public(SOFT, 'k'), DIGEST, client.sign(SOFT, 'k', DIGEST))


def is_down(rig):
    """Down for its wrapping key, and for nothing else; nothing is made instead."""
    client = Client(rig.socket)
    wait_for('the line', lambda: [line for line in since_start(rig) if line.get('event') == 'provider-down' and line['provider'] == 'soft'
                                  and 'wrapping key' in line['detail']], 40)
    assert status_of(client.sign, SOFT, 'k', DIGEST) == 1145
    assert status_of(client.generate, SOFT, 'new') == 1145


def since_start(rig):
    lines = rig.audit()
    return lines[max(i for i, line in enumerate(lines) if line.get('event') == 'start'):]


def key_file(rig):
    return rig.path('state', 'soft-soft.key')


def has_key_file(rig):
    return os.path.exists(key_file(rig)) and os.path.getsize(key_file(rig)) > 0


def the_tpm_that_wrapped_the_first_key_is_needed_from_then_on():
    with Rig(providers=('soft', 'hsm', 'tpm')) as rig:          # a TPM comes before a token, wherever it stands
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        serves(rig)
        assert not has_key_file(rig)
        restart(rig, 'soft', 'hsm')                              # another device would be chosen now
        is_down(rig)
        Client(rig.socket).generate(PKCS11, 'h')                 # the others go on
        restart(rig, 'soft')                                     # a file would be
        is_down(rig)
        assert not has_key_file(rig)
        restart(rig, 'hsm', 'soft', 'tpm')
        serves(rig)
        # the device is configured but does not run, then it does
        rig.stop()
        rig.stop_swtpm()
        start(rig)
        is_down(rig)
        rig.start_swtpm()
        serves(rig)


def a_token_or_a_file_that_wrapped_the_first_key_stays_though_a_tpm_comes():
    with Rig(providers=('soft', 'hsm', 'tpm')) as rig:
        rig.providers = ('soft', 'hsm')
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        restart(rig, 'tpm', 'soft', 'hsm')
        serves(rig)
        rig.stop()
        rig.stop_swtpm()                                         # it is not asked
        start(rig)
        serves(rig)
        rig.start_swtpm()
        restart(rig, 'tpm', 'soft')
        is_down(rig)
        restart(rig, 'soft', 'hsm')
        serves(rig)
    with Rig(providers=('soft', 'hsm', 'tpm')) as rig:
        rig.providers = ('soft',)
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        restart(rig, 'tpm', 'soft', 'hsm')
        serves(rig)
        rig.stop()
        os.rename(key_file(rig), key_file(rig) + '.away')
        start(rig)
        is_down(rig)
        rig.stop()
        os.rename(key_file(rig) + '.away', key_file(rig))
        start(rig)
        serves(rig)


def until_the_first_key_each_start_chooses_anew():
    with Rig(providers=('soft', 'tpm')) as rig:
        rig.providers = ('soft',)
        rig.start()                                              # makes a key and destroys it: none is left
        assert has_key_file(rig)
        restart(rig, 'soft', 'tpm')
        client = Client(rig.socket)
        wait_for('soft', lambda: status_of(client.generate, SOFT, 'k') == 0, 40)
        os.unlink(key_file(rig))                                 # nothing lies under it
        os.kill(rig.roles()['soft'], signal.SIGKILL)
        serves(rig)
        restart(rig, 'soft')
        is_down(rig)
        restart(rig, 'soft', 'tpm')
        serves(rig)


main([the_tpm_that_wrapped_the_first_key_is_needed_from_then_on,
      a_token_or_a_file_that_wrapped_the_first_key_stays_though_a_tpm_comes, until_the_first_key_each_start_chooses_anew])
