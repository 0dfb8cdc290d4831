#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""End to end with a real SPIRE server and agent: two workloads under two accounts, known to SPIRE's unix attestor, and
the service, which has an entry of its own.  Nothing but JWT-SVIDs goes to keyreeve, fetched under the accounts."""
import hashlib, os, struct, sys, threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
        within = withdraw(s, old)
        assert s.spire.published() == {key}
        assert s.ask(fresh) == ACCEPTED
        assert within < 1, within
        print(f'        refused at most {within:.2f} s after the agent had the change', flush=True)
        signs(web, SOFT, 'web')
        time.sleep(1.3)     # refusals of unknown tokens are counted by the second
        assert s.refusals('JWT_KEY_UNKNOWN')


def withdraw(s, token):
    """Revoke the key of a token that is good and cached.  Returns a bound on the time from the change of the agent's bundle
    to the first refusal: from the start of the last look at that bundle, over the Workload API, that still showed the key,
    to the end of the first request that was refused."""
    looked = time.monotonic()
    done = threading.Event()

    def look():
        nonlocal looked
        while not done.is_set():
            start = time.monotonic()
            if kid(token) not in s.spire.fetch(WEB_UID)[1]:
                return
            looked = start
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        assert s.ask(token) == ACCEPTED
        s.spire.say('rotate', 'revoke')
        wait_for('the withdrawal', lambda: s.ask(token) == REFUSED, 10)
        refused = time.monotonic()
    finally:
        done.set()
        watcher.join()
    assert s.ask(token) == REFUSED
    return refused - looked


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


ABSENCE, RESTART, LIFETIME = 60, 40, 600     # seconds; a restart begins back-off anew, so that the end is soon noticed


def an_agent_away_for_a_minute_is_missed_by_nobody_and_brings_a_withdrawal():
    """R-11 in small: under load with tokens from before, with a restart of keyreeve in the middle, which begins with what it has
    stored.  A key that the server withdrew meanwhile is good until the agent is back."""
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        s.spire.remove(WEB, WEB_UID)
        s.spire.register(WEB, WEB_UID, LIFETIME)
        old = s.spire.token(WEB, WEB_UID, 'parsec,old')    # the agent may have one for parsec alone, of the entry before
        key = s.spire.new_key(WEB_UID)
        s.spire.taint(WEB, WEB_UID)
        load = Load(s)
        assert load.kids == {key} and kid(old) != key
        assert all(part(token, 1)['exp'] - part(token, 1)['iat'] == LIFETIME for token in (old, load.held))
        wait_for('the new key', lambda: s.ask(load.held) == ACCEPTED == s.ask(old), TRUST_SECONDS)
        s.spire.kill_agent()
        begin = time.monotonic()
        with running(load):
            s.spire.say('rotate', 'revoke')         # of the old key; nobody is told
            assert s.spire.published() == {key}
            asked = accepts_until(s, old, begin + RESTART)
            load.restart()
            asked += accepts_until(s, old, begin + ABSENCE)
            before, away = s.received(), time.monotonic() - begin
            s.spire.say('agent-start')
            wait_for('the agent to be heard', lambda: s.received() > before, TRUST_SECONDS)
            heard = time.monotonic()
            wait_for('the withdrawal', lambda: s.ask(old) == REFUSED, 5)
            within = time.monotonic() - heard
            time.sleep(1)
        print(f'        away for {away:.0f} s: {load.done} requests of the load and {asked} with the old key, {load.away} while '
              f'keyreeve was away; refused {within:.2f} s after the agent was heard', flush=True)
        assert load.answers == {0} and load.done > 10 * ABSENCE and load.away, (load.answers, load.done, load.away)
        assert within < 1, within
        refused = [line for line in s.rig.audit() if line.get('wire') == REFUSED]
        assert {line['status'] for line in refused} <= {'JWT_KEY_UNKNOWN'}, refused[:3]
        assert [line for line in s.rig.audit() if line.get('event') == 'trust-restored']


def accepts_until(s, token, end):
    asked = 0
    while time.monotonic() < end:
        assert s.ask(token) == ACCEPTED
        asked += 1
        time.sleep(0.2)
    return asked


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


RIGS = '  - {match: {uid: 0}, tenant: uid0}\n'      # the rig asks whether a provider is there
LIFETIMES = [ # seconds, what the daemon's bound of 10 minutes says, what a tenant's of a minute says
    (10, None, None), (60, None, None), (61, None, 'TENANT_TOKEN'), (300, None, 'TENANT_TOKEN'), (600, None, 'TENANT_TOKEN'),
    (601, 'JWT_LIFETIME', 'JWT_LIFETIME'), (1200, 'JWT_LIFETIME', 'JWT_LIFETIME'), (3600, 'JWT_LIFETIME', 'JWT_LIFETIME')]
BOUNDED = (f'  - match: {{spiffe: "spiffe://{DOMAIN}/ns/tight/sa/{{account}}"}}\n    tenant: "tight"\n    token: {{max_lifetime: 60s}}\n'
           f'  - match: {{spiffe: "spiffe://{DOMAIN}/ns/{{namespace}}/sa/{{account}}"}}\n    tenant: "k8s/{{namespace}}"\n' + RIGS)
LEEWAY_S = 10


def lifetimes_from_10_s_to_an_hour_meet_the_bounds_of_daemon_and_tenant():
    with Setup(tenants=BOUNDED) as s:
        def identity(namespace, ttl):
            return f'spiffe://{DOMAIN}/ns/{namespace}/sa/t{ttl}'
        everyone = [(namespace, ttl) for namespace in ('loose', 'tight') for ttl, *_ in LIFETIMES]
        for namespace, ttl in everyone:
            s.spire.say('entry', identity(namespace, ttl), LONG_UID, ttl)
        wait_for('all entries', lambda: {identity(*one) for one in everyone} <= set(s.spire.svids(LONG_UID)))
        tokens = s.spire.svids(LONG_UID)
        short = tokens[identity('loose', 10)]
        assert s.ask(short) == ACCEPTED
        for ttl, loose, tight in LIFETIMES:
            for namespace, expected in (('loose', loose), ('tight', tight)):
                token = tokens[identity(namespace, ttl)]
                claims = part(token, 1)
                assert claims['exp'] - claims['iat'] == ttl and claims['sub'] == identity(namespace, ttl), claims
                got = s.ask(token)
                assert got == (REFUSED if expected else ACCEPTED), (namespace, ttl, got)
                if expected:
                    wait_for(f'{namespace} {ttl}: {expected}', lambda: [
                        line for line in s.refusals(expected) if line['identity'] == claims['sub'] and line['token']['kid'] == kid(token)], 3)
        # One of ten seconds ends ten seconds after its end; a workload that asks the agent each time does not notice.
        client, end = s.client(identity('loose', 10), LONG_UID), part(short, 1)['exp']
        client.generate(SOFT, 'short')
        while s.ask(short) == ACCEPTED:
            assert time.time() < end + LEEWAY_S + 2, 'still accepted'
            signs(client, SOFT, 'short')
            time.sleep(0.5)
        assert time.time() >= end + LEEWAY_S, time.time() - end
        signs(client, SOFT, 'short')
        assert part(client.auth[1](), 1)['exp'] > end + LEEWAY_S / 2


def tokens_for_others_and_of_others_are_refused():
    """Another audience; and a second SPIRE of the same name, which has other keys."""
    with Setup() as s:
        assert s.ask(s.spire.token(WEB, WEB_UID, 'vault')) == REFUSED
        with Spire({WEB: WEB_UID}) as second:
            stranger = second.token(WEB, WEB_UID)
            assert part(stranger, 1)['sub'] == WEB and s.ask(stranger) == REFUSED
        assert s.ask(s.spire.token(WEB, WEB_UID)) == ACCEPTED


OTHER = 'other.example'
STRANGER, STRANGER_UID = f'spiffe://{OTHER}/ns/a/sa/web', 2004    # the path of our own workload
OURS = f'  - match: {{spiffe: "spiffe://{DOMAIN}/ns/{{namespace}}/sa/{{account}}"}}\n    tenant: "k8s/{{namespace}}"\n' + RIGS
THEIRS = f'  - match: {{spiffe: "spiffe://{OTHER}/ns/{{namespace}}/sa/{{account}}"}}\n    tenant: "k8s/{{namespace}}"\n'


def a_federated_domain_reaches_no_tenant_unless_a_match_names_it():
    """Two servers with an agent each, federated over https_spiffe.  Being trusted is not being served; and once served, the
    same path in the same tenant is another identity, with other keys."""
    with Setup(start=False, tenants=OURS) as s, Spire({STRANGER: STRANGER_UID}, OTHER) as other:
        s.spire.federate(other)
        other.federate(s.spire)
        s.spire.remove(SERVICE, SERVICE_UID)
        s.spire.register(SERVICE, SERVICE_UID, 300, OTHER)
        s.rig.start()
        s.wait_trust()
        token = other.token(STRANGER, STRANGER_UID)
        assert part(token, 1)['sub'] == STRANGER and kid(token) in other.published() and kid(token) not in s.spire.published()
        web, stranger = s.client(), Client(s.rig.socket, ('jwt', lambda: other.token(STRANGER, STRANGER_UID)))
        web.generate(SOFT, 'k')
        # The key is known, and that does not help.
        wait_for('refused by the tenants', lambda: s.ask(token) == REFUSED and s.refusals('TENANT_NONE'), 15)
        assert {line['identity'] for line in s.refusals('TENANT_NONE')} == {STRANGER}
        assert not any('tenant' in line for line in s.rig.audit() if line.get('identity') == STRANGER)
        s.rig.options['tenants'] = OURS + THEIRS
        s.rig.write_config()
        wait_for('the match', lambda: s.ask(token) == ACCEPTED, 3)
        assert stranger.keys() == [] and status_of(stranger.sign, SOFT, 'k', DIGEST) == 1140
        stranger.generate(SOFT, 'k')
        signs(stranger, SOFT, 'k')
        assert stranger.public(SOFT, 'k') != web.public(SOFT, 'k')
        # Their keys change at their place, and ours hears it over the bundle endpoint.
        key = other.new_key(STRANGER_UID)
        s.spire.refresh(other)
        other.taint(STRANGER, STRANGER_UID)
        fresh = other.token(STRANGER, STRANGER_UID)
        assert kid(fresh) == key
        wait_for('the new key', lambda: s.ask(fresh) == ACCEPTED, 5)
        other.say('rotate', 'revoke')
        s.spire.refresh(other)
        wait_for('the withdrawal', lambda: s.ask(token) == REFUSED, 5)
        assert s.ask(fresh) == ACCEPTED
        # Our server lets go of the other domain: so do we.
        s.spire.remove(SERVICE, SERVICE_UID)
        s.spire.register(SERVICE, SERVICE_UID)
        wait_for('the end', lambda: s.ask(fresh) == REFUSED, 15)
        s.wait_trust()
        assert s.ask(fresh) == REFUSED
        wait_for('its line', lambda: s.refusals('JWT_DOMAIN_UNKNOWN'), 3)
        signs(web, SOFT, 'k')


def identical_workloads_share_one_cached_token_and_a_thief_under_another_account_does_not():
    """Two processes of one account and entry: the agent hands both the same token.  A process of another account that has it
    is refused, and the owners do not notice."""
    with Setup() as s:
        first, second = s.spire.token(WEB, WEB_UID), s.spire.token(WEB, WEB_UID)
        assert first == second

        def create():
            client = Client(s.rig.socket, ('jwt', first))
            client.generate(SOFT, 'web')
            return client.public(SOFT, 'web').hex()

        def sign():
            return os.getpid(), Client(s.rig.socket, ('jwt', first)).sign(SOFT, 'web', DIGEST).hex()

        def steal():
            client = Client(s.rig.socket, ('jwt', first))
            return [status_of(client.sign, SOFT, 'web', DIGEST), status_of(client.keys)]
        public, pids = bytes.fromhex(as_account(WEB_UID, create)), set()
        for thief in (None, DB_UID, 0):
            if thief is not None:
                assert as_account(thief, steal) == [REFUSED, REFUSED], thief
            pid, signature = as_account(WEB_UID, sign)
            pids.add(pid)
            verify_outside(public, DIGEST, bytes.fromhex(signature))
        lines = [line for line in s.rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0]
        assert {line['peer']['pid'] for line in lines} == pids and len(pids) == 3, lines
        assert {line['peer']['uid'] for line in lines} == {WEB_UID}
        assert len({line['token']['hash'] for line in lines}) == 1 and {line['identity'] for line in lines} == {WEB}
        wait_for('lines of the thieves', lambda: {line['peer']['uid'] for line in s.refusals('BIND_SCOPE')} == {DB_UID, 0}, 3)


ROTATIONS, MINUTE = 6, 60


def six_rotations_in_a_minute_refuse_no_good_token():
    """Under load, with a restart of keyreeve in the middle.  What the agent hands out is good, always; a request's token is
    at most half a second old, as a client's is that asks the agent each time."""
    with Setup(providers=('tpm', 'soft', 'hsm')) as s:
        load = Load(s)
        kids, begin = [], time.monotonic()
        with running(load, load.fetch):
            for number in range(ROTATIONS):
                kids.append(rotate(s.spire))
                if number == ROTATIONS // 2 - 1:
                    load.restart()
            took = time.monotonic() - begin
            time.sleep(1)
        assert took < MINUTE, took
        print(f'        {ROTATIONS} rotations in {took:.1f} s, {load.done} requests with {len(load.tokens)} tokens of '
              f'{len(load.kids)} keys, {load.away} while keyreeve was away', flush=True)
        assert load.answers == {0}, load.answers
        refused = [line for line in s.rig.audit() if line.get('wire') == REFUSED]
        assert refused == [], refused[:3]
        assert len(set(kids)) == ROTATIONS and set(kids) <= load.kids and s.spire.published() == {kids[-1]}, (kids, load.kids)
        assert load.done > 1000 and s.spire.calls('ValidateJWTSVID') == []


