#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that others wrote do the main job: parsec-tool, Parsec's Rust client and its Go client, with Unix peer
credentials and as Direct applications, on all three providers, and are refused with the statuses that Parsec has."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *
from peers import peer, run, steps

ALICE, BOB = 2001, 2002    # accounts with a tenant each
DECRYPT = 'PsaAsymmetricDecrypt'
UNSEEN = 'NotFound'        # parsec-tool looks a key up in its list of keys before it signs
# What the two programs must have done, whatever else they did; each step is in tests/peers/README.md.
LIFE = ['generate', 'generate-again', 'sign', 'verify', 'export-public', 'verify-locally', 'verify-corrupted',
        'verify-other-hash', 'sign-short-hash', 'sign-other-algorithm', 'sign-without-identity', 'list-keys',
        'list-keys-ours', 'destroy', 'destroyed-sign', 'destroyed-verify', 'destroyed-export-public', 'destroyed-destroy']
NEEDED = ['ping', 'list-providers', 'list-providers-ours', 'list-opcodes', 'list-authenticators',
          'missing-key-sign', 'missing-key-verify', 'missing-key-export-public', 'missing-key-destroy',
          *[f'{kind}-{what}' for kind in ('ecc', 'rsa') for what in LIFE], 'random', 'sign-message', 'sign-message-verify']


def endpoint(path):
    return {'PARSEC_SERVICE_ENDPOINT': f'unix:{path}'}


def walk(name):
    """One of the two step-by-step programs, with every provider, as an account's peer and as an application."""
    program = peer(name, name)
    with Rig() as rig:
        rig.start()
        done = 0
        for provider in PROVIDERS.values():
            arguments = [program, '--provider', provider, '--auth']
            done += steps(run(arguments + ['unix'], ALICE, endpoint(rig.socket)), NEEDED)
            direct = run(arguments + ['direct:app', '--other', 'another'], None, endpoint(rig.direct_socket))
            done += steps(direct, NEEDED + ['ecc-sign-as-other', 'rsa-sign-as-other'])
            others_are_asked(direct)
        print(f'        {name}: {done} steps', flush=True)
        assert Client(rig.socket).keys() == [] and 'Private Key Object' not in rig.token_objects()
        accounted_for(rig, {('unix-peer', str(ALICE)), ('direct', 'app'), ('direct', 'another')})


def others_are_asked(result):
    """Both other providers refused our key."""
    for kind in ('ecc', 'rsa'):
        asked = [line for line in result.stdout.splitlines() if line.startswith(f'ok {kind}-sign-with-provider-')]
        assert len(asked) == 2, (kind, asked)


def accounted_for(rig, expected):
    """The audit names who made each key."""
    made = [line for line in rig.audit() if line.get('op') == 'PsaGenerateKey' and line.get('key', '.')[0] != '.']
    who = {(line['authn'], line['identity']) for line in made if line['wire'] == 0}
    assert who and who <= expected, who
    assert {line['wire'] for line in made} >= {0, 1139}, made


def the_rust_client_lives_on_every_provider():
    walk('rust-client')


def the_go_client_lives_on_every_provider():
    walk('go-client')


class Tool:
    """parsec-tool on one socket with one provider."""

    def __init__(self, path, provider, uid=None):
        self.program, self.path, self.provider, self.uid = peer('parsec-tool', 'parsec-tool'), path, provider, uid

    def run(self, *arguments):
        return run([self.program, '-p', self.provider, *arguments], self.uid, endpoint(self.path))

    def say(self, *arguments):
        result = self.run(*arguments)
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout

    def refused(self, status, *arguments):
        result = self.run(*arguments)
        assert result.returncode == 1 and f'({status}))' in result.stderr, (status, arguments, result.stderr)


def openssl_verifies(rig, public, message, signature):
    with open(rig.path('public.pem'), 'w') as f:
        f.write(public)
    with open(rig.path('signature'), 'wb') as f:
        f.write(base64.b64decode(signature))
    return run(['openssl', 'dgst', '-sha256', '-verify', rig.path('public.pem'), '-signature', rig.path('signature')],
               data=message).returncode == 0


def tool_life(rig, tool, others, stranger):
    """Ping, lists, and the life of a signing key of each type, for one identity on one provider."""
    assert tool.say('ping').strip() == '1.0'
    for provider in PROVIDERS.values():
        assert f'ID: 0x{provider:02x} ' in tool.say('list-providers')
    assert 'ID: 0x0' in tool.say('list-authenticators')
    opcodes = tool.say('list-opcodes')
    assert 'PsaSignHash' in opcodes and 'PsaGenerateKey' in opcodes, opcodes
    assert len(tool.say('generate-random', '--nbytes', '16').split()) == 16
    for name, create in (('ec', ['create-ecc-key']), ('rsa', ['create-rsa-key', '--for-signing'])):
        create += ['--key-name', name]
        tool.say(*create)
        tool.refused('PsaErrorAlreadyExists', *create)
        assert f'* {name} ({provider_name(tool)}, ' in tool.say('list-keys')
        public = tool.say('export-public-key', '--key-name', name)
        signature = tool.say('sign', 'a message', '--key-name', name)
        assert openssl_verifies(rig, public, 'a message', signature)
        assert not openssl_verifies(rig, public, 'another', signature)
        signing_request(rig, tool, name)
        for other in others:
            other.refused('PsaErrorDoesNotExist', 'sign', 'a message', '--key-name', name)
        if stranger:
            assert f'* {name} ' not in stranger.say('list-keys')
            stranger.refused(UNSEEN, 'sign', 'a message', '--key-name', name)
            stranger.refused('PsaErrorDoesNotExist', 'delete-key', '--key-name', name)
        tool.say('delete-key', '--key-name', name)
        tool.refused(UNSEEN, 'sign', 'a message', '--key-name', name)
        for gone in ('export-public-key', 'delete-key'):
            tool.refused('PsaErrorDoesNotExist', gone, '--key-name', name)
        assert f'* {name} ' not in tool.say('list-keys')
    tool.refused('AdminOperation', 'list-clients')
    if DECRYPT not in opcodes:    # its default kind of RSA key
        tool.refused('PsaErrorNotSupported', 'create-rsa-key', '--key-name', 'crypt')


