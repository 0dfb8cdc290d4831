#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job over the socket: keys on a TPM, a PKCS#11 token and in software, used, listed, destroyed, kept over
restarts, and out of reach for other tenants.  Every signature is checked by an implementation that is not ours."""
import hashlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

KINDS = [('ecc', 256, 'ecdsa', SHA256), ('ecc', 384, 'ecdsa', SHA384), ('rsa', 2048, 'pkcs1', SHA256),
         ('rsa', 2048, 'pss', SHA256), ('rsa', 3072, 'pkcs1', SHA384)]
HASH = {SHA256: hashlib.sha256, SHA384: hashlib.sha384, SHA512: hashlib.sha512}


def as_uid(uid, function):
    """Run in a child that is uid; its exception's text or None comes back."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            function()
            os.write(w, b'ok')
        except BaseException as e:
            os.write(w, f'{type(e).__name__}: {e}'.encode()[:4000])
        os._exit(0)
    os.close(w)
    said = b''
    while part := os.read(r, 4096):
        said += part
    os.close(r)
    os.waitpid(pid, 0)
    assert said == b'ok', said.decode()


def every_provider_makes_signs_and_destroys_every_kind_of_key():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        for name, provider in PROVIDERS.items():
            for kind, bits, alg_name, hash_alg in KINDS:
                alg = sign_alg(alg_name, hash_alg)
                key = f'{kind}{bits}-{alg_name}'
                digest = HASH[hash_alg](b'message').digest()
                client.generate(provider, key, attributes(kind, bits, alg))
                assert (key, provider) in client.keys()
                public = client.public(provider, key)
                signature = client.sign(provider, key, digest, alg)
                verify_outside(public, digest, signature, kind, alg_name, bits)
                client.verify(provider, key, digest, signature, alg)
                wrong = bytes([signature[0] ^ 1]) + signature[1:]
                assert status_of(client.verify, provider, key, digest, wrong, alg) == 1149
                signature = client.sign_message(provider, key, b'message', alg)
                verify_outside(public, digest, signature, kind, alg_name, bits)
                client.verify_message(provider, key, b'message', signature, alg)
                assert status_of(client.sign, provider, key, digest[:-1], alg) == 1135
                assert status_of(client.generate, provider, key, attributes(kind, bits, alg)) == 1139
                client.destroy(provider, key)
                assert status_of(client.sign, provider, key, digest, alg) == 1140
                assert status_of(client.destroy, provider, key) == 1140
            print(f'        {name}: {len(KINDS)} kinds of keys', flush=True)
        assert client.keys() == []
        objects = rig.token_objects()
        assert 'Private Key Object' not in objects and 'Public Key Object' not in objects, objects


def keys_survive_a_restart_and_a_power_cut():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        digest = hashlib.sha256(b'x').digest()
        for provider in PROVIDERS.values():
            client.generate(provider, f'k{provider}')
        public = {p: client.public(p, f'k{p}') for p in PROVIDERS.values()}
        for how in (rig.stop, rig.kill):
            how()
            rig.start()
            for p in PROVIDERS.values():
                assert client.public(p, f'k{p}') == public[p]
                verify_outside(public[p], digest, client.sign(p, f'k{p}', digest))


def tenants_do_not_see_each_other():
    """B makes the same name, gets another key, uses it before and after; what it learns of A's equals what a name that
    nobody has teaches."""
    with Rig() as rig:
        rig.start()
        digest = hashlib.sha256(b'x').digest()
        mine = {}

        def make_a():
            for p in PROVIDERS.values():
                Client(rig.socket).generate(p, f'a{p}')

        def attack():
            b = Client(rig.socket)
            assert b.keys() == [], b.keys()
            for p in PROVIDERS.values():
                for op, body in ((3, pb((1, '{}'))), (4, pb((1, '{}'), (2, sign_alg('ecdsa')), (3, digest))),
                                 (5, pb((1, '{}'), (2, sign_alg('ecdsa')), (3, digest), (4, b's' * 64))), (7, pb((1, '{}')))):
                    frames = []
                    for name in (f'a{p}', f'n{p}'):  # A's, and nobody's
                        answer = b.raw(frame(op, body.replace(b'{}', name.encode()), p, 3, struct.pack('<I', 2002)))
                        frames.append(answer)
                    assert frames[0] == frames[1] and parse(frames[0])['status'] == 1140, (op, frames)
                b.generate(p, f'a{p}')
                verify_outside(b.public(p, f'a{p}'), digest, b.sign(p, f'a{p}', digest))
                b.destroy(p, f'a{p}')

        def still_there():
            a = Client(rig.socket)
            assert sorted(a.keys()) == sorted((f'a{p}', p) for p in PROVIDERS.values())
            for p in PROVIDERS.values():
                verify_outside(a.public(p, f'a{p}'), digest, a.sign(p, f'a{p}', digest))

        as_uid(2001, make_a)
        as_uid(2002, attack)
        as_uid(2001, still_there)
        # The audit class of A's name and of nobody's is the same, too.
        lines = [line for line in rig.audit() if line.get('identity') == '2002' and line.get('wire') == 1140]
        per = {}
        for line in lines:
            per.setdefault((line['op'], line['provider'], line['key'][0]), set()).add(
                (line['status'], line.get('decision'), line.get('rule')))
        for (op, provider, first), seen in per.items():
            assert seen == per[(op, provider, 'n' if first == 'a' else 'a')], per


def a_key_is_reached_through_its_own_provider_only():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        for other in (TPM, PKCS11):
            assert status_of(client.sign, other, 'k', b'h' * 32) == 1140
            assert status_of(client.generate, other, 'k') == 1139


def administrators_list_and_delete_clients_on_their_own_socket():
    with Rig() as rig:
        rig.start()

        def make():
            for p in PROVIDERS.values():
                Client(rig.socket).generate(p, f'k{p}')

        as_uid(2001, make)
        admin = Client(rig.admin_socket)
        assert [v for n, v in unpb(admin.call(27))] == [b'unix:2001']
        assert status_of(Client(rig.socket).call, 27) == 21
        assert status_of(Client(rig.socket, None).call, 27) == 19
        admin.call(28, pb((1, 'unix:2001')))
        assert unpb(admin.call(27)) == []
        admin.call(28, pb((1, 'unix:2001')))  # unknown: success
        assert 'Private Key Object' not in rig.token_objects()
        destroyed = [line for line in rig.audit() if line.get('event') == 'client-deleted']
        assert len(destroyed) == 3, destroyed


main([every_provider_makes_signs_and_destroys_every_kind_of_key, keys_survive_a_restart_and_a_power_cut,
      tenants_do_not_see_each_other, a_key_is_reached_through_its_own_provider_only,
      administrators_list_and_delete_clients_on_their_own_socket])
