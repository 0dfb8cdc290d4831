# SPDX-License-Identifier: Apache-2.0
"""An identity provider that is no SPIFFE one, for tests: keys of its own, a JWK Set, and tokens that say whatever a test
wants.  Written on a library of its own, so that it shares nothing with what it tests."""
import base64, json, os, time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b'=').decode()


class Provider:
    def __init__(self, issuer, kid='k1'):
        self.issuer, self.keys = issuer, {}
        self.add(kid)

    def add(self, kid):
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())
        self.active = kid

    def jwks(self, *kids, **more):
        listed = []
        for kid in kids or self.keys:
            numbers = self.keys[kid].public_key().public_numbers()
            listed.append(dict({'kty': 'EC', 'crv': 'P-256', 'kid': kid, 'use': 'sig', 'x': b64(numbers.x.to_bytes(32, 'big')),
                                'y': b64(numbers.y.to_bytes(32, 'big'))}, **more))
        return json.dumps({'keys': listed})

    def token(self, subject='user-4711', audience='parsec', ttl=300, age=0, typ='JWT', key=None, header=None, **claims):
        """claims: None leaves one out."""
        now = int(time.time()) - age
        body = dict({'iss': self.issuer, 'sub': subject, 'aud': audience, 'iat': now, 'exp': now + ttl}, **claims)
        body = {name: value for name, value in body.items() if value is not None}
        head = dict({'alg': 'ES256', 'kid': self.active}, **({'typ': typ} if typ is not None else {}), **(header or {}))
        signed = b64(head) + '.' + b64(body)
        r, s = utils.decode_dss_signature((key or self.keys[self.active]).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + '.' + b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))


def put(path, text, mode=0o644):
    """A file in one step, as a careful operator writes it."""
    with open(path + '.new', 'w') as f:
        f.write(text)
    os.chmod(path + '.new', mode)
    os.rename(path + '.new', path)
