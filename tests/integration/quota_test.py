#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Quotas on the running service: what is refused with which number, what the audit log says of it, that all identities of
a tenant share one count and another tenant has its own, and that the day's count outlives restart, crash and reload."""
import hashlib, os, signal, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

BUSY, FULL, EXISTS, DENIED, ABSENT = 1141, 1142, 1139, 1133, 1140
LIST = 26
DIGEST = hashlib.sha256(b'x').digest()
KEEP_S = 5        # QUOTA_KEEP_S
UNDER_WAY_S = 1   # until a request has reached its worker, also on a busy machine


class Tenants(Rig):
    """Each claimed name TEAM/NAME is an identity of the tenant TEAM."""

    def __init__(self, quota):
        super().__init__(providers=('soft',), wrap='file')
        self.set(quota)

    def set(self, quota, rules=''):
        self.options['tenants'] = ('  - {match: {uid: 0}, tenant: rig, providers: [soft]}\n'
                                   f'  - match: {{direct: "{{team}}/{{name}}"}}\n    tenant: "{{team}}"\n'
                                   f'    providers: [soft]\n    quota: {quota}\n' + rules)

    def client(self, name, **options):
        return Client(self.direct_socket, ('direct', name), **options)

    def reload(self, quota):
        self.set(quota)
        self.write_config()
        count = self.tail(100000).count('new configuration in force')
        self.daemon.send_signal(signal.SIGHUP)
        wait_for('the reload', lambda: self.tail(100000).count('new configuration in force') > count)

    def refusals(self):
        """(identity, status, wire, rule, decision) of every line that a quota wrote."""
        return [(line['identity'], line['status'], line['wire'], line['rule'], line['decision'])
                for line in self.audit() if line.get('status', '').startswith('QUOTA_')]


def listed(client, times):
    return [status_of(client.call, LIST) for _ in range(times)]


def keys_are_counted_for_the_tenant_and_not_for_the_identity():
    with Tenants('{keys: 3}') as rig:
        rig.start()
        one, two, other = (rig.client(name) for name in ('a/one', 'a/two', 'b/one'))
        one.generate(SOFT, 'k1')
        one.generate(SOFT, 'k2')
        two.generate(SOFT, 'k1')                                      # the same name, another key
        assert status_of(two.generate, SOFT, 'k2') == FULL
        assert status_of(one.generate, SOFT, 'k3') == FULL
        assert status_of(one.generate, SOFT, 'k1') == EXISTS
        for key in ('k1', 'k2', 'k3'):
            other.generate(SOFT, key)
        assert status_of(one.sign, SOFT, 'k1', DIGEST) == 0           # what is there is used on
        two.destroy(SOFT, 'k1')
        one.generate(SOFT, 'k3')
        assert status_of(two.generate, SOFT, 'k1') == FULL
        refused = rig.refusals()
        assert refused == [(who, 'QUOTA_KEYS', FULL, 'tenants[1].quota', 'deny') for who in ('a/two', 'a/one', 'a/two')], refused
        # what the store holds counts after a restart, and a smaller quota takes nothing away
        rig.stop()
        rig.set('{keys: 1}')
        rig.start()
        assert sorted(k for k, _ in one.keys()) == ['k1', 'k2', 'k3']
        assert status_of(one.generate, SOFT, 'k4') == FULL


def creates_under_way_count():
    """The worker stands still: the first create has its name, and the second is refused at once."""
    with Tenants('{keys: 1}') as rig:
        rig.start()
        worker, answers = rig.roles()['soft'], []
        stand_still(worker)
        try:
            first = threading.Thread(target=lambda: answers.append(status_of(rig.client('a/one').generate, SOFT, 'k1')))
            first.start()
            time.sleep(UNDER_WAY_S)
            assert status_of(rig.client('a/two').generate, SOFT, 'k2') == FULL
            assert not answers
        finally:
            os.kill(worker, signal.SIGCONT)
        first.join()
        assert answers == [0], answers


def requests_of_a_second_are_counted_for_the_tenant_and_not_for_the_identity():
    with Tenants('{requests: 20/s}') as rig:
        rig.start()
        clients = [rig.client('a/one', keep=True), rig.client('a/two', keep=True)]
        began = time.monotonic()
        answers = [status_of(clients[i % 2].call, LIST) for i in range(60)]
        took = time.monotonic() - began
        passed = answers.count(0)
        assert answers[:20] == [0] * 20 and set(answers) == {0, BUSY}, answers
        assert passed <= 20 + 20 * took + 1, (passed, took)
        assert listed(rig.client('b/one', keep=True), 20) == [0] * 20  # another tenant has its own second
        assert set(rig.refusals()) == {(who, 'QUOTA_RATE', BUSY, 'tenants[1].quota', 'deny') for who in ('a/one', 'a/two')}
        time.sleep(1.1)
        assert listed(clients[0], 20) == [0] * 20                      # it is time that is short, not the tenant
        assert listed(Client(rig.direct_socket, None), 1) == [19] and status_of(clients[0].ping) == 0


