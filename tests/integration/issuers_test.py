#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens of identity providers that are no SPIFFE ones (GNRC): over the socket, with keys from files and URLs."""
import hashlib, os, sqlite3, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from bundle_server import Authority, Server
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


# ---- keys from a URL ----------------------------------------------------------------------------------------------------


class Remote(Setup):
    """The first issuer's keys are served over HTTPS, and asked for each four seconds; the second's stay in a file."""

    def __init__(self, max_age='12s', path='/jwks', stranger=False, **options):
        super().__init__(**options)
        self.web = Authority('the Web')
        put(self.rig.path('web.crt'), self.web.pem().decode())
        self.servers = []
        self.server = self.serve((Authority('a stranger') if stranger else self.web).web())
        self.max_age, self.url = max_age, self.server.url(path)
        plain = self.rig.write_config

        def write_config():
            plain()
            text = open(self.rig.path('keyreeve.yaml')).read()
            text = text.replace('validation: local}', f'validation: local, web_authorities: {self.rig.path("web.crt")}}}')
            with open(self.rig.path('keyreeve.yaml'), 'w') as f:
                f.write(text)
        self.rig.write_config = write_config
        self.from_url()

    def serve(self, pem):
        server = Server(self.rig.dir, f'{len(self.servers)}', pem, {'/jwks': self.idp.jwks().encode()})
        self.servers.append(server)
        return server

    def from_url(self, more=''):
        self.issuers()
        source = f'jwks_url: "{self.url}", jwks_max_age: {self.max_age}{more}'
        self.rig.options['more'] = self.rig.options['more'].replace(f'jwks_file: {self.file}', source)

    def from_file(self):
        self.issuers()

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('keys of the file', lambda: self.ask(self.from_other()) == 0)
        except BaseException:
            self.__exit__(RuntimeError, None, None)
            raise
        return self

    def __exit__(self, *failure):
        for server in self.servers:
            server.stop()
        return super().__exit__(*failure)

    def accepted(self, token, seconds=10):
        wait_for('the token', lambda: self.ask(token) == 0, seconds)

    def refused(self, token, seconds=10):
        wait_for('the refusal', lambda: self.ask(token) == 11, seconds)

    def said(self, text, seconds=10):
        wait_for(text, lambda: text in self.rig.tail(100000), seconds)

    def details(self, event):
        return [line['detail'] for line in self.rig.audit() if line.get('event') == event]

    def asked(self, server=None):
        return len((server or self.server).requests)

    def restart(self):
        assert self.rig.stop() == 0
        self.rig.start()


def keys_follow_the_url():
    """Rotation, whole sets, one without keys, an empty answer; the other issuer does not mind."""
    with Remote() as s:
        old = s.idp.token()
        s.accepted(old)
        assert any(detail.startswith(f'issuer {IDP}: ') and 'from its URL; 1 keys' in detail for detail in s.details('trust-accepted'))
        s.idp.add('k2')
        new = s.idp.token()
        assert s.ask(new) == 11
        s.server.documents['/jwks'] = s.idp.jwks().encode()
        s.accepted(new)
        assert s.ask(old) == 0
        s.server.documents['/jwks'] = s.idp.jwks('k2').encode()
        s.refused(old)
        assert s.ask(new) == 0 and s.ask(s.from_other()) == 0
        s.idp.add('k3')                                              # all keys at once: used, with an alarm
        s.server.documents['/jwks'] = s.idp.jwks('k3').encode()
        s.accepted(s.idp.token())
        assert s.ask(new) == 11 and any('shares no key' in detail for detail in s.details('trust-alarm'))
        s.server.documents['/jwks'] = b'{"keys":[]}'
        s.refused(s.idp.token())
        assert any('no usable key' in detail for detail in s.details('trust-withdrawn')) and s.ask(s.from_other()) == 0
        s.server.documents['/jwks'] = s.idp.jwks('k3').encode()
        s.accepted(s.idp.token())
        assert {path for path, _, _ in s.server.requests} == {'/jwks'}


