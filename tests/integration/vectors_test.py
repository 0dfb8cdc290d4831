#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the vector catalogue over the daemon's socket, by its own defaults: what the unit tests ask of the library with the
catalogue's values, and the rows that these defaults decide otherwise (DESIGN decision 5).  Tokens are signed here, by another
library, with a key of a trust domain whose document the test issuer streams."""
import base64, collections, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

DOMAIN = 'vectors.example'
SUB = f'spiffe://{DOMAIN}/ns/a/sa/w'
ABSENT = object()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Key:
    def __init__(self, kid):
        self.kid, self.private = kid, ec.generate_private_key(ec.SECP256R1())
        numbers = self.private.public_key().public_numbers()
        self.jwk = {'kty': 'EC', 'crv': 'P-256', 'kid': kid, 'x': b64(numbers.x.to_bytes(32, 'big')), 'y': b64(numbers.y.to_bytes(32, 'big'))}

    def sign(self, header, payload):
        signing_input = f'{b64(header.encode())}.{b64(payload.encode())}'
        r, s = utils.decode_dss_signature(self.private.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
        return f'{signing_input}.{b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}'


class Raw(str):
    """JSON as it stands."""


def text(members):
    return '{' + ','.join(f'"{k}":{v if isinstance(v, Raw) else json.dumps(v)}' for k, v in members.items() if v is not ABSENT) + '}'


def token(key, header=(), more='', **claims):
    """T() of the catalogue with these members changed; more: further claims as JSON."""
    now = int(time.time())
    claims = {'sub': SUB, 'aud': ['parsec'], 'exp': now + 300, 'iat': now, **claims}
    payload = text(claims)
    return key.sign(text({'alg': 'ES256', 'kid': key.kid, 'typ': 'JWT', **dict(header)}), payload[:-1] + more + '}')


class World:
    def __init__(self):
        self.rig = Rig(providers=('soft',), wrap='file', tenants=(
            f'  - {{match: {{spiffe: "spiffe://{DOMAIN}/ns/{{namespace}}/sa/{{account}}"}}, tenant: "k8s/{{namespace}}", providers: [soft]}}\n'
            '  - {match: {uid: 0}, tenant: uid0, providers: [soft]}\n'))
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer, self.key, self.other = Issuer(self.rig), Key('k1'), Key('k1')
        with open(self.rig.path('document.json'), 'w') as f:
            json.dump({'keys': [self.key.jwk]}, f)
        self.issuer.say('document', f'spiffe://{DOMAIN}', '@' + self.rig.path('document.json'))

    def ask(self, what):
        return Client(self.rig.socket, ('jwt', what)).exchange(26)['status']

    def __enter__(self):
        self.rig.start()
        wait_for('trust', lambda: self.ask(token(self.key)) == 0)
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)


def rows(w):
    """(row, token, the reason in the log, or OK).  Times are of this second."""
    now = int(time.time())
    good = lambda **more: token(w.key, **more)
    head = lambda **more: token(w.key, header=more)
    a, b, c = good().split('.')
    return [
        ('TV-JS-01', good(), 'OK'),
        ('TV-JS-11', f'{a}.{b}', 'JWT_MALFORMED'), ('TV-JS-12', f'{a}.{b}.{c}.x', 'JWT_MALFORMED'), ('TV-JS-18', f'{a}.{b}.{c}==', 'JWT_MALFORMED'),
        ('TV-JS-20', f'{a}.{b}.{c}\n', 'JWT_MALFORMED'), ('TV-JS-23', f'Bearer {a}.{b}.{c}', 'JWT_MALFORMED'),
        ('TV-JS-26', token(w.other), 'JWT_SIGNATURE'),
        ('TV-JH-01', head(typ='JOSE'), 'OK'), ('TV-JH-01', head(typ=ABSENT), 'OK'), ('TV-JH-02', head(typ='jwt'), 'JWT_HEADER'),
        ('TV-JH-03', head(kid=ABSENT), 'OK'), ('TV-JH-06', head(kid='k9'), 'JWT_KEY_UNKNOWN'), ('TV-JH-08', head(kid=''), 'JWT_HEADER'),
        ('TV-JH-14', head(alg='es256'), 'JWT_ALG'), ('TV-JH-16', head(crit=['x'], x=1), 'JWT_HEADER'), ('TV-JH-20', head(jku='https://x'), 'JWT_HEADER'),
        ('TV-JC-01', good(sub=ABSENT), 'JWT_SUBJECT'), ('TV-JC-02', good(sub='spiffe://Vectors.example/w'), 'JWT_SUBJECT'),
        ('TV-JC-05', good(aud=ABSENT), 'JWT_CLAIM'), ('TV-JC-08', good(aud='parsec'), 'OK'), ('TV-JC-09', good(aud=['x', 'parsec']), 'OK'),
        ('TV-JC-10', good(aud=['x']), 'JWT_AUDIENCE'), ('TV-JC-11', good(aud=['Parsec']), 'JWT_AUDIENCE'),
        ('TV-JC-15', good(exp=ABSENT), 'JWT_CLAIM'), ('TV-JC-15', good(exp=str(now + 300)), 'JWT_CLAIM'),
        ('TV-JC-17', good(exp=now - 300, iat=now - 500), 'JWT_EXPIRED'), ('TV-JC-19', good(exp=Raw(f'{now + 300}.5')), 'OK'),
        ('TV-JC-20', good(exp=-1), 'JWT_EXPIRED'), ('TV-JC-22', good(nbf=now + 300), 'JWT_NOT_YET'), ('TV-JC-25', good(nbf=None), 'JWT_CLAIM'),
        ('TV-JC-27', good(iat='x'), 'JWT_CLAIM'), ('TV-JC-29', good(more=f',"sub":"{SUB}x"'), 'JWT_PAYLOAD'),
        ('TV-JC-31', good(iss='x', jti='1', more=',"x":{"y":[1]}'), 'OK'), ('TV-JK-02', good(sub='spiffe://unknown.example/w'), 'JWT_DOMAIN_UNKNOWN'),
        # What the daemon's defaults decide otherwise than the catalogue's values: leeway 10 s, lifetime and age 10 min, a start demanded.
        ('TV-JC-16', good(exp=now - 30, iat=now - 300), 'JWT_EXPIRED'), ('TV-JC-19', good(exp=Raw('2e9')), 'JWT_LIFETIME'),
        ('TV-JC-21', good(exp=Raw(str(1 << 63))), 'JWT_LIFETIME'), ('TV-JC-23', good(nbf=now + 30), 'JWT_NOT_YET'),
        ('TV-JC-26', good(iat=now + 3600, exp=now + 3900), 'JWT_NOT_YET'), ('TV-JC-28', good(iat=ABSENT), 'JWT_CLAIM'),
        # And how far they reach: each bound from both sides, with room for a slow machine.
        ('leeway', good(exp=now - 2, iat=now - 300), 'OK'), ('leeway', good(nbf=now + 8), 'OK'), ('leeway', good(iat=now + 8), 'OK'),
        ('lifetime', good(exp=now + 599, iat=now - 1), 'OK'), ('TV-JC-34', good(exp=now + 600, iat=now - 1), 'JWT_LIFETIME'),
        ('age', good(exp=now + 5, iat=now - 590), 'OK'), ('age', good(exp=now + 100, iat=now - 498), 'OK'),
        ('start', good(iat=ABSENT, nbf=now), 'OK'),
    ]


def rows_of_the_catalogue_by_the_daemons_defaults():
    with World() as w:
        want = collections.Counter()
        for row, what, reason in rows(w):
            status = w.ask(what)
            assert status == (0 if reason == 'OK' else 11), (row, reason, status)
            want[reason] += 1
        time.sleep(1.3)
        seen = collections.Counter()
        for line in w.rig.audit():
            if line.get('op') == 'ListKeys' and line.get('wire') == 11:
                seen[line['status']] += line.get('count', 1)
        want.pop('OK')
        before = {'JWT_DOMAIN_UNKNOWN'}     # while trust was waited for
        assert {k: v for k, v in seen.items() if k not in before} == {k: v for k, v in want.items() if k not in before}, (seen, want)
        assert seen['JWT_DOMAIN_UNKNOWN'] >= want['JWT_DOMAIN_UNKNOWN']


main([rows_of_the_catalogue_by_the_daemons_defaults])