def provider_name(tool):
    return {SOFT: 'Mbed Crypto provider', PKCS11: 'PKCS #11 provider', TPM: 'TPM provider'}[tool.provider]


def signing_request(rig, tool, name):
    """openssl accepts the certificate request's own signature and finds the name in it."""
    with open(rig.path('request.pem'), 'w') as f:
        f.write(tool.say('create-csr', '--cn', 'peer.example', '--key-name', name))
    told = run(['openssl', 'req', '-verify', '-noout', '-subject', '-in', rig.path('request.pem')])
    assert told.returncode == 0 and 'verify OK' in told.stderr and 'CN = peer.example' in told.stdout, told


def parsec_tool_lives_on_every_provider():
    with Rig() as rig:
        rig.start()
        for path, uid, stranger in ((rig.socket, ALICE, BOB), (rig.direct_socket, None, None)):
            for provider in PROVIDERS.values():
                others = [Tool(path, other, uid) for other in PROVIDERS.values() if other != provider]
                tool_life(rig, Tool(path, provider, uid), others, stranger and Tool(path, provider, stranger))
        accounted_for(rig, {('unix-peer', str(ALICE)), ('direct', 'parsec-tool')})


def parsec_tool_administers_on_the_socket_for_that():
    """A token's and a TPM's keys go with their owner, by the tool's own command."""
    with Rig() as rig:
        rig.start()
        for provider in PROVIDERS.values():
            Tool(rig.socket, provider, ALICE).say('create-ecc-key', '--key-name', f'k{provider}')
        admin = Tool(rig.admin_socket, SOFT)
        assert f'unix:{ALICE}' in admin.say('list-clients')
        admin.say('delete-client', '--client', f'unix:{ALICE}')
        assert f'unix:{ALICE}' not in admin.say('list-clients')
        for provider in PROVIDERS.values():
            Tool(rig.socket, provider, ALICE).refused(UNSEEN, 'sign', 'x', '--key-name', f'k{provider}')
        assert 'Private Key Object' not in rig.token_objects()


def the_authors_script(rig, complete):
    """Their script, or, while the service does not list asymmetric decryption, the script without the two parts that
    make RSA keys for it: its options leave out encryption, and the calls of test_rsa_key_bits, which has none, go."""
    text = open(peer('parsec-tool', 'parsec-cli-tests.sh')).read()
    if not complete:
        calls = '    test_rsa_key_bits\n    test_rsa_key_bits 1024\n'
        assert text.count(calls) == 1, 'another script than the one that was read'
        text = text.replace(calls, '')
    with open(rig.path('parsec-cli-tests.sh'), 'w') as f:
        f.write(text)
    return ['sh', rig.path('parsec-cli-tests.sh')] + ([] if complete else ['--no-oaep', '--no-v1.5'])


def the_script_of_parsec_tools_authors_passes():
    with Rig() as rig:
        rig.start()
        for path in (rig.socket, rig.direct_socket):
            for provider in PROVIDERS.values():
                tool = Tool(path, provider)
                arguments = the_authors_script(rig, DECRYPT in tool.say('list-opcodes')) + [f'-{provider}']
                result = run(arguments, None, dict(endpoint(path), PARSEC_TOOL=tool.program))
                assert result.returncode == 0, (provider, result.stdout[-2000:], result.stderr[-2000:])
                assert result.stdout.count('Verified OK') == 2, result.stdout
                assert result.stderr.count('self-signature verify OK') == 2, result.stderr
                assert 'Error' not in result.stdout, result.stdout


def a_client_without_a_tenant_is_refused():
    """A program fails whole: one account has no tenant, an application's name is no name, and Direct is not taken
    where peers are known."""
    with Rig() as rig:
        rig.start()
        nobody = Tool(rig.socket, SOFT, 2999)
        assert nobody.say('ping').strip() == '1.0'
        nobody.refused('AuthenticationError', 'create-ecc-key', '--key-name', 'k')
        for name in ('rust-client', 'go-client'):
            stranger = run([peer(name, name), '--only', 'ecc'], 2999, endpoint(rig.socket))
            assert stranger.returncode == 1 and 'FAIL ecc-generate' in stranger.stdout, stranger.stdout
            assert 'ok ping' in stranger.stdout and 'ok ecc-' not in stranger.stdout, stranger.stdout
            direct = run([peer(name, name), '--only', 'ecc', '--auth', 'direct:app'], ALICE, endpoint(rig.socket))
            assert direct.returncode == 1 and 'ok ecc-' not in direct.stdout, direct.stdout
        assert not [line for line in rig.audit() if line.get('op') == 'PsaGenerateKey' and line['wire'] == 0 and
                    line['key'] != '.rig']


main([the_rust_client_lives_on_every_provider, the_go_client_lives_on_every_provider, parsec_tool_lives_on_every_provider,
      parsec_tool_administers_on_the_socket_for_that, the_script_of_parsec_tools_authors_passes,
      a_client_without_a_tenant_is_refused])