def what_policy_or_a_missing_key_refuses_costs_as_much_as_what_passes():
    with Tenants('{requests: 10/d}') as rig:
        rig.set('{requests: 10/d}', '    rules: [{allow: [use, read]}]\n')
        rig.start()
        client = rig.client('a/one')
        for _ in range(3):
            assert status_of(client.generate, SOFT, 'k') == DENIED
            assert status_of(client.sign, SOFT, 'k', DIGEST) == ABSENT
        assert status_of(client.ping) == 0                             # needs no tenant, costs nothing
        assert listed(client, 5) == [0] * 4 + [BUSY]
        assert status_of(client.generate, SOFT, 'k') == BUSY           # before policy is asked
        assert [line[1] for line in rig.refusals()] == ['QUOTA_DAY'] * 2


def requests_at_a_time_are_counted_until_they_are_over():
    with Tenants('{in_flight: 2}') as rig:
        rig.start()
        rig.client('a/one').generate(SOFT, 'k')
        rig.client('b/one').generate(SOFT, 'k')
        worker, answers = rig.roles()['soft'], []
        stand_still(worker)
        try:
            waiting = [threading.Thread(target=lambda: answers.append(status_of(rig.client('a/one').sign, SOFT, 'k', DIGEST)))
                       for _ in range(2)]
            for thread in waiting:
                thread.start()
            time.sleep(UNDER_WAY_S)
            assert listed(rig.client('a/two'), 1) == [BUSY]
            assert status_of(rig.client('b/one').call, LIST) == 0
        finally:
            os.kill(worker, signal.SIGCONT)
        for thread in waiting:
            thread.join()
        assert answers == [0, 0], answers
        assert listed(rig.client('a/two'), 3) == [0] * 3
        assert set(rig.refusals()) == {('a/two', 'QUOTA_IN_FLIGHT', BUSY, 'tenants[1].quota', 'deny')}


def bytes_of_bodies_and_answers_are_counted():
    with Tenants('{bytes: 8KiB/s}') as rig:
        rig.start()
        one, other = rig.client('a/one'), rig.client('b/one')
        for client in (one, other):
            client.generate(SOFT, 'k')
        time.sleep(0.1)
        one.sign_message(SOFT, 'k', b'x' * 20000)                      # of any size, while nothing is owed
        assert status_of(rig.client('a/two').call, LIST) == BUSY       # owed by the tenant, not by the identity
        assert status_of(other.call, LIST) == 0
        wait_for('what is owed to be paid', lambda: status_of(one.call, LIST) == 0, 10)
        assert set(rig.refusals()) >= {('a/two', 'QUOTA_BYTES', BUSY, 'tenants[1].quota', 'deny')}


def the_day_s_count_outlives_restart_crash_and_reload():
    with Tenants('{requests: 10/d}') as rig:
        rig.start()
        if time.time() % 86400 > 86400 - 90:
            time.sleep(90)                                             # not over midnight
        one = rig.client('a/one')
        assert listed(one, 3) == [0] * 3
        rig.stop()
        rig.start()                                                    # a stop writes all
        assert listed(rig.client('a/two'), 3) == [0] * 3
        time.sleep(2 * KEEP_S + 1)
        rig.kill()
        rig.start()                                                    # a crash loses what was counted in the last seconds
        assert listed(one, 2) == [0] * 2
        rig.reload('{requests: 9/d}')
        assert listed(one, 2) == [0, BUSY]                             # the ninth, and no more
        rig.reload('{requests: 10/d}')
        assert listed(one, 2) == [0, BUSY]
        assert listed(rig.client('b/one'), 10) == [0] * 10
        assert [line[1] for line in rig.refusals()] == ['QUOTA_DAY'] * 2


main([keys_are_counted_for_the_tenant_and_not_for_the_identity, creates_under_way_count,
      requests_of_a_second_are_counted_for_the_tenant_and_not_for_the_identity,
      what_policy_or_a_missing_key_refuses_costs_as_much_as_what_passes, requests_at_a_time_are_counted_until_they_are_over,
      bytes_of_bodies_and_answers_are_counted, the_day_s_count_outlives_restart_crash_and_reload])
