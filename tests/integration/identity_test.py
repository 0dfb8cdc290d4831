#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""JWT-SVIDs over the socket: verified locally with the key documents that keyreeve-idp streams from a Workload API."""
import base64, hashlib, os, struct, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

A, B = 'spiffe://rig.example/ns/a/sa/w', 'spiffe://rig.example/ns/b/sa/w'
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Setup:
    def __init__(self, start_issuer=True, **options):
        self.rig = Rig(providers=('soft',), wrap='file', **options)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig) if start_issuer else None

    def __enter__(self):
        try:
            self.rig.start()
            if self.issuer:
                self.trusted()
        except BaseException:
            self.rig.close()
            raise
        return self.rig, self.issuer

    def trusted(self):
        wait_for('trust', lambda: self.ask(self.issuer.token()) == 0)

    def ask(self, token, opcode=26):
        return Client(self.rig.socket, ('jwt', token)).exchange(opcode)['status']

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def a_workload_uses_keys_with_nothing_but_its_token():
    setup = Setup()
    with setup as (rig, issuer):
        client = Client(rig.socket, ('jwt', lambda: issuer.token(A)))
        client.generate(SOFT, 'web')
        digest = hashlib.sha256(b'x').digest()
        verify_outside(client.public(SOFT, 'web'), digest, client.sign(SOFT, 'web', digest))
        other = Client(rig.socket, ('jwt', lambda: issuer.token(B)))
        assert other.keys() == [] and status_of(other.sign, SOFT, 'web', digest) == 1140
        # another workload of the same tenant has its own names, too
        sibling = Client(rig.socket, ('jwt', lambda: issuer.token('spiffe://rig.example/ns/a/sa/v')))
        assert status_of(sibling.sign, SOFT, 'web', digest) == 1140
        line = [line for line in rig.audit() if line.get('op') == 'PsaSignHash' and line['wire'] == 0][-1]
        assert (line['authn'], line['identity'], line['tenant']) == ('jwt-svid', A, 'k8s/a'), line
        assert len(line['token']['hash']) == 64 and line['token']['kid'] and line['token']['exp'] > line['token']['start']


def refusals_are_11_and_say_why_in_the_log_only():
    setup = Setup()
    with setup as (rig, issuer):
        good = issuer.token()
        header, payload, signature = good.split('.')
        flipped = bytearray(unb64(signature))
        flipped[5] ^= 1
        claims = json.loads(unb64(payload))
        swapped = b64(json.dumps(dict(claims, sub=B)).encode())
        rows = [
            (issuer.token(audience='other'), 'JWT_AUDIENCE'), (issuer.token(audience='parse'), 'JWT_AUDIENCE'),
            (issuer.token(ttl=86400), 'JWT_LIFETIME'), (issuer.token(ttl=601), 'JWT_LIFETIME'),
            (issuer.token(ttl=300, age=400), 'JWT_EXPIRED'),
            (issuer.token(subject='spiffe://other.example/ns/a/sa/w'), 'JWT_DOMAIN_UNKNOWN'),
            (issuer.token(subject='spiffe://rig.example/elsewhere'), 'TENANT_NONE'),
            (f'{header}.{payload}.{b64(bytes(flipped))}', 'JWT_SIGNATURE'), (f'{header}.{swapped}.{signature}', 'JWT_SIGNATURE'),
            (b64(b'{"alg":"none"}') + f'.{payload}.', 'JWT_MALFORMED'),
            (b64(b'{"alg":"HS256","kid":"x"}') + f'.{payload}.{signature}', 'JWT_ALG'),
            ('', 'JWT_MALFORMED'), (b'\xff\xfe', 'JWT_MALFORMED'), ('a' * 16385, 'AUTHN_LONG'), (good + '=', 'JWT_MALFORMED'),
        ]
        for token, reason in rows:
            answer = Client(rig.socket, ('jwt', token)).exchange(26)
            assert answer['status'] == 11 and answer['body'] == b'', (reason, answer['status'])
        time.sleep(1.3)
        seen = {line['status'] for line in rig.audit() if line.get('wire') == 11}
        assert {reason for _, reason in rows} <= seen, {reason for _, reason in rows} - seen
        # a token that verified and was refused by a bound names somebody: a line of its own
        line = [line for line in rig.audit() if line.get('status') == 'JWT_LIFETIME'][0]
        assert line['identity'] == A and line['token']['hash']
        assert setup.ask(good) == 0