def an_answer_that_is_no_jwk_set_leaves_the_keys_before():
    with Remote(max_age='60s') as s:                                 # asked each 20 s, and at once when the URL changes
        token = s.idp.token()
        s.accepted(token)
        stranger = s.serve(Authority('a stranger').web())
        elsewhere = s.serve(s.web.web('elsewhere.example'))
        s.server.elsewhere = s.server.url('/jwks')
        s.server.documents.update({'/list': b'[]', '/cut-off': s.idp.jwks().encode()[:-9], '/many': b'{"keys":[' + b','.join([b'{}'] * 65) + b']}'})
        rows = [
            (s.server.url('/nothing'), 'HTTP status 404'), (s.server.url('/fault'), 'HTTP status 500'),
            (s.server.url('/big'), 'over 1 MiB'), (s.server.url('/big-announced'), 'over 1 MiB'),
            (s.server.url('/elsewhere'), 'a redirect, which this source does not follow'), (s.server.url('/cut'), 'no JWK Set from'),
            (s.server.url('/not-http'), 'no JWK Set from'), (s.server.url('/headers'), 'no JWK Set from'),
            (s.server.url('/gzip'), 'is no JWK Set'), (s.server.url('/garbage'), 'is no JWK Set'), (s.server.url('/list'), 'is no JWK Set'),
            (s.server.url('/cut-off'), 'is no JWK Set'), (s.server.url('/many'), 'is no JWK Set'),
            (stranger.url('/jwks'), 'certificate'), (elsewhere.url('/jwks'), 'certificate'),
            (s.server.url('/trickle'), 'no document in time'), (s.server.url('/silence'), 'no document in time'),
        ]
        s.idp.add('k2')
        for server in (stranger, elsewhere):                         # which they would bring, were they believed
            server.documents['/jwks'] = s.idp.jwks('k2').encode()
        for url, sentence in rows:
            s.url = url
            s.from_url()
            seen = len(s.rig.tail(1000000))
            s.reload()
            wait_for(sentence, lambda: sentence in s.rig.tail(1000000)[seen:], 20)
            assert s.ask(token) == 0 and s.ask(s.idp.token()) == 11, url
        assert not stranger.requests and not elsewhere.requests and len(s.details('trust-accepted')) == 2
        s.url = s.server.url('/jwks')
        s.from_url()
        s.server.documents['/jwks'] = s.idp.jwks('k2').encode()
        s.reload()
        s.accepted(s.idp.token())
        assert s.ask(token) == 11


def keys_count_until_they_are_too_old():
    """A dead server ends nothing, nor does a restart without it, until the keys are jwks_max_age old."""
    with Remote(max_age='20s') as s:
        s.accepted(s.idp.token())
        s.server.stop()
        s.said('no JWK Set from', 15)
        assert s.ask(s.idp.token()) == 0
        s.restart()
        s.accepted(s.idp.token(), 3)
        assert any(detail.startswith(f'issuer {IDP}: ') for detail in s.details('trust-restored'))
        s.refused(s.idp.token(), 25)
        assert any('not confirmed for jwks_max_age' in detail for detail in s.details('trust-expired'))
        assert s.ask(s.from_other()) == 0
        s.restart()
        wait_for('keys of the file', lambda: s.ask(s.from_other()) == 0)
        assert s.ask(s.idp.token()) == 11                            # gone from the store as well
        port = s.server.port
        back = Server(s.rig.dir, 'back', s.web.web(), {'/jwks': s.idp.jwks().encode()}, port)
        s.servers.append(back)
        s.accepted(s.idp.token(), 15)


def a_wrong_certificate_at_the_start_lets_nobody_in():
    remote = Remote(stranger=True)
    remote.rig.options['authenticators'] = '[jwt, unix-peer]'
    with remote as s:
        s.said('no JWK Set from')
        s.said(f'not ready: no usable keys of issuer {IDP}')
        assert s.ask(s.idp.token()) == 11 and not s.server.requests and s.ask(s.from_other()) == 0
        state = json.loads(subprocess.run([os.path.join(s.rig.build, 'bin', 'keyreeve'), 'admin', 'status', '--json', '--socket',
                                           s.rig.admin_socket], capture_output=True, text=True, timeout=10, check=True).stdout)
        assert [(i['name'], i['keys']) for i in state['issuers']] == [(OTHER, 1)] and state['trust_domains'] == [], state
        s.url = s.serve(s.web.web()).url('/jwks')
        s.from_url()
        s.reload()
        s.accepted(s.idp.token())
        s.said('ready: keys of 2 issuers')


