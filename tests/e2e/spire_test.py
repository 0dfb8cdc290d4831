#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""End to end with a real SPIRE server and agent: two workloads under two accounts, known to SPIRE's unix attestor, and
the service, which has an entry of its own.  Nothing but JWT-SVIDs goes to keyreeve, fetched under the accounts."""
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *
from peers import run
from spire import *

DIGEST = hashlib.sha256(b'end to end').digest()


def signs(client, provider, name):
    verify_outside(client.public(provider, name), DIGEST, client.sign(provider, name, DIGEST))


def a_workload_does_the_main_job_with_nothing_but_its_token():
    """On a TPM, a token and in software; the other tenant sees nothing; the keys of SPIRE are judged here: the agent was
    never asked to validate."""
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        web, db = s.client(), s.client(DB, DB_UID)
        for provider in PROVIDERS.values():
            name = f'web-{provider}'
            web.generate(provider, name)
            signs(web, provider, name)
            web.verify(provider, name, DIGEST, web.sign(provider, name, DIGEST))
            assert (name, provider) in web.keys()
            assert db.keys() == []
            for op in (lambda: db.sign(provider, name, DIGEST), lambda: db.public(provider, name),
                       lambda: db.destroy(provider, name)):
                assert status_of(op) == 1140
            db.generate(provider, name)
            assert db.public(provider, name) != web.public(provider, name)
            signs(web, provider, name)
            for client in (web, db):
                client.destroy(provider, name)
                assert status_of(client.sign, provider, name, DIGEST) == 1140
        assert web.keys() == [] and db.keys() == []
        named_in_the_audit(s)
        spire_was_real(s)


def named_in_the_audit(s):
    signed = [line for line in s.rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0]
    assert {(line['identity'], line['tenant'], line['authn']) for line in signed} == {(WEB, 'k8s/a', 'jwt-svid')}, signed
    assert {line['provider'] for line in signed} == {'tpm', 'soft', 'hsm'}
    assert {line['token']['kid'] for line in signed} <= s.spire.published()


def spire_was_real(s):
    """The token is of a key that the server shows, with the account's identity; no validation was bought from the agent,
    whose log would show it: a call of our own does."""
    token = s.spire.token(WEB, WEB_UID)
    assert kid(token) in s.spire.published() and part(token, 1)['sub'] == WEB, token
    assert s.spire.calls('FetchJWTSVID') and s.spire.calls('ValidateJWTSVID') == []
    run([s.spire.agent, 'api', 'validate', 'jwt', '-audience', 'parsec', '-svid', token, '-socketPath', s.spire.socket],
        WEB_UID)
    wait_for('a line of the control call', lambda: s.spire.calls('ValidateJWTSVID'))


def the_command_line_does_the_main_job_under_the_accounts():
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        env = {'PARSEC_SERVICE_ENDPOINT': f'unix:{s.rig.socket}', 'SPIFFE_ENDPOINT_SOCKET': f'unix://{s.spire.socket}'}
        os.mkdir(s.rig.path('web'), 0o755)
        os.chown(s.rig.path('web'), WEB_UID, WEB_UID)
        public, message, signature = (s.rig.path('web', name) for name in ('public.pem', 'message', 'signature'))
        with open(message, 'w') as f:
            f.write('from the command line')

        def keyreeve(uid, *arguments):
            return run([os.path.join(s.rig.build, 'bin', 'keyreeve'), *arguments], uid, env)

        def good(*arguments):
            done = keyreeve(WEB_UID, *arguments)
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)
            return done.stdout

        os.chmod(message, 0o644)
        for provider in ('tpm', 'pkcs11', 'software'):
            name = f'cli-{provider}'
            good('key', 'create', name, '--provider', provider)
            assert name in good('key', 'list')
            with open(public, 'w') as f:
                f.write(good('key', 'public', name))
            good('sign', name, message, '--out', signature)
            outside = run(['openssl', 'dgst', '-sha256', '-verify', public, '-signature', signature, message])
            assert outside.stdout == 'Verified OK\n', outside
            good('verify', name, message, '--signature', signature)
            assert name not in keyreeve(DB_UID, 'key', 'list').stdout
            stranger = keyreeve(DB_UID, 'sign', name, message)
            assert stranger.returncode == 5, stranger
            good('key', 'destroy', name)
            assert keyreeve(WEB_UID, 'sign', name, message).returncode == 5
        signed = [line for line in s.rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0]
        assert len(signed) == 3 and {line['identity'] for line in signed} == {WEB}, signed
        # An account that SPIRE does not know has no token to show: exit code 3.
        nobody = keyreeve(LONG_UID, 'key', 'list', '--auth', 'jwt-svid')
        assert nobody.returncode == 3, (nobody.returncode, nobody.stderr)


def a_new_signing_key_is_trusted_at_once_and_an_old_one_until_it_is_withdrawn():
    with Setup() as s:
        web = s.client()
        web.generate(SOFT, 'web')
        old = s.spire.token(WEB, WEB_UID)
        key = s.spire.new_key(WEB_UID)
        # The agent keeps tokens for half their life; for two audiences it has none yet, so the new key makes it.
        fresh = s.spire.token(WEB, WEB_UID, 'parsec,another')
        assert kid(fresh) == key and kid(old) != key and part(fresh, 1)['aud'] == ['parsec', 'another'], part(fresh, 1)
        assert s.ask(fresh) == ACCEPTED and s.ask(old) == ACCEPTED
        assert s.spire.published() == {kid(old), key}
        former = s.spire.taint(WEB, WEB_UID)
        assert former == kid(old) and s.ask(old) == ACCEPTED
        s.spire.say('rotate', 'revoke')
        assert s.spire.published() == {key}
        wait_for('the withdrawal', lambda: s.ask(old) == REFUSED, 3)   # the agent asks once a second
        assert s.ask(fresh) == ACCEPTED
        signs(web, SOFT, 'web')
        time.sleep(1.3)     # refusals of unknown tokens are counted by the second
        assert s.refusals('JWT_KEY_UNKNOWN')


def a_workload_whose_entry_is_removed_gets_no_more_tokens():
    """What it has is good until it ends: a token cannot be called back.  Other workloads do not notice."""
    with Setup() as s:
        web, db = s.client(), s.client(DB, DB_UID)
        web.generate(SOFT, 'web')
        last = s.spire.token(WEB, WEB_UID)
        s.spire.remove(WEB, WEB_UID)
        assert s.spire.svids(WEB_UID) == {}
        assert s.ask(last) == ACCEPTED and db.keys() == []
        s.spire.register(WEB, WEB_UID)
        signs(web, SOFT, 'web')


def the_services_own_entry_removed_ends_trust_and_restored_restores_it():
    with Setup() as s:
        token = s.spire.token(WEB, WEB_UID)
        s.spire.remove(SERVICE, SERVICE_UID)
        wait_for('trust to end', lambda: s.ask(token) == REFUSED, 15)
        s.spire.register(SERVICE, SERVICE_UID)
        wait_for('trust again', lambda: s.ask(token) == ACCEPTED, TRUST_SECONDS)


def an_agent_killed_and_restarted_interrupts_nothing():
    with Setup() as s:
        web = s.client()
        web.generate(SOFT, 'web')
        token = s.spire.token(WEB, WEB_UID)
        held = Client(s.rig.socket, ('jwt', token))
        s.spire.kill_agent()
        end = time.monotonic() + 4
        while time.monotonic() < end:
            signs(held, SOFT, 'web')
            time.sleep(0.1)
        s.spire.say('agent-start')
        signs(held, SOFT, 'web')
        # Not only what was known: a key that is new after the restart arrives, so the stream is back.
        key = s.spire.new_key(WEB_UID)
        s.spire.taint(WEB, WEB_UID)
        fresh = s.spire.token(WEB, WEB_UID)
        assert kid(fresh) == key
        wait_for('the new key', lambda: s.ask(fresh) == ACCEPTED, TRUST_SECONDS)
        assert s.ask(token) == ACCEPTED
        s.spire.say('rotate', 'revoke')
        wait_for('the withdrawal', lambda: s.ask(token) == REFUSED, 3)


def an_agent_absent_at_the_start_is_found_when_it_comes():
    with Setup(start=False) as s:
        token = s.spire.token(WEB, WEB_UID)
        s.spire.say('agent-stop')
        s.rig.start()
        assert s.ask(token) == REFUSED
        assert Client(s.rig.socket).keys() == []    # others are served
        s.spire.say('agent-start')
        wait_for('trust', lambda: s.ask(token) == ACCEPTED, TRUST_SECONDS)
        web = s.client()
        web.generate(SOFT, 'web')
        signs(web, SOFT, 'web')


def a_token_that_lives_too_long_is_refused():
    with Setup() as s:
        s.spire.register(LONG, LONG_UID, 1200)
        token = s.spire.token(LONG, LONG_UID)
        claims = part(token, 1)
        assert claims['exp'] - claims['iat'] == 1200
        assert s.ask(token) == REFUSED
        wait_for('its line in the audit', lambda: s.refusals('JWT_LIFETIME'), 3)
        line = s.refusals('JWT_LIFETIME')[0]
        assert line['identity'] == LONG and line['token']['kid'] == kid(token), line
        assert s.ask(s.spire.token(WEB, WEB_UID)) == ACCEPTED


def tokens_for_others_and_of_others_are_refused():
    """Another audience; and a second SPIRE of the same name, which has other keys."""
    with Setup() as s:
        assert s.ask(s.spire.token(WEB, WEB_UID, 'vault')) == REFUSED
        with Spire({WEB: WEB_UID}) as second:
            stranger = second.token(WEB, WEB_UID)
            assert part(stranger, 1)['sub'] == WEB and s.ask(stranger) == REFUSED
        assert s.ask(s.spire.token(WEB, WEB_UID)) == ACCEPTED


def no_good_token_is_refused_in_1000_mixed_requests_over_two_rotations():
    """While keys are prepared, activated, tainted and revoked: what the agent hands out is good, always.  A request's
    token is at most half a second old, as a client's is that asks the agent each time."""
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        web = Mixed(s)
        with ThreadPoolExecutor(1) as pool:
            rotation = pool.submit(lambda: [rotate(s.spire) for _ in range(2)])
            while web.done < 1000 or not rotation.done():
                web.request()
                time.sleep(0.01)
            rotation.result()
        web.held = None
        web.request()
        print(f'        {web.done} requests, {len(web.kids)} signing keys', flush=True)
        assert web.answers == {0}, web.answers
        refused = [line for line in s.rig.audit() if line.get('wire') == REFUSED]
        assert refused == [], refused[:3]
        assert len(web.kids) == 3 and s.spire.published() == {kid(web.held)}, web.kids


