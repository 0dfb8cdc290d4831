#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The policy on the running service: what rules ask of keys and algorithms, what a created key may be, how it expires,
and what another policy would have answered."""
import hashlib, json, os, signal, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

DIGEST = hashlib.sha256(b'x').digest()
DENIED = 1133
TENANT = '  - match: {uid: 0}\n    tenant: t\n    providers: [soft]\n'


def soft(tenant, **options):
    return Rig(providers=('soft',), wrap='file', tenants=TENANT + tenant, **options)


def rules_of(rig, op, key):
    """(status, rule) of the lines about one operation and key, in order."""
    return [(line['status'], line.get('rule')) for line in rig.audit() if line.get('op') == op and line.get('key') == key]


def a_rule_asks_for_type_and_hash_and_the_wire_does_not_say_which():
    tenant = ('    rules:\n      - {allow: [create, destroy, read, verify]}\n'
              '      - {allow: sign, types: ecc-p256, hashes: [sha-256, sha-384]}\n'
              '      - {deny: sign, hashes: sha-384, keys: "s-*"}\n'
              '      - {deny: sign, keys: "old-*", min_key_age: 1s, max_key_age: 36500d}\n'
              '      - {allow: sign, keys: "aged-*", types: rsa, min_key_age: 1s}\n')
    with soft(tenant) as rig:
        rig.start()
        client = Client(rig.socket)
        for name, attrs in (('s-ecc', attributes(alg=sign_alg('ecdsa', None))), ('l-ecc', attributes(alg=sign_alg('ecdsa', None))),
                            ('s-rsa', attributes('rsa', 2048))):
            client.generate(SOFT, name, attrs)
        digest = {SHA256: DIGEST, SHA384: hashlib.sha384(b'x').digest()}
        for name, alg, want, rule in (('s-ecc', sign_alg('ecdsa'), 0, 'rules[1]'), ('l-ecc', sign_alg('ecdsa', SHA384), 0, 'rules[1]'),
                                      ('s-ecc', sign_alg('ecdsa', SHA384), DENIED, 'rules[2]'), ('s-rsa', sign_alg('pkcs1'), DENIED, 'rules')):
            digest_of = digest[SHA384] if alg == sign_alg('ecdsa', SHA384) else DIGEST
            answer = status_of(client.sign, SOFT, name, digest_of, alg)
            assert answer == want, (name, answer)
            assert rules_of(rig, 'PsaSignHash', name)[-1] == ('OK' if want == 0 else 'POLICY_DENIED', 'tenants[0].' + rule)
        # a denial says no more than its number: the same bytes whichever rule it was
        refused = [client.exchange(4, b'\x0a' + bytes([len(name)]) + name.encode() + b'\x12' + bytes([len(alg)]) + alg + b'\x1a\x20' + DIGEST, SOFT)
                   for name, alg in (('s-ecc', sign_alg('ecdsa', SHA384)), ('s-rsa', sign_alg('pkcs1')))]
        assert refused[0] == refused[1] and refused[0]['status'] == DENIED and refused[0]['body'] == b'', refused
        # the key's age is that of the record
        client.generate(SOFT, 'old-1')
        wait_for('its first second', lambda: status_of(client.sign, SOFT, 'old-1', DIGEST) == DENIED, 60)
        assert rules_of(rig, 'PsaSignHash', 'old-1')[-1] == ('POLICY_DENIED', 'tenants[0].rules[3]')
        client.generate(SOFT, 'aged-1', attributes('rsa', 2048))
        wait_for('its first second', lambda: status_of(client.sign, SOFT, 'aged-1', DIGEST, sign_alg('pkcs1')) == 0, 60)
        assert rules_of(rig, 'PsaSignHash', 'aged-1')[-1] == ('OK', 'tenants[0].rules[4]')


def a_key_beyond_the_limits_is_not_made():
    tenant = ('    created: {types: [ecc-p256, rsa-2048], exportable: false, usages: [sign-hash, verify-hash]}\n'
              '    rules:\n      - {allow: [use, read, destroy]}\n      - {allow: create, created: {hashes: [sha-256]}}\n')
    with soft(tenant) as rig:
        rig.start()
        client = Client(rig.socket)
        for attrs, rule in ((attributes(bits=384, alg=sign_alg('ecdsa', SHA384)), 'tenants[0].created'), (attributes('rsa', 3072), 'tenants[0].created'),
                            (attributes(usage=(1, 8, 9)), 'tenants[0].created'), (attributes(usage=(2, 8, 9)), 'tenants[0].created'),
                            (attributes(alg=sign_alg('ecdsa', SHA384)), 'tenants[0].rules'), (attributes(alg=sign_alg('ecdsa', None)), 'tenants[0].rules')):
            assert status_of(client.generate, SOFT, 'k', attrs) == DENIED
            assert rules_of(rig, 'PsaGenerateKey', 'k')[-1] == ('POLICY_DENIED', rule), rules_of(rig, 'PsaGenerateKey', 'k')
        assert client.keys() == []
        client.generate(SOFT, 'k')
        client.verify(SOFT, 'k', DIGEST, client.sign(SOFT, 'k', DIGEST))
        assert rules_of(rig, 'PsaGenerateKey', 'k')[-1] == ('OK', 'tenants[0].rules[1]')


def a_key_past_its_expiry_only_verifies_also_after_a_restart_and_another_policy():
    tenant = '    rules:\n      - {allow: [use, read, create, destroy]}\n    created: {expires_after: 6s}\n'
    with soft(tenant) as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        signature = client.sign(SOFT, 'k', DIGEST)
        public = client.public(SOFT, 'k')
        wait_for('the expiry', lambda: status_of(client.sign, SOFT, 'k', DIGEST) == DENIED, 60)
        assert rules_of(rig, 'PsaSignHash', 'k')[-1] == ('POLICY_DENIED', 'created.expires_after')

        def only_verifies():
            client.verify(SOFT, 'k', DIGEST, signature)
            client.verify_message(SOFT, 'k', b'x', signature)
            assert client.public(SOFT, 'k') == public
            assert client.keys() == [('k', SOFT)]
            assert status_of(client.sign, SOFT, 'k', DIGEST) == DENIED
            assert status_of(client.sign_message, SOFT, 'k', b'x') == DENIED

        only_verifies()
        # the record has it: neither a restart nor a policy without expiry gives the key back
        assert rig.stop() == 0
        rig.options['tenants'] = TENANT
        rig.start()
        only_verifies()
        client.generate(SOFT, 'k2')
        assert {name for name, _ in client.keys()} == {'k', 'k2'}
        client.destroy(SOFT, 'k')
        assert client.keys() == [('k2', SOFT)]
        client.sign(SOFT, 'k2', DIGEST)


def diff_says_whose_answers_another_policy_changes():
    with soft('    rules:\n      - {allow: [use, read, create, destroy]}\n') as rig:
        rig.start()
        client = Client(rig.socket)
        for name in ('web-1', 'web-2', 'db'):
            client.generate(SOFT, name)
            client.sign(SOFT, name, DIGEST)
        assert status_of(Client(rig.direct_socket, ('direct', 'x')).keys) == 11
        old = rig.path('keyreeve.yaml')
        text = open(old).read()

        def diff(change, *more):
            new = rig.path('new.yaml')
            open(new, 'w').write(text.replace('      - {allow: [use, read, create, destroy]}\n', change))
            done = subprocess.run([os.path.join(rig.build, 'bin', 'keyreeve'), 'policy', 'diff', old, new, '--dir', rig.path('state', 'audit'), *more],
                                  capture_output=True, text=True)
            assert done.stderr == '', done
            return done.returncode, done.stdout

        code, out = diff('      - {allow: [use, read, create, destroy]}\n')
        assert code == 0 and ' 0 with another answer;' in out, out
        code, out = diff('      - {allow: [use, read, create, destroy]}\n      - {deny: sign, keys: "web-*"}\n')
        assert code == 8 and '0 PsaSignHash web-1 ..., 2 times: allow by tenants[0].rules[0], would be deny by tenants[0].rules[1]\n' in out, out
        assert out.count('PsaSignHash') == 1 and 'PsaGenerateKey' not in out, out
        code, out = diff('      - {allow: [use, read, create, destroy]}\n      - {deny: sign, keys: "web-*"}\n', '--json')
        change, = json.loads(out)['changes']
        assert code == 8 and change['count'] == 2 and change['op'] == 'PsaSignHash' and change['identity'] == '0', change
        assert change['old'] == {'decision': 'allow', 'status': 'OK', 'rule': 'tenants[0].rules[0]', 'uncertain': False}, change
        # what the log does not hold is said
        code, out = diff('      - {allow: [read, create, destroy, verify]}\n      - {allow: sign, types: ecc}\n')
        assert code == 8 and 'perhaps: a rule asks what the log does not hold' in out, out
        # nobody's tenant becomes somebody's
        code, out = diff('      - {allow: [use, read, create, destroy]}\n  - {match: {direct: x}, tenant: d}\n')
        assert code == 8 and 'x ListKeys, 1 time: deny by tenants, would be allow by tenants[1]\n' in out, out
        # and who may not read the log is told
        done = subprocess.run([os.path.join(rig.build, 'bin', 'keyreeve'), 'policy', 'diff', old, old, '--dir', '/nowhere'], capture_output=True, text=True)
        assert done.returncode == 1 and '/nowhere' in done.stderr, done


def a_reload_changes_the_answers_and_a_broken_file_does_not():
    with soft('    rules:\n      - {allow: [use, read, create, destroy]}\n') as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        text = open(rig.path('keyreeve.yaml')).read()

        def reload(change, line):
            before = rig.tail(1000).count(line)
            open(rig.path('keyreeve.yaml'), 'w').write(text.replace('{allow: [use, read, create, destroy]}', change))
            rig.daemon.send_signal(signal.SIGHUP)
            wait_for(line, lambda: rig.tail(1000).count(line) > before, 60)

        reload('{allow: [use, read, create, destroy], types: ecc-p265}', "rules[0].types 'ecc-p265' is none of")
        client.sign(SOFT, 'k', DIGEST)
        open(rig.path('keyreeve.yaml'), 'w').write(text.replace('{allow: [use, read, create, destroy]}', '{allow: read, types: ecc}'))
        rig.daemon.send_signal(signal.SIGHUP)
        wait_for('the new policy', lambda: status_of(client.sign, SOFT, 'k', DIGEST) == DENIED, 60)
        reload('{allow: use, binding: [first-use]}', 'rules[0].binding asks about a token, but this tenant has none')
        assert status_of(client.sign, SOFT, 'k', DIGEST) == DENIED
        assert client.public(SOFT, 'k')


main([a_rule_asks_for_type_and_hash_and_the_wire_does_not_say_which, a_key_beyond_the_limits_is_not_made,
      a_key_past_its_expiry_only_verifies_also_after_a_restart_and_another_policy, diff_says_whose_answers_another_policy_changes,
      a_reload_changes_the_answers_and_a_broken_file_does_not])