def what_was_verified_once_is_judged_every_time():
    setup = Setup()
    with setup as (rig, issuer):
        token = issuer.token(ttl=12)
        assert setup.ask(token) == 0 and setup.ask(token) == 0
        # the same signing input with the signature's other form: verified afresh, and good; with a bad one: refused
        header, payload, signature = token.split('.')
        raw = unb64(signature)
        other = raw[:32] + (ORDER - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big')
        assert setup.ask(f'{header}.{payload}.{b64(other)}') == 0
        assert setup.ask(f'{header}.{payload}.{b64(raw[:32] + b"1" * 32)}') == 11
        assert setup.ask(token) == 0
        time.sleep(23)                                    # past exp and the leeway of ten seconds
        assert setup.ask(token) == 11


def rotation_and_withdrawal_are_in_force_at_once():
    setup = Setup()
    with setup as (rig, issuer):
        old = issuer.token()
        kid = json.loads(unb64(old.split('.')[0]))['kid']
        assert setup.ask(old) == 0
        issuer.say('add-key', 'k-new', 'ES256')
        issuer.say('activate', 'k-new')
        new = issuer.token()
        wait_for('the new key', lambda: setup.ask(new) == 0, 2)
        assert setup.ask(old) == 0                        # published still
        issuer.say('withdraw', kid)
        wait_for('the withdrawal', lambda: setup.ask(old) == 11, 1)
        assert setup.ask(new) == 0
        for kid, alg in (('r1', 'RS256'), ('e3', 'ES384'), ('e5', 'ES512')):
            issuer.say('add-key', kid, alg)
            issuer.say('activate', kid)
            token = issuer.token()
            wait_for(alg, lambda: setup.ask(token) == 0, 2)


def trust_survives_an_agent_that_is_gone_and_ends_with_a_denial():
    setup = Setup()
    with setup as (rig, issuer):
        token = issuer.token()
        issuer.say('stop')
        time.sleep(1)
        assert setup.ask(token) == 0
        issuer.say('start')
        os.chmod(issuer.socket, 0o777)      # a new file
        issuer.say('add-key', 'k-after', 'ES256')
        issuer.say('activate', 'k-after')
        wait_for('the stream', lambda: setup.ask(issuer.token()) == 0, 40)
        assert setup.ask(token) == 0
        issuer.say('deny')
        wait_for('the withdrawal', lambda: setup.ask(token) == 11, 5)
        issuer.say('ok')
        wait_for('trust again', lambda: setup.ask(issuer.token()) == 0, 40)


def an_absent_agent_at_start_is_found_later():
    setup = Setup(start_issuer=False)
    with setup as (rig, _):
        assert setup.ask('a.b.c') == 11
        setup.issuer = Issuer(rig)
        wait_for('trust', lambda: setup.ask(setup.issuer.token()) == 0, 40)


def tenants_tighten_and_rules_allow_and_deny():
    tenants = '''  - match: {spiffe: "spiffe://rig.example/ns/{namespace}/sa/{account}"}
    tenant: "k8s/{namespace}"
    providers: [soft]
    token: {max_lifetime: 2m}
    rules:
      - {allow: [use, read, create], keys: "web-*"}
      - {allow: [destroy], keys: "*", token: {max_age: 10s}}
      - {deny: [sign], keys: "web-frozen"}
'''
    setup = Setup(tenants=tenants + '  - {match: {uid: 0}, tenant: "uid0"}\n')
    setup.trusted = lambda: wait_for('trust', lambda: setup.ask(setup.issuer.token(ttl=100)) == 0)
    with setup as (rig, issuer):
        assert setup.ask(issuer.token(ttl=300)) == 11     # good for the daemon, too long for the tenant
        fresh = Client(rig.socket, ('jwt', lambda: issuer.token(ttl=100)))
        stale = Client(rig.socket, ('jwt', lambda: issuer.token(ttl=100, age=30)))
        for name in ('web-1', 'web-frozen'):
            fresh.generate(SOFT, name)
        assert status_of(fresh.generate, SOFT, 'db-1') == 1133
        assert len(stale.sign(SOFT, 'web-1', b'h' * 32)) == 64
        assert status_of(fresh.sign, SOFT, 'web-frozen', b'h' * 32) == 1133
        assert status_of(stale.destroy, SOFT, 'web-1') == 1133
        assert status_of(fresh.destroy, SOFT, 'db-1') == 1140   # missing comes before policy
        fresh.destroy(SOFT, 'web-1')
        denied = [line for line in rig.audit() if line.get('wire') == 1133 and line['key'] == 'web-frozen'][0]
        assert denied['rule'] == 'tenants[0].rules[2]' and denied['decision'] == 'deny', denied
        told = [line for line in rig.audit() if line.get('status') == 'TENANT_TOKEN'][0]
        assert told['identity'] == A and told['rule'].startswith('tenants[0].token'), told


def a_good_token_is_good_from_the_first_connection_on():
    """Whoever finds the socket of a daemon that starts waits until it knows the keys; nobody is told that a token is bad."""
    with Setup() as (rig, issuer):
        for restart in range(8):
            rig.stop()
            rig.start(wait=False)
            while True:
                try:
                    status = Client(rig.socket, ('jwt', issuer.token()), timeout=10).exchange(26)['status']
                    break
                except (OSError, struct.error):         # nobody listens yet
                    assert rig.daemon.poll() is None
                    time.sleep(0.002)
            assert status == 0, (restart, status)


main([a_workload_uses_keys_with_nothing_but_its_token, refusals_are_11_and_say_why_in_the_log_only,
      what_was_verified_once_is_judged_every_time, rotation_and_withdrawal_are_in_force_at_once,
      trust_survives_an_agent_that_is_gone_and_ends_with_a_denial, an_absent_agent_at_start_is_found_later,
      tenants_tighten_and_rules_allow_and_deny, a_good_token_is_good_from_the_first_connection_on])
