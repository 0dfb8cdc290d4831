#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens of identity providers that are no SPIFFE ones (GNRC): over the socket, with keys from files."""
import hashlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from provider import *
from rig import *

IDP, OTHER = 'https://idp.example/realm', 'https://other.example'
DIGEST = hashlib.sha256(b'x').digest()
TENANTS = f'''  - {{match: {{uid: 0}}, tenant: uid0}}
  - {{match: {{issuer: "{IDP}", subject: "team/{{team}}/{{who}}"}}, tenant: "teams/{{team}}"}}
  - {{match: {{issuer: "{IDP}", subject: "{{who}}"}}, tenant: people}}
  - {{match: {{issuer: "{OTHER}", subject: "{{who}}"}}, tenant: people}}
  - {{match: {{spiffe: "spiffe://rig.example/{{who}}"}}, tenant: people}}
'''


class Setup:
    def __init__(self, **options):
        self.idp, self.other = Provider(IDP), Provider(OTHER)
        self.rig = Rig(providers=('soft',), wrap='file', tenants=TENANTS, authenticators='[jwt, unix-peer, jwt-svid]',
                       admin_authenticators='jwt, unix-peer', **options)
        os.mkdir(self.rig.path('jwks'), 0o755)
        self.file, self.other_file = self.rig.path('jwks', 'idp.json'), self.rig.path('jwks', 'other.json')
        put(self.file, self.idp.jwks())
        put(self.other_file, self.other.jwks())
        self.rig.options['spiffe'] = self.rig.path('nobody.sock')
        self.issuers()

    def issuers(self, first='', second=''):
        self.rig.options['more'] = f'''  - {{issuer: "{IDP}", subject: team/platform/ada}}
issuers:
  - {{issuer: "{IDP}", audiences: parsec, jwks_file: {self.file}{first}}}
  - {{issuer: "{OTHER}", audiences: [parsec, other], types: [at+jwt, none], claim: email, jwks_file: {self.other_file}{second}}}
'''

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('keys', lambda: self.ask(self.idp.token()) == 0 and self.ask(self.from_other()) == 0)
        except BaseException:
            self.rig.__exit__(RuntimeError, None, None)
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def ask(self, token, opcode=26, auth='issued'):
        return Client(self.rig.socket, (auth, token)).exchange(opcode)['status']

    def from_other(self, who='user-4711', **more):
        return self.other.token(subject=None, email=who, typ=None, **more)

    def client(self, provider_token, **more):
        return Client(self.rig.socket, ('issued', provider_token), **more)

    def reload(self):
        seen = self.events('reload')
        self.rig.write_config()
        wait_for('the reload', lambda: self.events('reload') > seen)

    def events(self, name):
        return sum(line.get('event') == name for line in self.rig.audit())


def a_client_of_any_identity_provider_uses_keys():
    with Setup() as s:
        mine = s.client(lambda: s.idp.token('team/a/bob'))
        mine.generate(SOFT, 'web')
        verify_outside(mine.public(SOFT, 'web'), DIGEST, mine.sign(SOFT, 'web', DIGEST))
        # the same key again from the cache; another subject of the same tenant has its own names
        assert mine.keys() == [('web', SOFT)]
        assert s.client(lambda: s.idp.token('team/a/eve')).keys() == []
        line = [line for line in s.rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0][-1]
        assert (line['authn'], line['issuer'], line['identity'], line['tenant']) == ('jwt', IDP, 'team/a/bob', 'teams/a'), line
        assert line['token']['kid'] == 'k1' and len(line['token']['hash']) == 64 and line['token']['exp'] > line['token']['start']
        # the same subject at two issuers, in tenants of one name: two identities
        here, there = s.client(lambda: s.idp.token('sam')), s.client(lambda: s.from_other('sam'))
        here.generate(SOFT, 'k')
        assert there.keys() == [] and status_of(there.sign, SOFT, 'k', DIGEST) == 1140
        there.generate(SOFT, 'k')
        assert here.public(SOFT, 'k') != there.public(SOFT, 'k')
        listed = [field(v, 5, 0) for n, v in unpb(Client(s.rig.socket, None).call(14)) if n == 1]
        assert listed == [2, 3, 4], listed


