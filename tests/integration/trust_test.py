#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where trust comes from: the Workload API's stream, endpoints of federated trust domains, files, and the store after a
restart; what is withdrawn, held, too old or too far back."""
import hashlib, json, os, re, sqlite3, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *
from bundle_server import Authority, Server, b64url, public_jwk

LOCAL, B_ID = 'spiffe://rig.example/ns/a/sa/w', 'spiffe://b.example/ns/a/sa/w'
ENDPOINT = 'spiffe://b.example/bundle/endpoint'
TENANTS = ('  - match: {spiffe: "spiffe://rig.example/ns/{namespace}/sa/{account}"}\n    tenant: "k8s/{namespace}"\n    providers: [soft]\n'
           '  - match: {spiffe: "spiffe://b.example/ns/{namespace}/sa/{account}"}\n    tenant: "b/{namespace}"\n    providers: [soft]\n'
           '  - {match: {uid: 0}, tenant: "uid0", providers: [soft]}\n')


class Key:
    """A trust domain's signing key, and tokens of it."""

    def __init__(self, kid):
        from cryptography.hazmat.primitives.asymmetric import ec
        self.kid, self.key = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        return dict(public_jwk(self.key), kid=self.kid, use='jwt-svid')

    def thumbprint(self):
        jwk = public_jwk(self.key)
        text = json.dumps({m: jwk[m] for m in ('crv', 'kty', 'x', 'y')}, separators=(',', ':'), sort_keys=True)
        return b64url(hashlib.sha256(text.encode()).digest())

    def token(self, subject=B_ID, ttl=300):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        now = int(time.time())
        head = b64url(json.dumps({'alg': 'ES256', 'kid': self.kid, 'typ': 'JWT'}).encode())
        body = b64url(json.dumps({'sub': subject, 'aud': ['parsec'], 'iat': now, 'exp': now + ttl}).encode())
        r, s = utils.decode_dss_signature(self.key.sign(f'{head}.{body}'.encode(), ec.ECDSA(hashes.SHA256())))
        return f'{head}.{body}.{b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}'


def bundle(*jwks, sequence=None, hint=None):
    document = {'keys': list(jwks)}
    if sequence is not None:
        document['spiffe_sequence'] = sequence
    if hint is not None:
        document['spiffe_refresh_hint'] = hint
    return json.dumps(document).encode()


