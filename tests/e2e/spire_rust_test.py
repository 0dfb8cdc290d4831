#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Parsec's Rust client with its JWT-SVID feature, unchanged: tokens from a real SPIRE agent, one for each request."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *
from peers import peer, run, steps
from spire import *

LIFE = ['generate', 'generate-again', 'sign', 'verify', 'export-public', 'verify-locally', 'verify-corrupted',
        'verify-other-hash', 'sign-short-hash', 'sign-other-algorithm', 'sign-without-identity',
        'list-keys-ours', 'destroy', 'destroyed-sign']
NEEDED = ['ping', 'list-providers-ours', 'missing-key-sign', 'random', 'sign-message',
          *[f'{kind}-{what}' for kind in ('ecc', 'rsa') for what in LIFE]]


def client(s, uid, *arguments):
    env = {'PARSEC_SERVICE_ENDPOINT': f'unix:{s.rig.socket}', 'SPIFFE_ENDPOINT_SOCKET': f'unix://{s.spire.socket}'}
    return run([peer('rust-client-spiffe', 'rust-client'), '--auth', 'spiffe', *arguments], uid, env)


def the_rust_client_lives_on_every_provider_with_tokens():
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        done = 0
        for provider in PROVIDERS.values():
            for uid in (WEB_UID, DB_UID):
                done += steps(client(s, uid, '--provider', provider), NEEDED)
        print(f'        {done} steps', flush=True)
        made = [line for line in s.rig.audit() if line.get('op') == 'PsaGenerateKey' and line['wire'] == 0]
        made = [line for line in made if line['key'] != '.rig']
        assert {(line['authn'], line['identity'], line['tenant']) for line in made} == {
            ('jwt-svid', WEB, 'k8s/a'), ('jwt-svid', DB, 'k8s/b')}, made
        assert {line['token']['kid'] for line in made} <= s.spire.published()
        assert s.spire.calls('ValidateJWTSVID') == []
        assert len(s.spire.calls('FetchJWTSVID')) > 100


def the_rust_clients_token_that_lives_too_long_is_refused():
    with Setup() as s:
        s.spire.register(LONG, LONG_UID, 1200)
        result = client(s, LONG_UID, '--only', 'ecc')
        assert result.returncode == 1 and 'FAIL ecc-generate: Service(AuthenticationError)' in result.stdout, result.stdout
        assert 'ok ping' in result.stdout and 'ok ecc-' not in result.stdout, result.stdout
        wait_for('its line in the audit', lambda: s.refusals('JWT_LIFETIME'), 3)


limit(280)
main([the_rust_client_lives_on_every_provider_with_tokens, the_rust_clients_token_that_lives_too_long_is_refused])