def rotate(spire):
    """As an operator who leaves the agent time: revoked is what nobody is given any more.  Returns the new key's id."""
    key = spire.new_key(WEB_UID)
    time.sleep(1)
    spire.taint(WEB, WEB_UID)
    time.sleep(1.5)
    spire.say('rotate', 'revoke')
    time.sleep(1)
    return key


class Load:
    """Signatures on each provider, over kept connections and over new ones, beside requests of every kind."""

    def __init__(self, setup):
        self.setup, self.held, self.stopped = setup, None, False
        self.done, self.away, self.answers, self.tokens, self.kids = 0, 0, set(), set(), set()
        self.is_away = False
        self.hold()
        mixed = Mixed(Client(setup.rig.socket, ('jwt', lambda: self.held)))
        self.clients = [mixed.request] + [self.signer(provider, keep)
                                          for provider, keep in ((SOFT, True), (SOFT, False), (PKCS11, True), (TPM, False))]

    def hold(self):
        self.held = self.setup.spire.token(WEB, WEB_UID)
        self.tokens.add(self.held)
        self.kids.add(kid(self.held))

    def fetch(self):
        while not self.stopped:
            self.hold()
            time.sleep(0.25)

    def signer(self, provider, keep):
        client = Client(self.setup.rig.socket, ('jwt', lambda: self.held), keep=keep)
        return lambda: [status_of(client.sign, provider, f'mixed-p{provider}', DIGEST)]

    def run(self, request):
        while not self.stopped:
            try:
                self.answers |= set(request())
                self.done += 1
            except (OSError, struct.error):     # refused, no socket, end of file: in the restart, and never else
                assert self.is_away
                self.away += 1
            time.sleep(0.02)

    def restart(self):
        self.is_away = True
        self.setup.rig.stop()
        self.setup.rig.start()
        self.is_away = False