class World:
    """A daemon, a Workload API unless told otherwise, and what trust.spiffe says beside it."""

    def __init__(self, spiffe='', issuer=True, tenants=TENANTS):
        self.rig = Rig(providers=('soft',), wrap='file', tenants=tenants)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.spiffe, self.servers, self.issuer = spiffe, [], None
        plain = self.rig.write_config

        def write_config():
            plain()
            text = open(self.rig.path('keyreeve.yaml')).read()
            if self.spiffe:
                text = text.replace('validation: local}', f'validation: local, {self.spiffe}}}')
            open(self.rig.path('keyreeve.yaml'), 'w').write(text)
        self.rig.write_config = write_config
        if issuer:
            self.issuer = Issuer(self.rig)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for server in self.servers:
            server.stop()
        return self.rig.__exit__(*failure)

    def serve(self, pem, documents, name='server'):
        server = Server(self.rig.dir, name, pem, documents)
        self.servers.append(server)
        return server

    def file(self, name, data):
        with open(self.rig.path(name), 'wb') as f:
            f.write(data)
        os.chmod(self.rig.path(name), 0o644)
        return self.rig.path(name)

    def ask(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(26)['status']

    def accepted(self, token, seconds=10):
        wait_for('the token', lambda: self.ask(token) == 0, seconds)

    def refused(self, token, seconds=10):
        wait_for('the refusal', lambda: self.ask(token) == 11, seconds)

    def said(self, text, seconds=10):
        wait_for(text, lambda: text in self.rig.tail(100000), seconds)

    def events(self, name):
        return [line for line in self.rig.audit() if line.get('event') == name]

    def api_away(self):
        """As if the SPIRE agent were stopped; its memory stays."""
        os.rename(self.rig.path('issuer.sock'), self.rig.path('issuer.away'))
        self.issuer.say('disconnect')

    def api_back(self):
        os.rename(self.rig.path('issuer.away'), self.rig.path('issuer.sock'))

    def restart(self):
        assert self.rig.stop() == 0
        self.rig.start()

    def reload(self, spiffe):
        self.spiffe = spiffe
        before = self.rig.tail(100000).count('new configuration in force')
        self.rig.write_config()
        self.rig.daemon.send_signal(signal.SIGHUP)
        wait_for('the reload', lambda: self.rig.tail(100000).count('new configuration in force') > before)


# ---- the store: restarts without anybody to ask ------------------------------------------------------------------------


def good_tokens_pass_while_the_workload_api_is_away_and_over_a_restart():
    """R-11, scaled down: and a key that was withdrawn meanwhile is refused once the API is heard again."""
    with World() as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        old = w.issuer.token(ttl=590)
        w.issuer.say('add-key', 'k9', 'ES256')
        w.issuer.say('activate', 'k9')
        w.accepted(w.issuer.token())
        w.api_away()
        for _ in range(2):
            for _ in range(50):
                assert w.ask(w.issuer.token()) == 0 and w.ask(old) == 0
            w.restart()
        assert w.events('trust-restored') and w.ask(w.issuer.token()) == 0
        w.issuer.say('withdraw', 'k1')
        assert w.ask(old) == 0
        w.api_back()
        count = w.rig.tail(100000).count('key documents received')
        wait_for('the API', lambda: w.rig.tail(100000).count('key documents received') > count, 40)
        w.refused(old, 1)
        assert w.ask(w.issuer.token()) == 0


def a_withdrawal_erases_what_is_stored():
    """PermissionDenied: refused at once, and after a restart without the Workload API too (WA-06)."""
    with World() as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        token = w.issuer.token()
        w.issuer.say('entry-delete', 'any')
        w.refused(token, 2)
        assert w.events('trust-withdrawn')
        w.api_away()
        w.restart()
        time.sleep(0.5)
        assert w.ask(token) == 11
        w.said('not ready: no usable keys')


def keys_that_nobody_confirms_end_with_their_age():
    with World('max_age: 10s') as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        time.sleep(12)                                               # confirmed again meanwhile
        assert w.ask(w.issuer.token()) == 0
        w.api_away()
        w.restart()
        assert w.ask(w.issuer.token()) == 0
        w.refused(w.issuer.token(), 12)
        wait_for('the event', lambda: w.events('trust-expired'))
        w.restart()
        assert w.ask(w.issuer.token()) == 11                         # gone from the store as well
        w.api_back()
        w.accepted(w.issuer.token(), 40)


def damage_to_what_is_stored_is_reported_and_heard_anew():
    """Each bit of the stored row may be another: it counts no more, with an alarm, and the Workload API says it again.  While that
    is away nobody is believed."""
    with World() as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        for number in range(1, 4):
            assert w.rig.stop() == 0
            alter_trust(w.rig, 'record', number * 29)
            w.rig.start()
            assert [e['detail'] for e in w.events('record-damaged')] == ['what was believed of a trust domain or issuer: it is heard anew'] * number
            assert not w.events('trust-restored')[number - 1:], w.events('trust-restored')
            w.accepted(w.issuer.token())
            w.restart()                                              # and it is stored again
            assert len(w.events('trust-restored')) == number and len(w.events('record-damaged')) == number
        assert w.rig.stop() == 0
        alter_trust(w.rig, 'id', 7)
        w.api_away()
        w.rig.start()
        assert w.ask(w.issuer.token()) == 11
        w.said('not ready: no usable keys')
        w.api_back()
        w.accepted(w.issuer.token(), 40)


def alter_trust(rig, column, at):
    with sqlite3.connect(rig.path('state', 'keys.db')) as db:
        (rowid, value), = db.execute(f'SELECT rowid, {column} FROM fact WHERE kind = 10').fetchall()
        raw = bytearray(value)
        raw[at % len(raw)] ^= 1
        db.execute(f'UPDATE fact SET {column} = ? WHERE rowid = ?', (bytes(raw), rowid))
    db.close()


# ---- continuity and pins ----------------------------------------------------------------------------------------------


def another_issuer(w):
    """All keys replaced at once: what a forged Workload API would do."""
    w.issuer.process.kill()
    w.issuer.process.wait()
    for path in (w.issuer.socket, w.issuer.control):
        if os.path.exists(path):
            os.unlink(path)
    w.issuer = Issuer(w.rig)


def local_thumbprint(w):
    jwk = json.loads(w.issuer.say('bundle'))['keys'][0]
    text = json.dumps({m: jwk[m] for m in ('crv', 'kty', 'x', 'y')}, separators=(',', ':'), sort_keys=True)
    return b64url(hashlib.sha256(text.encode()).digest())


def a_set_without_any_key_of_the_one_before_is_held():
    """Running and after a restart; a rotation with overlap is seamless; the operator confirms by naming a key."""
    with World() as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        assert any('first use' in e['detail'] for e in w.events('trust-accepted'))
        who = f'from the Workload API of uid 0 (process {w.issuer.process.pid}) at {w.issuer.socket};'
        assert all(who in e['detail'] for e in w.events('trust-accepted')), w.events('trust-accepted')
        for kid, gone in (('k2', 'k1'), ('k3', 'k2')):               # as SPIRE rotates
            w.issuer.say('add-key', kid, 'ES256')
            w.issuer.say('activate', kid)
            w.accepted(w.issuer.token(), 2)
            w.issuer.say('withdraw', gone)
            w.accepted(w.issuer.token(), 2)
        assert any('continues' in e['detail'] for e in w.events('trust-accepted')) and not w.events('trust-alarm')
        another_issuer(w)
        w.said('ALARM: shares no key with the one before', 40)
        assert w.ask(w.issuer.token()) == 11 and w.events('trust-alarm')
        w.restart()
        w.said('watching the Workload API')
        time.sleep(1)
        assert w.ask(w.issuer.token()) == 11
        w.reload(f'bundles: [{{trust_domain: rig.example, keys: [{local_thumbprint(w)}]}}]')
        w.accepted(w.issuer.token(), 5)
        assert any('pinned' in e['detail'] for e in w.events('trust-accepted'))


def a_first_set_without_a_pinned_key_is_refused():
    with World(f'bundles: [{{trust_domain: rig.example, keys: [{Key("x").thumbprint()}]}}]') as w:
        w.rig.start()
        w.said('holds none of the pinned ones')
        assert w.ask(w.issuer.token()) == 11
        w.said('not ready: no usable keys of trust domain rig.example')
        w.reload(f'bundles: [{{trust_domain: rig.example, keys: [{local_thumbprint(w)}]}}]')
        w.accepted(w.issuer.token(), 5)
        w.said('ready: keys of 1 trust domain')


def an_operator_who_says_so_goes_on_with_an_alarm():
    with World('continuity: alarm') as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        another_issuer(w)
        w.accepted(w.issuer.token(), 40)
        assert w.events('trust-alarm')


def a_forged_first_bundle_is_refused_by_pin_or_store_and_else_said_to_be_the_first():
    with World(f'bundles: [{{trust_domain: rig.example, keys: [{Key("x").thumbprint()}]}}]') as w:
        w.rig.start()
        w.said('holds none of the pinned ones')
        assert w.ask(w.issuer.token()) == 11 and w.events('trust-alarm') and not w.events('trust-accepted')
    with World() as w:
        w.rig.start()
        w.accepted(w.issuer.token())
        assert 'DOC-16 warns: first use' in w.rig.tail(1000)         # no pin, nothing stored: and said so
        assert 'first use' in w.events('trust-accepted')[0]['detail']
        assert w.rig.stop() == 0
        another_issuer(w)
        w.rig.start()
        w.said('ALARM: shares no key with the one before')
        assert w.ask(w.issuer.token()) == 11 and w.events('trust-alarm')


def only_a_trusted_bundle_makes_the_daemon_ready():
    """Ledger O-7: forged, or without a key."""
    a_forged_first_bundle_is_refused_by_pin_or_store_and_else_said_to_be_the_first()
    with World() as w:
        w.rig.start()
        token = w.issuer.token()
        w.accepted(token)
        w.said('ready: keys of 1 trust domain')
        detail = w.events('trust-accepted')[0]['detail']
        assert re.match(r'rig.example: .*; from the Workload API of [^;]*; 1 keys; document sha256 [0-9a-f]{64}$', detail), detail
        w.issuer.say('withdraw', 'k1')                               # it is there, and empty
        w.refused(token, 2)
        w.said('not ready: no usable keys of any trust domain (DOC-15)')
        w.restart()
        wait_for('the same again', lambda: w.rig.tail(400).count('(DOC-15)') >= 2)
        assert w.ask(token) == 11
        w.issuer.say('add-key', 'k2', 'ES256')
        w.issuer.say('activate', 'k2')
        time.sleep(1)
        assert w.ask(token) == 11                                    # its key is still withdrawn


# ---- files --------------------------------------------------------------------------------------------------------------


def a_file_is_all_there_is_for_its_trust_domain():
    """What the stream says of it does not count; other domains of the stream do not mind; a reload reads it again."""
    with World() as w:
        key, next_key = Key('f1'), Key('f2')
        path = w.file('rig.bundle', bundle(key.jwk()))
        w.spiffe = f'bundles: [{{trust_domain: rig.example, file: {path}}}]'
        w.rig.start()
        w.accepted(key.token(LOCAL))
        w.said('does not count')
        assert w.ask(w.issuer.token()) == 11
        w.file('rig.bundle', bundle(next_key.jwk()))
        w.reload(w.spiffe)
        w.accepted(next_key.token(LOCAL))
        w.refused(key.token(LOCAL), 1)
        w.reload('')                                                 # and the stream counts again
        w.accepted(w.issuer.token())
        w.refused(next_key.token(LOCAL), 1)


def a_bundle_map_counts_whole_or_not_at_all():
    with World() as w:
        ours, theirs, later = Key('m1'), Key('m2'), Key('m3')

        def domains(*pairs):
            text = ', '.join(f'"{name}": {bundle(*keys, sequence=1, hint=1).decode()}' for name, *keys in pairs)
            return f'{{"trust_domains": {{{text}}}}}'.encode()
        path = w.file('map', domains(('rig.example', ours.jwk()), ('b.example', theirs.jwk()), ('c.example', later.jwk())))
        w.spiffe = f'bundles: [{{trust_domain: rig.example, map: {path}}}, {{trust_domain: b.example, map: {path}}}]'
        w.rig.start()
        w.accepted(ours.token(LOCAL))
        w.accepted(theirs.token())
        assert w.ask(later.token('spiffe://c.example/ns/a/sa/w')) == 11              # which no entry names
        w.said('does not count')                                                     # what the Workload API says of ours
        assert w.ask(w.issuer.token()) == 11
        new = (('rig.example', later.jwk()), ('b.example', later.jwk()))
        broken = [domains(*new, ('b.example', theirs.jwk())), domains(*new, ('spiffe://c.example', later.jwk())),
                  domains(*new)[:-1], domains(*new).replace(b'"keys"', b'"kays"', 1), b'{}', b'', domains(*new) + b' ' * 1024 * 1024]
        for document in broken:
            w.file('map', document)
            count = w.rig.tail(1000000).count('no bundle map that can be used')
            w.reload(w.spiffe)
            wait_for('the refusal', lambda: w.rig.tail(1000000).count('no bundle map that can be used') > count)
            assert w.ask(ours.token(LOCAL)) == 0 and w.ask(theirs.token()) == 0 and w.ask(later.token(LOCAL)) == 11, document[:80]
        w.file('map', domains(*new))
        w.reload(w.spiffe)
        w.accepted(later.token(LOCAL))
        assert w.ask(later.token()) == 0 and w.ask(ours.token(LOCAL)) == 11 and w.ask(theirs.token()) == 11
        w.file('map', domains(('rig.example', later.jwk())))
        w.reload(w.spiffe)
        w.refused(later.token(), 1)
        assert w.ask(later.token(LOCAL)) == 0 and any('no longer in its map' in e['detail'] for e in w.events('trust-withdrawn'))
        w.file('map', b'broken')                                                     # at a start it lets nobody in, nor the stream
        w.restart()
        w.said('no bundle map that can be used')
        time.sleep(1)
        assert w.ask(later.token(LOCAL)) == 11 and w.ask(w.issuer.token()) == 11


def without_a_usable_bundle_the_daemon_is_not_ready():
    """It listens, answers 11, says so to the service manager, and becomes ready when keys come."""
    import socket as sockets
    with World(issuer=False) as w:
        notify = sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM)
        notify.bind(w.rig.path('notify'))
        os.chmod(w.rig.path('notify'), 0o777)
        notify.settimeout(15)
        w.rig.start(env={'NOTIFY_SOCKET': w.rig.path('notify')})
        said = b''
        while b'STATUS=not ready: no usable keys of any trust domain' not in said:
            said = notify.recv(4096)
        assert w.ask(Key('x').token(LOCAL)) == 11
        w.issuer = Issuer(w.rig)
        while b'STATUS=ready: keys of 1 trust domain' not in said:
            said = notify.recv(4096)
        w.accepted(w.issuer.token())


