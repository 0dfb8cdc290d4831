#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger about what a token may be, one function each; tests/ledger.tsv names them."""
import hashlib, hmac, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from provider import b64, put
from rig import *
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LIST_KEYS = 26
SVID = 'spiffe://rig.example/ns/a/sa/w'
HASHES = {'256': hashes.SHA256, '384': hashes.SHA384, '512': hashes.SHA512}
CURVES = {'P-256': ec.SECP256R1, 'P-384': ec.SECP384R1, 'P-521': ec.SECP521R1, 'secp256k1': ec.SECP256K1, 'P-224': ec.SECP224R1}
ECDSA = {'ES256': 'P-256', 'ES384': 'P-384', 'ES512': 'P-521'}
RSA = [name + bits for name in ('RS', 'PS') for bits in HASHES]


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, 'big'))


class Pair:
    """A key of any kind, its JWK, and what it signs under any name of an algorithm."""

    def __init__(self, kid, key):
        self.kid, self.key = kid, key

    def jwk(self):
        mine = {'kid': self.kid, 'use': 'jwt-svid'}
        if isinstance(self.key, bytes):
            return dict(mine, kty='oct', k=b64(self.key))
        public = self.key.public_key()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return dict(mine, kty='RSA', n=number(public.public_numbers().n), e=number(public.public_numbers().e))
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return dict(mine, kty='OKP', crv='Ed25519', x=b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw)))
        size = (self.key.curve.key_size + 7) // 8
        crv = next(name for name, curve in CURVES.items() if curve.name == self.key.curve.name)
        return dict(mine, kty='EC', crv=crv, x=number(public.public_numbers().x, size), y=number(public.public_numbers().y, size))

    def signature(self, alg, signed):
        if alg.lower() == 'none':
            return b''
        digest = HASHES.get(alg[-3:], hashes.SHA256)()
        if isinstance(self.key, bytes):
            return hmac.digest(self.key, signed, 'sha' + alg[-3:])
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(signed)
        if isinstance(self.key, rsa.RSAPrivateKey):
            if alg.startswith('HS'):                                 # the public key as if it were a shared secret
                return hmac.digest(json.dumps(self.jwk()).encode(), signed, 'sha' + alg[-3:])
            if alg.upper().startswith('PS'):
                return self.key.sign(signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
            return self.key.sign(signed, padding.PKCS1v15(), digest)
        size = (self.key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(digest)))
        return r.to_bytes(size, 'big') + s.to_bytes(size, 'big')

    def token(self, alg, audience=('parsec',), subject=SVID):
        now = int(time.time())
        signed = b64({'alg': alg, 'kid': self.kid, 'typ': 'JWT'}) + '.' + b64({'sub': subject, 'aud': audience, 'iat': now, 'exp': now + 300})
        return signed + '.' + b64(self.signature(alg, signed.encode()))


def with_bundle(pairs, **options):
    """A daemon that has these keys of its trust domain from a file."""
    rig = Rig(providers=('soft',), wrap='file', spiffe='/nonexistent/agent.sock', **options)
    put(rig.path('bundle.json'), json.dumps({'keys': [pair.jwk() for pair in pairs]}))
    plain = rig.write_config

    def write_config():
        plain()
        text = open(rig.path('keyreeve.yaml')).read()
        assert 'validation: local}' in text
        open(rig.path('keyreeve.yaml'), 'w').write(text.replace(
            'validation: local}', f'validation: local, bundles: [{{trust_domain: rig.example, file: {rig.path("bundle.json")}}}]}}'))
    rig.write_config = write_config
    return rig


def ask(rig, token):
    return Client(rig.socket, ('jwt', token)).exchange(LIST_KEYS)['status']