@contextmanager
def running(load, *others):
    """Its clients and these, each in a thread of its own; what one of them raised is raised at the end."""
    with ThreadPoolExecutor(len(load.clients) + len(others)) as pool:
        threads = [pool.submit(other) for other in others] + [pool.submit(load.run, client) for client in load.clients]
        try:
            yield
        finally:
            load.stopped = True
        for thread in threads:
            thread.result()


class Mixed:
    """Requests of every kind in turn, on the three providers."""

    def __init__(self, client):
        self.client, self.done, self.signature = client, 0, {}
        for provider in PROVIDERS.values():
            self.client.generate(provider, f'mixed-p{provider}')
            self.signature[provider] = self.client.sign(provider, f'mixed-p{provider}', DIGEST)

    def request(self):
        """One round of them; a key that was made is there for the next two."""
        provider, name = list(PROVIDERS.values())[self.done % 3], f'mixed-{self.done}'
        kept = f'mixed-p{provider}'
        self.done += 1
        for call in ((self.client.sign, provider, kept, DIGEST),
                     (self.client.verify, provider, kept, DIGEST, self.signature[provider]),
                     (self.client.public, provider, kept),
                     (self.client.keys,),
                     (self.client.generate, provider, name),
                     (self.client.sign_message, provider, name, b'message'),
                     (self.client.destroy, provider, name)):
            yield status_of(*call)


limit(570)
main([a_workload_does_the_main_job_with_nothing_but_its_token, the_command_line_does_the_main_job_under_the_accounts,
      a_new_signing_key_is_trusted_at_once_and_an_old_one_until_it_is_withdrawn,
      a_workload_whose_entry_is_removed_gets_no_more_tokens,
      the_services_own_entry_removed_ends_trust_and_restored_restores_it,
      an_agent_away_for_a_minute_is_missed_by_nobody_and_brings_a_withdrawal,
      an_agent_absent_at_the_start_is_found_when_it_comes,
      lifetimes_from_10_s_to_an_hour_meet_the_bounds_of_daemon_and_tenant, tokens_for_others_and_of_others_are_refused,
      a_federated_domain_reaches_no_tenant_unless_a_match_names_it,
      identical_workloads_share_one_cached_token_and_a_thief_under_another_account_does_not,
      six_rotations_in_a_minute_refuse_no_good_token])