# ---- federation ---------------------------------------------------------------------------------------------------------


def web_entry(server, path='/bundle', domain='b.example', more=''):
    return f'{{trust_domain: {domain}, url: "{server.url(path)}", profile: https_web{more}}}'


def a_federated_domain_comes_from_its_endpoint():
    """https_web: rotation, withdrawal, a lower sequence number, garbage, a dead server, a restart without it, and the end of
    the relationship."""
    web, key, second, third = Authority('the Web'), Key('b1'), Key('b2'), Key('b3')
    with World() as w:
        ca = w.file('web.crt', web.pem())
        server = w.serve(web.web(), {'/bundle': bundle(key.jwk(), sequence=5, hint=1)})
        common = f'web_authorities: {ca}, max_age: 30s'              # so it is asked each 10 s
        w.spiffe = f'{common}, federation: [{web_entry(server)}]'
        w.rig.start()
        w.accepted(key.token())
        w.accepted(w.issuer.token())
        assert w.ask(key.token('spiffe://b.example/other/path')) == 11               # no tenant names it
        assert w.ask(key.token(LOCAL)) == 11                                         # nor does it speak for others
        assert any(e['detail'].startswith('b.example') for e in w.events('trust-accepted'))
        server.documents['/bundle'] = bundle(key.jwk(), second.jwk(), sequence=6, hint=1)
        w.accepted(second.token(), 15)
        server.documents['/bundle'] = bundle(key.jwk(), third.jwk(), sequence=4, hint=1)     # TV-SB-06
        w.said('a lower sequence number', 15)
        assert w.ask(third.token()) == 11 and w.ask(second.token()) == 0
        server.documents['/bundle'] = b'\x00garbage'
        w.said('is no bundle', 15)
        assert w.ask(second.token()) == 0
        server.documents['/bundle'] = bundle(second.jwk(), sequence=7, hint=1)
        w.refused(key.token(), 15)
        assert w.ask(second.token()) == 0
        server.stop()
        w.said('no bundle from', 15)
        w.restart()                                                  # FD-10
        assert w.ask(second.token()) == 0
        w.reload(common)                                             # FD-11
        w.refused(second.token(), 1)
        assert 'fetch' not in w.rig.roles()
        w.restart()
        assert w.ask(second.token()) == 11
        assert w.ask(w.issuer.token()) == 0


