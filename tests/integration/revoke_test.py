#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Revocation of identities, signing keys and tokens, by the command line over the administrators' socket."""
import base64, hashlib, os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

W, V = 'spiffe://rig.example/ns/a/sa/w', 'spiffe://rig.example/ns/a/sa/v'
IN_FORCE_S = 1.0


class Setup:
    def __init__(self):
        self.rig = Rig(providers=('soft',), wrap='file')
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig)

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('trust', lambda: self.ask(self.issuer.token(W)) == 0)
        except BaseException:
            self.rig.close()
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def ask(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(26)['status']

    def run(self, *arguments, code=0):
        done = subprocess.run([os.path.join(self.rig.build, 'bin', 'keyreeve'), *arguments, '--socket', self.rig.admin_socket],
                              env={'PATH': os.environ['PATH']}, capture_output=True, text=True, timeout=30)
        assert done.returncode == code, (arguments, done)
        return done.stdout if code == 0 else done.stderr

    def listed(self):
        return json.loads(self.run('admin', 'revocations', '--json'))

    def line(self, token):
        """The audit line of a refusal of this token."""
        hashed = hashlib.sha256(token.rsplit('.', 1)[0].encode()).hexdigest()
        return [l for l in self.rig.audit() if l.get('token', {}).get('hash') == hashed and l.get('wire') == 11][-1]


def as_uid(uid, function):
    """In a process of that account; its answer."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(writer, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def kid_of(token):
    part = token.split('.')[0]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))['kid']


def each_selector_ends_what_it_names_at_once_and_lifting_restores_it():
    with Setup() as s:
        w, v, marked = s.issuer.token(W), s.issuer.token(V), s.issuer.token(W, jti='j-1')
        hashed = hashlib.sha256(w.rsplit('.', 1)[0].encode()).hexdigest()
        rows = [                                          # arguments, refused, still served
            (['--subject', f'jwt-svid:{W}'], [w, marked], [v]),
            (['--kid', kid_of(w)], [w, v, marked], []),
            (['--kid', kid_of(w), '--trust-domain', 'rig.example'], [w, v, marked], []),
            (['--kid', kid_of(w), '--trust-domain', 'other.example'], [], [w, v, marked]),
            (['--jti', 'j-1'], [marked], [w, v]),
            (['--jti', 'sha256:' + hashlib.sha256(b'j-1').hexdigest()], [marked], [w, v]),
            (['--token-hash', hashed], [w], [v, marked]),
            (['--all', '--trust-domain', 'rig.example'], [w, v, marked], []),
            (['--all', '--issuer', 'rig.example'], [], [w, v, marked]),
            (['--all'], [w, v, marked], []),
        ]
        for token in (w, v, marked):
            assert s.ask(token) == 0                      # verified, in the cache
        for arguments, refused, served in rows:
            began = time.monotonic()
            s.run('revoke', *arguments, '--because', 'a test')
            assert [s.ask(t) for t in refused] == [11] * len(refused), arguments
            assert time.monotonic() - began < IN_FORCE_S, arguments
            assert [s.ask(t) for t in served] == [0] * len(served), arguments
            if refused:
                line = s.line(refused[0])
                assert (line['status'], line['decision'], line['rule']) == ('CREDENTIAL_REVOKED', 'deny', 'revoked'), line
            one, = s.listed()
            assert one['because'] == 'a test' and one['by'] == '0', one
            s.run('admin', 'unrevoke', *arguments)
            assert s.listed() == [] and [s.ask(t) for t in refused + served] == [0] * 3, arguments


def issued_before_ends_old_tokens_and_spares_new_ones():
    with Setup() as s:
        old = s.issuer.token(W, age=60)
        assert s.ask(old) == 0
        s.run('revoke', '--all', '--issued-before', time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(time.time() - 30)))
        assert s.ask(old) == 11 and s.ask(s.issuer.token(W)) == 0
        s.run('revoke', '--subject', f'jwt-svid:{W}', '--issued-before', 'now')
        fresh = s.issuer.token(W)
        assert s.ask(s.issuer.token(V)) == 0
        wait_for('a token of a later second', lambda: s.ask(s.issuer.token(W)) == 0, 3)
        assert s.ask(fresh) == 11


def a_revocation_survives_a_restart_and_a_kill():
    with Setup() as s:
        token = s.issuer.token(W)
        s.run('revoke', '--subject', f'jwt-svid:{W}')
        s.rig.kill()                                      # acknowledged is durable
        s.rig.start()
        wait_for('trust', lambda: s.ask(s.issuer.token(V)) == 0)
        assert s.ask(token) == 11 and s.ask(s.issuer.token(W)) == 11
        s.run('admin', 'unrevoke', '--subject', f'jwt-svid:{W}')
        s.rig.stop()
        s.rig.start()
        wait_for('trust', lambda: s.ask(s.issuer.token(V)) == 0)
        assert s.ask(token) == 0 and s.listed() == []


def one_that_lasts_ends_by_itself():
    with Setup() as s:
        token = s.issuer.token(W)
        s.run('revoke', '--subject', f'jwt-svid:{W}', '--lasts', '2s')
        assert s.ask(token) == 11
        wait_for('its end', lambda: s.ask(token) == 0, 4)
        wait_for('its row to go', lambda: s.listed() == [], 3)
        s.rig.stop()
        s.rig.start()
        assert s.listed() == []


def uids_and_names_are_revoked_like_identities():
    with Setup() as s:
        ask = lambda: as_uid(2001, lambda: status_of(Client(s.rig.socket).keys))
        assert ask() == 0
        s.run('revoke', '--subject', 'unix:2001')
        assert ask() == 11 and status_of(Client(s.rig.socket).keys) == 0
        s.run('admin', 'unrevoke', '--subject', 'unix:2001')
        assert ask() == 0
        s.run('revoke', '--subject', 'unix:0', code=1)      # nobody locks himself out
        assert s.listed() == []


def a_token_is_good_for_one_request_where_the_tenant_says_so():
    with Setup() as s:
        s.rig.options['tenants'] = ('  - {match: {spiffe: "spiffe://rig.example/ns/a/sa/{x}"}, tenant: a, providers: [soft], token: {once: true}}\n'
                                    '  - {match: {spiffe: "spiffe://rig.example/ns/b/sa/{x}"}, tenant: b, providers: [soft]}\n'
                                    '  - {match: {uid: 0}, tenant: root, providers: [soft]}\n')
        early = s.issuer.token(W, jti='early')
        s.rig.stop()
        s.rig.start()
        wait_for('trust', lambda: s.ask(s.issuer.token(V.replace('/a/', '/b/'))) == 0)
        reason = lambda token: s.line(token)['status']
        first, plain, other = s.issuer.token(W, jti='one'), s.issuer.token(W), s.issuer.token(W.replace('/a/', '/b/'))
        wait_for('a second to pass', lambda: s.ask(s.issuer.token(V, jti=f'v{time.monotonic()}')) == 0, 3)
        first = s.issuer.token(W, jti='one')
        assert s.ask(first) == 0 and s.ask(first) == 11 and reason(first) == 'TOKEN_USED'
        again = s.issuer.token(V, jti='one')              # the same jti in another token
        assert s.ask(again) == 11 and reason(again) == 'TOKEN_USED'
        assert s.ask(plain) == 11 and reason(plain) == 'TOKEN_JTI'
        assert s.ask(early) == 11 and reason(early) == 'TOKEN_USED'
        assert [s.ask(other), s.ask(other)] == [0, 0]     # another tenant's


def acts_are_announced_and_who_may_not_revokes_nothing():
    with Setup() as s:
        token = s.issuer.token(W)
        s.run('revoke', '--subject', f'jwt-svid:{W}')
        lines = [l for l in s.rig.audit() if l.get('op') == 'AdminRevoke']
        assert lines[0]['event'] == 'admin-act' and lines[0]['target'] == f'jwt-svid:{W}' and lines[1]['status'] == 'OK', lines
        s.run('admin', 'unrevoke', '--subject', f'jwt-svid:{W}')
        body = pb((1, 1), (4, f'jwt-svid:{W}'))
        assert Client(s.rig.socket).exchange(0x4B520010, body)['status'] != 0       # the public socket
        assert s.ask(token) == 0 and s.listed() == []


def what_makes_no_sense_is_refused_by_name():
    with Setup() as s:
        admin = Client(s.rig.admin_socket)
        for body in (b'', pb((1, 9)), pb((1, 1)), pb((1, 1), (4, 'tenant:x')), pb((1, 1), (2, 4), (4, 'x')), pb((1, 2), (4, 'k')),
                     pb((1, 3), (2, 4), (4, b'short')), pb((1, 4), (4, b'x' * 33)), pb((1, 5), (2, 4), (4, 'x')),
                     pb((1, 2), (2, 4), (4, 'k'), (6, 1 << 40)), pb((1, 1), (4, 'unix:1'), (7, b'x' * 256))):
            assert admin.exchange(0x4B520010, body)['status'] == 1135, body
        assert admin.exchange(0x4B520010, pb((1, 1), (4, 'unix:1'), (9, 1)))['status'] == 16
        for arguments in ([], ['--all', '--jti', 'x'], ['--subject', 'unix:1', '--trust-domain', 'x'], ['--token-hash', 'abc'],
                          ['--all', '--lasts', 'soon'], ['--all', '--issued-before', 'yesterday']):
            s.run('revoke', *arguments, code=1)
        assert s.listed() == []


main([each_selector_ends_what_it_names_at_once_and_lifting_restores_it, issued_before_ends_old_tokens_and_spares_new_ones,
      a_revocation_survives_a_restart_and_a_kill, one_that_lasts_ends_by_itself, uids_and_names_are_revoked_like_identities,
      a_token_is_good_for_one_request_where_the_tenant_says_so,
      acts_are_announced_and_who_may_not_revokes_nothing, what_makes_no_sense_is_refused_by_name])