def refusals_are_11_and_say_why_in_the_log_only():
    with Setup() as s:
        good = s.idp.token()
        header, payload, signature = good.split('.')
        stranger = Provider(IDP)
        rows = [
            (s.idp.token(iss=None), 'JWT_ISSUER'), (s.idp.token(iss=IDP + '/'), 'JWT_ISSUER'), (s.idp.token(iss=[IDP]), 'JWT_ISSUER'),
            (s.idp.token(iss='https://evil.example'), 'JWT_ISSUER'), (s.idp.token(iss=OTHER, email='a', typ=None), 'JWT_SIGNATURE'),
            (stranger.token(), 'JWT_SIGNATURE'), (s.idp.token(typ='at+jwt'), 'JWT_HEADER'), (s.idp.token(typ=None), 'JWT_HEADER'),
            (s.other.token(email='a', typ='JWT'), 'JWT_HEADER'), (s.idp.token(header={'jku': 'https://x'}), 'JWT_HEADER'),
            (s.idp.token(subject=None), 'JWT_SUBJECT'), (s.idp.token(subject=''), 'JWT_SUBJECT'), (s.idp.token('a\nb'), 'JWT_SUBJECT'),
            (s.idp.token('x' * 256), 'JWT_SUBJECT'), (s.other.token('sub', typ=None), 'JWT_SUBJECT'),
            (s.idp.token(audience='other'), 'JWT_AUDIENCE'), (s.idp.token(ttl=601), 'JWT_LIFETIME'),
            (s.idp.token(ttl=300, age=400), 'JWT_EXPIRED'), (s.idp.token(ttl=300, age=-60), 'JWT_NOT_YET'),
            (s.idp.token(iat=None), 'JWT_CLAIM'), (s.idp.token('a/b/c/d'), 'TENANT_NONE'),
            (s.idp.token(header={'alg': 'HS256'}), 'JWT_ALG'), (f'{header}.{payload}.', 'JWT_MALFORMED'), ('', 'JWT_MALFORMED'),
        ]
        for token, reason in rows:
            answer = Client(s.rig.socket, ('issued', token)).exchange(26)
            assert answer['status'] == 11 and answer['body'] == b'', (reason, answer['status'])
        # a token of one kind is none of the other, also where the subject reads like a SPIFFE ID
        assert s.ask(good, auth='jwt') == 11 and s.ask(s.idp.token('spiffe://rig.example/w'), auth='jwt') == 11
        time.sleep(1.3)
        seen = {line['status'] for line in s.rig.audit() if line.get('wire') == 11}
        assert {reason for _, reason in rows} <= seen, {reason for _, reason in rows} - seen
        assert s.ask(good) == 0
        # not served on a listener that does not list it
        assert Client(s.rig.direct_socket, ('issued', good)).exchange(26)['status'] == 13


def keys_follow_the_file():
    with Setup() as s:
        old = s.idp.token()
        s.idp.add('k2')
        new = s.idp.token()
        assert s.ask(old) == 0 and s.ask(new) == 11
        put(s.file, s.idp.jwks())
        wait_for('the new key', lambda: s.ask(new) == 0, 2)
        assert s.ask(old) == 0
        put(s.file, s.idp.jwks('k2'))
        wait_for('the withdrawal', lambda: s.ask(old) == 11, 2)
        assert s.ask(new) == 0 and s.ask(s.from_other()) == 0
        # what is broken, gone, too large, or writable by others leaves the keys before in force
        for text, mode in (('{"keys":[', 0o644), ('', 0o644), (' ' * (1024 * 1024 + 1), 0o644), (Provider(IDP).jwks(), 0o666)):
            put(s.file, text, mode)
            time.sleep(0.8)
            assert s.ask(new) == 0, text[:20]
        os.unlink(s.file)
        time.sleep(0.8)
        assert s.ask(new) == 0
        put(s.file, s.idp.jwks('k1'))
        wait_for('the file again', lambda: s.ask(old) == 0 and s.ask(new) == 11, 2)
        # keys that are for something else, and none at all
        put(s.file, s.idp.jwks('k1', use='enc'))
        wait_for('no key', lambda: s.ask(old) == 11, 2)
        put(s.file, s.idp.jwks('k1'))
        wait_for('keys', lambda: s.ask(old) == 0, 2)
        put(s.file, '{"keys":[]}')
        wait_for('no keys', lambda: s.ask(old) == 11, 2)
        assert s.ask(s.from_other()) == 0


