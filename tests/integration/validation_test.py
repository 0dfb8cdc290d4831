#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who verifies a JWT-SVID: spiffe.validation local, both and remote, against a Workload API that says what it likes."""
import hashlib, os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from provider import b64
from rig import *

A = 'spiffe://rig.example/ns/a/sa/w'


class Setup:
    def __init__(self, validation, **options):
        self.rig = Rig(providers=('soft',), wrap='file', validation=validation, **options)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig)

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('trust', lambda: self.ask(self.issuer.token()) == 0)
        except BaseException:
            self.rig.__exit__(RuntimeError, None, None)
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def ask(self, token, **more):
        return Client(self.rig.socket, ('jwt', token), **more).exchange(26)['status']

    def asked(self):
        """How often the Workload API was asked."""
        return int(dict(word.split('=') for word in self.issuer.say('seen').split())['validations'])

    def events(self):
        return [line for line in self.rig.audit() if line.get('event') == 'validation-disagreement']

    def statuses(self):
        """Reasons of refused credentials, which are counted in one line a second."""
        time.sleep(1.2)
        return {line['status'] for line in self.rig.audit() if line.get('wire') == 11}


def forged(token):
    header, payload, signature = token.split('.')
    return f'{header}.{payload}.' + ('A' if signature[0] != 'A' else 'B') + signature[1:]


# opinion of the Workload API, reason under both and under remote, is it an alarm (under both; under remote)
ROWS = [('invalid', 'JWT_DISAGREE', 'JWT_REMOTE', True, False), ('other', 'JWT_DISAGREE', 'JWT_DISAGREE', True, True),
        ('unavailable', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False), ('denied', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False),
        ('internal', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False), ('hang', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False),
        ('no-id', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False), ('bad-id', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False),
        ('no-claims', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False), ('empty', 'JWT_UNDECIDED', 'JWT_UNDECIDED', False, False)]


def both_lets_in_what_is_confirmed_each_time_anew():
    with Setup('both') as s:
        token = s.issuer.token()
        client = Client(s.rig.socket, ('jwt', token))
        client.generate(SOFT, 'web')
        digest = hashlib.sha256(b'x').digest()
        verify_outside(client.public(SOFT, 'web'), digest, client.sign(SOFT, 'web', digest))
        before = s.asked()
        for _ in range(20):
            assert s.ask(token) == 0
        assert s.asked() == before + 20           # also of a token that we verified before
        # what the Workload API takes back counts at once, and what it gives again
        s.issuer.say('validate', 'invalid')
        assert s.ask(token) == 11
        s.issuer.say('validate', 'good')
        assert s.ask(token) == 0


def both_refuses_what_is_not_confirmed_and_raises_an_alarm_where_it_disagrees():
    with Setup('both') as s:
        for opinion, reason, _, is_alarm, _ in ROWS:
            token = s.issuer.token()
            events = len(s.events())
            s.issuer.say('validate', opinion)
            answer = Client(s.rig.socket, ('jwt', token)).exchange(26)
            assert answer['status'] == 11 and answer['body'] == b'', (opinion, answer['status'])
            line = [line for line in s.rig.audit() if line.get('op') == 'ListKeys'][-1]
            assert (line['status'], line['identity']) == (reason, A), (opinion, line)
            hashed = hashlib.sha256(token.rsplit('.', 1)[0].encode()).hexdigest()
            found = s.events()[events:]
            assert len(found) == is_alarm and all(hashed in event['detail'] for event in found), (opinion, found)
            s.issuer.say('validate', 'good')
            assert s.ask(token) == 0
        assert 'ALARM: local and remote validation disagree' in s.rig.tail(4000)


def a_forged_success_passes_no_local_verification():
    with Setup('both') as s:
        before, token = s.asked(), s.issuer.token()
        bad = [forged(token), s.issuer.token(ttl=300, age=400), s.issuer.token(audience='other'), s.issuer.token(ttl=601), 'a.b.c']
        for each in bad:
            assert s.ask(each) == 11
        assert s.asked() == before                # what we refuse does not travel
        assert {'JWT_SIGNATURE', 'JWT_EXPIRED', 'JWT_AUDIENCE', 'JWT_LIFETIME'} <= s.statuses()


def remote_has_claims_judged_here_and_signatures_there():
    with Setup('remote') as s:
        before, token = s.asked(), s.issuer.token()
        answers = s.ask(token), s.ask(token)
        assert answers == (0, 0) and s.asked() == before + 2, (answers, before, s.asked())
        for each, reason in ((s.issuer.token(ttl=300, age=400), 'JWT_EXPIRED'), (s.issuer.token(audience='other'), 'JWT_AUDIENCE'),
                             (s.issuer.token(ttl=601), 'JWT_LIFETIME'), (b64({'alg': 'none'}) + '.' + token.split('.')[1] + '.eA', 'JWT_ALG')):
            assert s.ask(each) == 11, reason
        assert s.asked() == before + 2
        assert s.ask(forged(token)) == 0          # a Workload API that lies lets anybody in: strict refuses this mode
        lines = len([line for line in s.rig.audit() if line.get('identity') == A])
        for opinion, _, reason, _, is_alarm in ROWS:
            events = len(s.events())
            s.issuer.say('validate', opinion)
            assert s.ask(s.issuer.token()) == 11, opinion
            wait_for('the alarm', lambda: len(s.events()) - events >= is_alarm, 2)
            assert len(s.events()) - events == is_alarm, opinion
        seen = s.statuses()
        assert {row[2] for row in ROWS} <= seen, seen
        # nobody has confirmed that it was this identity: no line says so
        assert len([line for line in s.rig.audit() if line.get('identity') == A]) == lines
        s.issuer.say('validate', 'good')
        assert s.ask(token) == 0