def every_algorithm_and_key_size_is_accepted_or_refused():
    """M-2; and who tries one after the other is boxed."""
    rsas = {bits: Pair(f'rsa-{bits}', rsa.generate_private_key(65537, bits)) for bits in (1024, 2040, 2048, 3072, 4096, 4104)}
    curves = {name: Pair(f'ec-{name}', ec.generate_private_key(curve())) for name, curve in CURVES.items()}
    oct_key, edwards = Pair('oct', os.urandom(64)), Pair('ed', ed25519.Ed25519PrivateKey.generate())
    good = [(rsas[bits], alg) for bits in (2048, 3072, 4096) for alg in RSA] + [(curves[crv], alg) for alg, crv in ECDSA.items()]
    bad = [(rsas[bits], alg) for bits in (1024, 2040, 4104) for alg in RSA if (bits, alg) != (1024, 'PS512')]     # which has no room
    bad += [(pair, alg) for crv, pair in curves.items() for alg in ECDSA if ECDSA[alg] != crv]           # another curve than it says
    bad += [(curves['secp256k1'], 'ES256K'), (edwards, 'EdDSA'), (edwards, 'Ed25519')]
    bad += [(oct_key, alg) for alg in ('HS256', 'HS384', 'HS512')] + [(rsas[2048], alg) for alg in ('HS256', 'HS384', 'HS512')]
    bad += [(pair, alg) for pair in (rsas[2048], curves['P-256']) for alg in ('none', 'None', 'NONE', '', 'RS1', 'rs256', 'es256')]
    bad += [(curves['P-256'], alg) for alg in RSA] + [(rsas[2048], alg) for alg in ECDSA]
    everyone = [*rsas.values(), *curves.values(), oct_key, edwards]
    with with_bundle(everyone) as rig:
        rig.start()
        wait_for('trust', lambda: ask(rig, curves['P-256'].token('ES256')) == 0)
        assert len(good) == 21 and [(pair.kid, alg) for pair, alg in good if ask(rig, pair.token(alg)) != 0] == []
        assert [(pair.kid, alg) for pair, alg in bad if ask(rig, pair.token(alg)) != 11] == []
    with with_bundle(everyone, failures=None) as rig:
        rig.start()
        wait_for('trust', lambda: ask(rig, curves['P-256'].token('ES256')) == 0)
        guesser = os.fork()
        if guesser == 0:
            os._exit(guess(rig, curves['P-256']))
        assert os.waitstatus_to_exitcode(os.waitpid(guesser, 0)[1]) == 0
        assert [line['detail'] for line in rig.audit() if line.get('event') == 'penalty'][0] == 'boxed for 1 s'
        assert ask(rig, curves['P-256'].token('ES256')) == 0            # its neighbour, of the same account, is not


def guess(rig, honest):
    """In a process of its own; 0: after at most ten guesses even a good token gets no answer at once."""
    for _ in range(10):
        if ask(rig, honest.token('ES256').rsplit('.', 1)[0] + '.' + b64(os.urandom(64))) not in (11, 1141):
            return 1
    began = time.monotonic()
    status = ask(rig, honest.token('ES256'))
    return 0 if status == 1141 or time.monotonic() - began > 0.3 else 2


def a_token_for_others_too_is_refused_where_the_tenant_says_so():
    """N-15; DOC-18 says of the default that others share it."""
    pair = Pair('k', ec.generate_private_key(ec.SECP256R1()))
    alone = SVID.replace('/ns/a/', '/ns/alone/')
    tenants = f'  - {{match: {{spiffe: "{alone}"}}, tenant: alone, token: {{single_audience: true}}}}\n  - {{match: {{spiffe: "{SVID}"}}, tenant: a}}\n'
    both, wrong = ('other-service', 'parsec'), ('Parsec', 'parsec ', 'parse', 'parsecs', 'parsec/x', 'spiffe://parsec', 'other-service', '')
    with with_bundle([pair], tenants=tenants + '  - {match: {uid: 0}, tenant: uid0}\n') as rig:
        rig.start()
        wait_for('trust', lambda: ask(rig, pair.token('ES256')) == 0)
        assert 'DOC-18 warns: spiffe.audience is parsec' in rig.tail(400)
        for audience in (both, both[::-1], ('parsec', 'parsec')):
            assert ask(rig, pair.token('ES256', audience)) == 0, audience
            assert ask(rig, pair.token('ES256', audience, alone)) == 11, audience
        for audience in (('parsec',), 'parsec'):
            assert ask(rig, pair.token('ES256', audience)) == 0 and ask(rig, pair.token('ES256', audience, alone)) == 0
        for subject in (SVID, alone):
            for audience in [*wrong, *([one] for one in wrong), list(wrong[:-1]), []]:
                assert ask(rig, pair.token('ES256', audience, subject)) == 11, (audience, subject)
        refused = [line for line in rig.audit() if line.get('identity') == alone and line.get('status') == 'TENANT_TOKEN']
        assert len(refused) == 3 and {line['rule'] for line in refused} == {'tenants[0].token'}, refused


main([a_token_for_others_too_is_refused_where_the_tenant_says_so, every_algorithm_and_key_size_is_accepted_or_refused])