def an_endpoint_is_its_spiffe_id_and_nothing_else():
    """https_spiffe, self-serving: first by the configured bundle, then by the latest that was fetched (FD-05)."""
    first, later, key = Authority('b', 'spiffe://b.example'), Authority('b2', 'spiffe://b.example'), Key('b1')
    with World() as w:
        path = w.file('first.bundle', bundle(first.jwk()))
        server = w.serve(first.svid(ENDPOINT), {'/bundle': bundle(first.jwk(), later.jwk(), key.jwk(), sequence=1)})

        def entry(url, spiffe_id=ENDPOINT):
            return (f'max_age: 30s, federation: [{{trust_domain: b.example, url: "{url}", profile: https_spiffe, '
                    f'endpoint_id: "{spiffe_id}", bundle_file: {path}}}]')
        w.spiffe = entry(server.url('/bundle'))
        w.rig.start()
        w.accepted(key.token())
        # the server's certificate is from the other authority now, which only the fetched bundle names
        second = w.serve(later.svid(ENDPOINT), {'/bundle': bundle(later.jwk(), key.jwk(), sequence=2)}, 'second')
        w.reload(entry(second.url('/bundle')))
        wait_for('the second server to be asked', lambda: any(path == '/bundle' for path, _, _ in second.requests), 15)
        wrong = w.serve(later.svid(ENDPOINT + '/other'), {'/bundle': bundle(later.jwk(), Key('evil').jwk(), sequence=3)}, 'wrong')
        w.reload(entry(wrong.url('/bundle')))
        w.said("URI name is no SPIFFE ID of a workload", 15)
        assert not wrong.requests and w.ask(key.token()) == 0