def a_workload_api_that_hangs_costs_its_own_clients_only():
    with Setup('both') as s:
        token, answers = s.issuer.token(), []
        s.issuer.say('validate', 'hang')
        start = time.monotonic()
        clients = [threading.Thread(target=lambda: answers.append((s.ask(token), time.monotonic() - start))) for _ in range(100)]
        for client in clients:
            client.start()
        neighbour = Client(s.rig.socket)          # a Unix peer
        slowest = 0
        while time.monotonic() - start < 1.5:
            began = time.monotonic()
            neighbour.keys()
            slowest = max(slowest, time.monotonic() - began)
        for client in clients:
            client.join()
        assert len(answers) == 100 and {status for status, _ in answers} == {11}, answers
        assert max(seconds for _, seconds in answers) < 4, max(seconds for _, seconds in answers)
        assert slowest < 0.5, slowest
        assert s.asked() < 100
        # an idp that ends while it is asked decides nothing, and another one goes on
        waiting = threading.Thread(target=lambda: answers.append((s.ask(token), time.monotonic() - start)))
        waiting.start()
        time.sleep(0.3)
        start = time.monotonic()
        idp = s.rig.roles()['idp']
        os.kill(idp, signal.SIGKILL)
        waiting.join()
        assert answers[-1][0] == 11 and answers[-1][1] < 1, answers[-1]
        s.issuer.say('validate', 'good')
        wait_for('another idp', lambda: s.ask(token) == 0)
        # so does an agent that ends meanwhile
        s.issuer.say('validate', 'hang')
        gone = threading.Thread(target=lambda: Client(s.rig.socket, ('jwt', token)).raw(frame(26, auth_type=4, auth=token.encode())))
        gone.start()
        time.sleep(0.3)
        os.kill(s.rig.roles()['agent'], signal.SIGKILL)
        gone.join()
        s.issuer.say('validate', 'good')
        wait_for('another agent', lambda: s.rig.pings() and s.ask(token) == 0)


def a_reload_changes_who_verifies():
    with Setup('local') as s:
        token = s.issuer.token()
        assert s.ask(token) == 0 and s.asked() == 0
        for mode, asked in (('both', True), ('local', False), ('remote', True), ('both', True)):
            reloads = sum(line.get('event') == 'reload' for line in s.rig.audit())
            s.rig.options['validation'] = mode
            s.rig.write_config()
            wait_for('the reload', lambda: sum(line.get('event') == 'reload' for line in s.rig.audit()) > reloads)
            before = s.asked()
            assert s.ask(token) == 0 and s.asked() - before == asked, mode
            assert s.ask(forged(token)) == (0 if mode == 'remote' else 11), mode


def an_answer_that_names_another_identity_lets_nobody_in_as_it():
    """Ledger A13-T1."""
    for mode, status in (('local', 0), ('both', 11), ('remote', 11)):
        with Setup(mode) as s:
            s.issuer.say('validate', 'other')
            assert s.ask(s.issuer.token()) == status, mode
            time.sleep(0.2)
            assert not [line for line in s.rig.audit() if line.get('identity') == 'spiffe://rig.example/other'], mode
            assert bool(s.events()) == (mode != 'local'), mode


def an_answer_of_success_makes_no_bad_token_good():
    """Ledger A13-D1."""
    for mode in ('local', 'both', 'remote'):
        with Setup(mode) as s:
            good = s.issuer.token()
            assert s.ask(s.issuer.token(ttl=300, age=400)) == 11, mode
            assert s.ask(forged(good)) == (0 if mode == 'remote' else 11), mode
            assert s.ask(good) == 0, mode
    with Rig(providers=('soft',), wrap='file', validation='remote', posture='strict', spiffe='/run/nobody.sock') as rig:
        rig.start(wait=False)
        assert rig.daemon.wait(20) == 4 and 'strict has local and both' in rig.tail(), rig.tail()


def an_altered_question_fails_its_client_and_is_told():
    """Ledger A12-D1: what the Workload API refuses although it is good, as if the question had been changed on its way."""
    for mode in ('both', 'local'):
        with Setup(mode) as s:
            s.issuer.say('validate', 'invalid')
            token = s.issuer.token()
            answer = Client(s.rig.socket, ('jwt', token)).exchange(26)
            assert answer['status'] == (11 if mode == 'both' else 0), mode
            hashed = hashlib.sha256(token.rsplit('.', 1)[0].encode()).hexdigest()
            time.sleep(0.2)
            told = [event['detail'] for event in s.events()]
            if mode == 'both':
                assert len(told) == 1 and hashed in told[0] and 'the Workload API refuses it' in told[0], told
                assert 'ALARM: local and remote validation disagree' in s.rig.tail(4000)
            else:
                assert told == []


main([both_lets_in_what_is_confirmed_each_time_anew, both_refuses_what_is_not_confirmed_and_raises_an_alarm_where_it_disagrees,
      a_forged_success_passes_no_local_verification, remote_has_claims_judged_here_and_signatures_there,
      a_workload_api_that_hangs_costs_its_own_clients_only, a_reload_changes_who_verifies,
      an_answer_that_names_another_identity_lets_nobody_in_as_it, an_answer_of_success_makes_no_bad_token_good,
      an_altered_question_fails_its_client_and_is_told])