def keys_follow_a_directory_as_kubernetes_swaps_it():
    s = Setup()
    base = s.rig.path('jwks')
    for version in ('v1', 'v2'):
        os.mkdir(os.path.join(base, version), 0o755)
    put(os.path.join(base, 'v1', 'idp.json'), s.idp.jwks())
    os.unlink(s.file)
    os.symlink('v1', os.path.join(base, '..data'))
    os.symlink('..data/idp.json', s.file)
    with s:
        s.idp.add('k2')
        token = s.idp.token()
        put(os.path.join(base, 'v2', 'idp.json'), s.idp.jwks())
        assert s.ask(token) == 11
        os.symlink('v2', os.path.join(base, '..new'))
        os.rename(os.path.join(base, '..new'), os.path.join(base, '..data'))
        wait_for('the new key', lambda: s.ask(token) == 0, 2)


def a_reload_changes_what_is_asked_of_tokens_that_were_verified():
    with Setup() as s:
        token, other = s.idp.token(email='sam'), s.from_other()
        assert s.ask(token) == 0 and s.ask(token) == 0 and s.ask(other) == 0
        s.issuers(first=', types: at+jwt')
        s.reload()
        assert s.ask(token) == 11 and s.ask(s.idp.token(typ='at+jwt')) == 0 and s.ask(other) == 0
        s.issuers(first=', algorithms: [RS256, PS256]')
        s.reload()
        assert s.ask(token) == 11
        s.issuers(first=', claim: email')
        s.reload()
        s.client(token).generate(SOFT, 'of-sam')
        assert [line['identity'] for line in s.rig.audit() if line.get('op') == 'PsaGenerateKey'][-1] == 'sam'
        s.issuers(first=', max_age: 5s, max_lifetime: 1h')
        s.reload()
        assert s.ask(s.idp.token(ttl=3600)) == 0 and s.ask(s.idp.token(ttl=3601)) == 11 and s.ask(s.idp.token(age=6)) == 11
        # an issuer that goes takes its tokens along; when it comes back its file is read
        s.issuers()
        s.rig.options['tenants'] = '\n'.join(line for line in TENANTS.split('\n') if OTHER not in line)
        s.rig.options['more'] = '\n'.join(line for line in s.rig.options['more'].split('\n') if OTHER not in line)
        s.reload()
        assert s.ask(other) == 11 and s.ask(token) == 0
        s.other.add('k3')
        put(s.other_file, s.other.jwks('k3'))
        s.rig.options['tenants'] = TENANTS
        s.issuers()
        s.reload()
        wait_for('its new key', lambda: s.ask(s.from_other()) == 0, 2)
        assert s.ask(other) == 11


def a_restarted_agent_is_given_the_keys_again():
    with Setup() as s:
        token = s.idp.token()
        agent = s.rig.roles()['agent']
        os.kill(agent, signal.SIGKILL)
        wait_for('another agent', lambda: s.rig.roles().get('agent') not in (None, agent))
        wait_for('the keys', lambda: s.rig.pings() and s.ask(token) == 0)


def administrators_see_and_delete_identities_of_an_issuer():
    with Setup() as s:
        for token in (s.idp.token('sam'), s.from_other('sam'), s.idp.token('team/a/bob')):
            s.client(token).generate(SOFT, 'k')
        admin = Client(s.rig.admin_socket, ('issued', lambda: s.idp.token('team/platform/ada')))
        clients = lambda: [v.decode() for n, v in unpb(admin.call(27)) if n == 1]
        assert clients() == [f'jwt:{IDP} sam', f'jwt:{IDP} team/a/bob', f'jwt:{OTHER} sam'], clients()
        # who is no administrator, by subject or by issuer
        assert status_of(Client(s.rig.admin_socket, ('issued', s.idp.token('sam'))).call, 27) == 21
        assert status_of(Client(s.rig.admin_socket, ('issued', s.from_other('team/platform/ada'))).call, 27) == 21
        # a bare name is one of the administrator's own issuer
        admin.call(28, pb((1, 'sam')))
        assert clients() == [f'jwt:{IDP} team/a/bob', f'jwt:{OTHER} sam'], clients()
        admin.call(28, pb((1, f'jwt:{OTHER} sam')))
        assert clients() == [f'jwt:{IDP} team/a/bob']
        line = [line for line in s.rig.audit() if line.get('op') == 'DeleteClient'][-1]
        assert (line['issuer'], line['identity']) == (IDP, 'team/platform/ada'), line


main([a_client_of_any_identity_provider_uses_keys, refusals_are_11_and_say_why_in_the_log_only, keys_follow_the_file,
      keys_follow_a_directory_as_kubernetes_swaps_it, a_reload_changes_what_is_asked_of_tokens_that_were_verified,
      a_restarted_agent_is_given_the_keys_again, administrators_see_and_delete_identities_of_an_issuer])