def keyreeve_fetch_is_alone_with_libcurl_and_reaches_its_ports_only():
    """It runs only where something is configured; a redirect to another port ends at the kernel (Landlock)."""
    web, key = Authority('the Web'), Key('b1')
    with World() as w:
        server = w.serve(web.web(), {'/bundle': bundle(key.jwk())})
        away = w.serve(web.web(), {'/good': bundle(key.jwk())}, 'away')
        server.elsewhere = away.url('/good')
        w.rig.start()
        assert 'fetch' not in w.rig.roles()
        assert w.rig.stop() == 0
        w.spiffe = f'web_authorities: {w.file("web.crt", web.pem())}, federation: [{web_entry(server)}]'
        w.rig.start()
        w.accepted(key.token())
        pid = w.rig.roles()['fetch']
        maps = {role: open(f'/proc/{p}/maps').read() for role, p in w.rig.roles().items()}
        assert [role for role in maps if 'libcurl' in maps[role]] == ['fetch']
        assert not any(name in maps['fetch'] for name in ('libsqlite3', 'libgrpc', 'libprotobuf', 'libtss2', 'libp11.', 'libyaml'))
        status = dict(line.split(':\t', 1) for line in open(f'/proc/{pid}/status').read().splitlines() if ':\t' in line)
        assert status['Seccomp'].strip() == '2' and status['NoNewPrivs'].strip() == '1' and int(status['CapEff'], 16) == 0
        assert open(f'/proc/{pid}/environ').read() == '' and open(f'/proc/{pid}/cmdline').read().count('\0') == 1
        held = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd') if int(fd) > 3]
        assert all(name.startswith('socket:') for name in held), held
        w.reload(w.spiffe.replace('/bundle', '/elsewhere'))
        w.said('no bundle from', 15)
        assert any(path == '/elsewhere' for path, _, _ in server.requests) and not away.requests
        os.kill(w.rig.roles()['fetch'], signal.SIGKILL)              # it holds nothing: another one goes on
        wait_for('another keyreeve-fetch', lambda: w.rig.roles().get('fetch', pid) not in (pid, None))
        assert w.ask(key.token()) == 0


