#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The four deployment configurations of the threat model at once on one daemon: JWTS, GNRC, DSPC and DRCT, each with its own
namespaces, on listeners as strict wants them."""
import hashlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from provider import *
from rig import *

IDP = 'https://idp.example'
SVID = 'spiffe://rig.example/ns/a/sa/w'
DIGEST = hashlib.sha256(b'x').digest()
# One tenant's name for all, so that only the authenticator keeps them apart; and each shares its keys, which is more than the
# default lets them.
TENANTS = f'''  - {{match: {{spiffe: "spiffe://rig.example/**"}}, tenant: one, namespace: NAMESPACE}}
  - {{match: {{issuer: "{IDP}", subject: "**"}}, tenant: one, namespace: NAMESPACE}}
  - {{match: {{uid: 0}}, tenant: one, namespace: NAMESPACE}}
  - {{match: {{direct: "**"}}, tenant: one, namespace: NAMESPACE}}
'''


class Four:
    def __init__(self, namespace='identity'):
        self.idp = Provider(IDP)
        self.rig = Rig(providers=('soft',), wrap='file', tenants=TENANTS.replace('NAMESPACE', namespace),
                       authenticators='[jwt-svid, jwt, unix-peer]')
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        os.mkdir(self.rig.path('jwks'), 0o755)
        put(self.rig.path('jwks', 'idp.json'), self.idp.jwks())
        self.rig.options['more'] = (f'issuers:\n  - {{issuer: "{IDP}", audiences: parsec, '
                                    f'jwks_file: {self.rig.path("jwks", "idp.json")}}}\n')
        self.issuer = Issuer(self.rig)

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('trust', lambda: all(status_of(client.keys) == 0 for client in self.clients().values()))
        except BaseException:
            self.rig.__exit__(RuntimeError, None, None)
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def clients(self, subject='ns/a/sa/w', name='ns/a/sa/w'):
        """A client of each configuration; subject and claimed name read like the path of the SPIFFE ID."""
        return {'JWTS': Client(self.rig.socket, ('jwt', lambda: self.issuer.token(SVID))),
                'GNRC': Client(self.rig.socket, ('issued', lambda: self.idp.token(subject))),
                'DSPC': Client(self.rig.socket),
                'DRCT': Client(self.rig.direct_socket, ('direct', name))}


def one_name_under_four_configurations_is_four_keys():
    for namespace in ('identity', 'tenant'):
        with Four(namespace) as four:
            clients = four.clients()
            public = {}
            for kind, client in clients.items():
                assert client.keys() == [], (namespace, kind)
                assert status_of(client.sign, SOFT, 'k', DIGEST) == 1140
                client.generate(SOFT, 'k')
                public[kind] = client.public(SOFT, 'k')
                assert client.keys() == [('k', SOFT)]
            assert len(set(public.values())) == 4, namespace
            for kind, client in clients.items():
                verify_outside(public[kind], DIGEST, client.sign(SOFT, 'k', DIGEST))
            clients['GNRC'].destroy(SOFT, 'k')
            assert clients['GNRC'].keys() == []
            for kind in ('JWTS', 'DSPC', 'DRCT'):
                verify_outside(public[kind], DIGEST, clients[kind].sign(SOFT, 'k', DIGEST))
            seen = {line['authn'] for line in four.rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0}
            assert seen == {'jwt-svid', 'jwt', 'unix-peer', 'direct'}, seen


def a_name_that_reads_like_anothers_identity_reaches_nothing():
    with Four() as four:
        clients = four.clients()
        for kind, client in clients.items():
            client.generate(SOFT, f'of-{kind}')
        for kind, client in clients.items():
            assert client.keys() == [(f'of-{kind}', SOFT)], kind
            for other in clients:
                assert (status_of(client.sign, SOFT, f'of-{other}', DIGEST) == 0) == (other == kind), (kind, other)
        # the uid's text, a printed form, an issuer's subject: as a claimed name and as a subject
        for text in ('0', 'unix:0', 'tenant:one', 'rig.example/ns/a/sa/w', 'direct:ns/a/sa/w'):
            assert Client(four.rig.direct_socket, ('direct', text)).keys() == []
            assert Client(four.rig.socket, ('issued', four.idp.token(text))).keys() == []
        for text in (SVID, f'jwt-svid:{SVID}', f'jwt:{IDP} ns/a/sa/w'):   # an empty segment is nobody's
            assert status_of(Client(four.rig.direct_socket, ('direct', text)).keys) == 11
            assert status_of(Client(four.rig.socket, ('issued', four.idp.token(text))).keys) == 11


def each_listener_serves_what_it_lists():
    with Four() as four:
        token, issued = four.issuer.token(SVID), four.idp.token()
        for path, auth, status in ((four.rig.socket, ('direct', 'x'), 13), (four.rig.direct_socket, ('jwt', token), 13),
                                   (four.rig.direct_socket, ('issued', issued), 13), (four.rig.direct_socket, 'unix', 13),
                                   (four.rig.socket, ('jwt', issued), 11), (four.rig.socket, ('issued', token), 11)):
            assert Client(path, auth).exchange(26)['status'] == status, (path, auth[0])


def a_client_that_moves_from_one_to_another_and_back_finds_its_keys():
    with Four() as four:
        clients = four.clients()
        public = {}
        for kind, client in clients.items():
            client.generate(SOFT, 'k')
            public[kind] = client.public(SOFT, 'k')
        # a round through all of them and back, with a restart in between: at each its own key, none exposed, none lost
        for turn in range(2):
            for kind in ('DRCT', 'DSPC', 'GNRC', 'JWTS', 'GNRC', 'DSPC', 'DRCT'):
                assert clients[kind].public(SOFT, 'k') == public[kind], (turn, kind)
                assert clients[kind].keys() == [('k', SOFT)], (turn, kind)
            if turn == 0:
                four.rig.stop()
                four.rig.start()
                wait_for('trust', lambda: all(status_of(client.keys) == 0 for client in clients.values()))


main([one_name_under_four_configurations_is_four_keys, a_name_that_reads_like_anothers_identity_reaches_nothing,
      each_listener_serves_what_it_lists, a_client_that_moves_from_one_to_another_and_back_finds_its_keys])