def rotate(spire):
    """As an operator who leaves the agent time: revoked is what nobody is given any more."""
    time.sleep(1)
    spire.new_key(WEB_UID)
    time.sleep(1)
    spire.taint(WEB, WEB_UID)
    time.sleep(1)
    spire.say('rotate', 'revoke')
    time.sleep(1)


class Mixed:
    """Requests of every kind in turn, on the three providers."""

    def __init__(self, setup):
        self.setup, self.done, self.answers, self.kids, self.held, self.fetched = setup, 0, set(), set(), None, 0
        self.client = Client(setup.rig.socket, ('jwt', self.token))
        self.signature = {}
        for provider in PROVIDERS.values():
            self.client.generate(provider, f'mixed-p{provider}')
            self.signature[provider] = self.client.sign(provider, f'mixed-p{provider}', DIGEST)

    def token(self):
        now = time.monotonic()
        if self.held is None or now - self.fetched > 0.5:
            self.held, self.fetched = self.setup.spire.token(WEB, WEB_UID), now
            self.kids.add(kid(self.held))
        return self.held

    def request(self):
        self.one(list(PROVIDERS.values())[self.done // 7 % 3], self.done % 7)
        self.done += 1

    def one(self, provider, which):
        kept, name = f'mixed-p{provider}', f'mixed-{self.done // 7}'
        self.answers.add(status_of(*[
            (self.client.sign, provider, kept, DIGEST),
            (self.client.verify, provider, kept, DIGEST, self.signature[provider]),
            (self.client.public, provider, kept),
            (self.client.keys,),
            (self.client.generate, provider, name),
            (self.client.sign_message, provider, name, b'message'),
            (self.client.destroy, provider, name)][which]))


limit(570)
main([a_workload_does_the_main_job_with_nothing_but_its_token, the_command_line_does_the_main_job_under_the_accounts,
      a_new_signing_key_is_trusted_at_once_and_an_old_one_until_it_is_withdrawn,
      a_workload_whose_entry_is_removed_gets_no_more_tokens,
      the_services_own_entry_removed_ends_trust_and_restored_restores_it, an_agent_killed_and_restarted_interrupts_nothing,
      an_agent_absent_at_the_start_is_found_when_it_comes, a_token_that_lives_too_long_is_refused,
      tokens_for_others_and_of_others_are_refused, no_good_token_is_refused_in_1000_mixed_requests_over_two_rotations])