def the_configuration_gives_each_trust_domain_one_source():
    both = 'trust_domain: b.example, url: "https://b.example/", profile: '
    rows = [
        (f'federation: [{{{both}https_web}}, {{{both}https_web}}]', 'a trust domain has one source'),
        (f'federation: [{{{both}https_web}}], bundles: [{{trust_domain: b.example, file: /b}}]', 'a trust domain has one source'),
        (f'federation: [{{{both}https_spiffe}}]', 'needs endpoint_id'),
        (f'federation: [{{{both}https_spiffe, endpoint_id: "{ENDPOINT}"}}]', 'needs bundle_file'),
        (f'federation: [{{{both}https_spiffe, endpoint_id: "spiffe://b.example", bundle_file: /b}}]', 'not the SPIFFE ID'),
        (f'federation: [{{{both}https_web, endpoint_id: "{ENDPOINT}"}}]', 'belongs to the profile https_spiffe'),
        ('federation: [{trust_domain: B.example, url: "https://b/", profile: https_web}]', 'not the name of a trust domain'),
        ('federation: [{trust_domain: b.example, url: "http://b/", profile: https_web}]', 'is not an https URL'),
        ('federation: [{trust_domain: b.example, url: "https://u@b/", profile: https_web}]', 'is not an https URL'),
        ('federation: [{trust_domain: b.example, url: "https://b/"}]', 'profile'),
        (f'federation: [{{{both}https_web}}], bundles: [{{trust_domain: b.example, map: /b}}]', 'a trust domain has one source'),
        ('bundles: [{trust_domain: b.example, file: /b, map: /m}]', 'a trust domain has one source'),
        ('bundles: [{trust_domain: b.example}]', 'needs file, map or keys'),
        ('bundles: [{trust_domain: b.example, keys: [abc]}]', 'is not the thumbprint'),
        ('max_age: 30d', 'max_age'),
    ]
    with World(issuer=False) as w:
        for spiffe, sentence in rows:
            w.spiffe = spiffe
            w.rig.write_config()
            done = subprocess.run([os.path.join(w.rig.build, 'bin', 'keyreeved'), '--config', w.rig.path('keyreeve.yaml'), '--check'],
                                  capture_output=True, text=True, timeout=20)
            assert done.returncode == 4 and sentence in done.stderr, (spiffe, done.returncode, done.stderr)


main([good_tokens_pass_while_the_workload_api_is_away_and_over_a_restart, a_withdrawal_erases_what_is_stored,
      damage_to_what_is_stored_is_reported_and_heard_anew,
      keys_that_nobody_confirms_end_with_their_age, a_set_without_any_key_of_the_one_before_is_held,
      a_first_set_without_a_pinned_key_is_refused, an_operator_who_says_so_goes_on_with_an_alarm,
      a_file_is_all_there_is_for_its_trust_domain, a_bundle_map_counts_whole_or_not_at_all, without_a_usable_bundle_the_daemon_is_not_ready,
      a_federated_domain_comes_from_its_endpoint, an_endpoint_is_its_spiffe_id_and_nothing_else,
      a_forged_first_bundle_is_refused_by_pin_or_store_and_else_said_to_be_the_first,
      only_a_trusted_bundle_makes_the_daemon_ready,
      keyreeve_fetch_is_alone_with_libcurl_and_reaches_its_ports_only, the_configuration_gives_each_trust_domain_one_source])