def a_token_of_an_unknown_key_hastens_the_next_question_but_not_often():
    with Remote(max_age='24h') as s:                                 # so it is asked each five minutes
        s.accepted(s.idp.token())
        assert s.asked() == 1
        s.idp.add('k2')
        s.server.documents['/jwks'] = s.idp.jwks().encode()
        began = s.server.requests[0][1]
        while time.monotonic() < began + 25:
            assert s.ask(s.idp.token()) == 11 and s.asked() == 1
            time.sleep(0.5)
        s.accepted(s.idp.token(), 10)
        assert s.asked() == 2 and 29 < s.server.requests[1][1] - began < 35


def a_reload_changes_the_source_of_an_issuers_keys():
    with Remote() as s:
        token = s.idp.token()
        s.accepted(token)
        # another URL: the keys before count until it answers
        second = s.serve(s.web.web())
        s.idp.add('k2')
        second.documents['/jwks'] = s.idp.jwks('k2').encode()
        s.url = second.url('/jwks')
        s.from_url()
        s.reload()
        s.accepted(s.idp.token())
        s.refused(token, 1)
        seen = s.asked()
        time.sleep(5)
        assert s.asked() == seen and s.asked(second) > 1
        # a file: what the URL said ends at once, with keyreeve-fetch
        put(s.file, s.idp.jwks('k1'))
        fetched = s.idp.token()
        s.from_file()
        s.reload()
        s.refused(fetched, 1)
        s.accepted(token)
        assert 'fetch' not in s.rig.roles()
        # the URL again: keyreeved cannot give a role the network any more
        s.from_url()
        s.rig.write_config()
        s.said('issuers[].jwks_url, from none to some, needs a restart')
        assert s.ask(token) == 0
        s.restart()
        s.accepted(fetched)
        s.refused(token, 1)
        # an issuer that goes takes its keys along, from the store too
        s.rig.options['tenants'] = '\n'.join(line for line in TENANTS.split('\n') if IDP not in line)
        s.rig.options['more'] = '\n'.join(line for line in s.rig.options['more'].split('\n') if IDP not in line)
        s.reload()
        s.refused(fetched, 1)
        assert any('configured no more' in detail for detail in s.details('trust-withdrawn'))
        assert 'fetch' not in s.rig.roles() and s.ask(s.from_other()) == 0


def damage_to_stored_keys_is_reported_and_they_are_fetched_anew():
    with Remote() as s:
        s.accepted(s.idp.token())
        assert s.rig.stop() == 0
        with sqlite3.connect(s.rig.path('state', 'keys.db')) as db:
            assert db.execute('UPDATE fact SET record = zeroblob(80) WHERE kind = 11').rowcount == 1
        db.close()
        s.rig.start()
        s.accepted(s.idp.token())
        assert len(s.details('record-damaged')) == 1 and not s.details('trust-restored')


def a_killed_keyreeve_fetch_costs_nothing():
    with Remote() as s:
        s.accepted(s.idp.token())
        pid = s.rig.roles()['fetch']
        os.kill(pid, signal.SIGKILL)
        wait_for('another keyreeve-fetch', lambda: s.rig.roles().get('fetch', pid) not in (pid, None))
        assert s.ask(s.idp.token()) == 0
        s.idp.add('k2')
        s.server.documents['/jwks'] = s.idp.jwks().encode()
        s.accepted(s.idp.token())


main([a_client_of_any_identity_provider_uses_keys, refusals_are_11_and_say_why_in_the_log_only, keys_follow_the_file,
      keys_follow_a_directory_as_kubernetes_swaps_it, a_reload_changes_what_is_asked_of_tokens_that_were_verified,
      a_restarted_agent_is_given_the_keys_again, administrators_see_and_delete_identities_of_an_issuer, keys_follow_the_url,
      an_answer_that_is_no_jwk_set_leaves_the_keys_before, keys_count_until_they_are_too_old,
      a_wrong_certificate_at_the_start_lets_nobody_in, a_token_of_an_unknown_key_hastens_the_next_question_but_not_often,
      a_reload_changes_the_source_of_an_issuers_keys, a_killed_keyreeve_fetch_costs_nothing,
      damage_to_stored_keys_is_reported_and_they_are_fetched_anew])
