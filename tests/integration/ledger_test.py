#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger that need a test of their own, one function each; tests/ledger.tsv names them."""
import os, re, sqlite3, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *


def audit_lines(rig):
    """Lines as a reader that only knows newlines has them."""
    raw = b''.join(open(name, 'rb').read() for name in sorted(glob.glob(rig.path('state', 'audit', '*.log'))))
    assert raw.endswith(b'\n')
    return raw[:-1].split(b'\n')


def a_hostile_name_stays_one_line():
    """A8-E1: whatever stands in an identity or a key name, one record is one line of JSON without control bytes."""
    identities = ['a\nb', 'a\r\n{"v":1,"seq":1}', '\x1b[2J\x1b[31mred', 'quote " and \\ slash', '%s%n%99999d', 'tab\tbell\a',
                  'del\x7f', 'n' * 255, '\u20ac\U0001f511']
    names = [b'\x00' * 60000, b'a\nb', b'\x1b[31m', b'%s%n', b'"}\n{"v":1}', b'\x00' * 255, b'n' * 2000, b'\xff\xfe' * 127, b'"' * 255]
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        served = 0
        for identity in identities:
            if Client(rig.direct_socket, ('direct', identity)).exchange(26)['status'] == 0:
                served += 1
        assert served == 4, served                          # the others are no names
        statuses = {Client(rig.socket).exchange(7, pb((1, name)), SOFT)['status'] for name in names}
        assert statuses <= {1135, 1140}, statuses
        assert status_of(Client(rig.socket).keys) == 0
        time.sleep(1.2)
        lines = audit_lines(rig)
        parsed = [json.loads(line) for line in lines]     # each is whole
        assert not any(re.search(rb'[\x00-\x1f\x7f]', line) for line in lines)
        assert [p['seq'] for p in parsed] == list(range(parsed[0]['seq'], parsed[0]['seq'] + len(parsed)))
        exports = [p for p in parsed if p.get('op') == 'PsaExportPublicKey' and p.get('identity') == '0']
        assert len(exports) == len(names), len(exports)
        seen = {p['identity'] for p in parsed if p.get('authn') == 'direct'}
        assert len(seen) == served and '%s%n%99999d' in seen, seen
        log = open(rig.path('daemon.log'), 'rb').read()
        assert not re.search(rb'[\x00-\x09\x0b-\x1f\x7f]', log)


def a_secret_never_stands_in_the_configuration():
    """A9-I1: a literal PIN or authorization is refused with its line; what is shipped has none."""
    def check(provider):
        with open(path, 'w') as f:
            f.write('apiVersion: keyreeve/v1\nkind: Agent\nproviders:\n  - ' + provider + '\n')
        done = subprocess.run([os.path.join(BUILD, 'libexec', 'keyreeve', 'keyreeve-config'), '--check', path],
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'keyreeve.yaml')
        hsm, tpm = '{name: h, type: pkcs11, module: /m, token: t, ', '{name: t, type: tpm, '
        for provider, word in ((hsm + 'pin: 4711-planted}', 'pin'), (hsm + 'pin_file: /p, pin: 4711-planted}', 'pin'),
                               (tpm + 'owner_auth: 4711-planted}', 'owner_auth'), (hsm + 'pin_file: 4711-planted}', 'pin_file')):
            code, text = check(provider)
            assert code != 0 and f'{path}:4:' in text and word in text, (provider, code, text)
        assert check(hsm + 'pin_file: /p}')[0] == 0 and check(tpm + 'owner_auth_file: /p}')[0] == 0
    shipped = glob.glob(os.path.join(ROOT, 'deploy', '**', '*'), recursive=True) + glob.glob(os.path.join(ROOT, 'k8s', '**', '*'), recursive=True)
    shipped = [name for name in shipped if os.path.isfile(name)]
    assert shipped
    for name in shipped:
        text = open(name, errors='replace').read()
        assert not re.search(r'\b(pin|owner_auth|password|secret)\s*:', text, re.I), name
        assert 'PRIVATE KEY' not in text, name


def a_private_key_in_a_bundle_is_ignored_and_reported():
    """A10-I1: a published document that holds private members: those keys serve nobody, the log says so, others work."""
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.options['spiffe'] = rig.path('issuer.sock')
        issuer = Issuer(rig)
        rig.start()

        def ask(token):
            return Client(rig.socket, ('jwt', token)).exchange(26)['status']
        wait_for('trust', lambda: ask(issuer.token()) == 0)
        document = json.loads(issuer.say('bundle'))
        token = issuer.token()
        leaking = dict(document, keys=[dict(key, d='AAAA') for key in document['keys']])
        with open(rig.path('document.json'), 'w') as f:
            json.dump(leaking, f)
        issuer.say('own', 'off')
        issuer.say('document', 'spiffe://rig.example', '@' + rig.path('document.json'))
        wait_for('the refusal', lambda: ask(token) == 11, 10)
        wait_for('the alarm', lambda: 'private key members' in open(rig.path('daemon.log')).read(), 10)
        assert ask(token) == 11 and ask(issuer.token()) == 11
        issuer.say('document-delete', 'spiffe://rig.example')
        issuer.say('own', 'on')
        wait_for('trust again', lambda: ask(token) == 0, 10)


def names_are_kept_intact_or_refused():
    """N-9: a name is bytes with a limit; what would be a path, a pattern or a lookalike is only a name."""
    good = ['..', '../../etc/passwd', 'a/b', '*', 'k\u00fcche', '\U0001f511', "'; drop table key; --", '%00', 'a\u0430', 'n' * 255, '.']
    bad = [b'a\nb', b'a\x00b', b'\x7f', b'\x1b[0m', b'\xc2\x85', b'\xff\xfe', b'\xc0\x80', b'\xed\xa0\x80', b'n' * 256]
    with Rig(providers=('soft', 'hsm'), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        for provider in (SOFT, PKCS11):
            for name in good:
                client.generate(provider, name)
            assert sorted(client.keys()) == sorted((name, provider) for name in good)
            for name in bad:
                assert status_of(client.generate, provider, name) == 1135, name
            rig.kill()
            store = sqlite3.connect(rig.path('state', 'keys.db'))
            ids = [row[0] for row in store.execute('select id from key')]
            store.close()
            assert len(ids) == len(good) and all(len(i) == 32 for i in ids), ids
            rig.start()
            assert sorted(client.keys()) == sorted((name, provider) for name in good)
            publics = {name: client.public(provider, name) for name in good}
            assert len(set(publics.values())) == len(good)   # a lookalike is another key
            for name in good:
                verify_outside(publics[name], b'h' * 32, client.sign(provider, name, b'h' * 32))
            logged = {line['key'] for line in rig.audit() if line.get('op') == 'PsaGenerateKey' and line.get('wire') == 0}
            assert set(good) <= logged
            for name in good:
                client.destroy(provider, name)
            assert client.keys() == []


main([a_hostile_name_stays_one_line, a_secret_never_stands_in_the_configuration,
      a_private_key_in_a_bundle_is_ignored_and_reported, names_are_kept_intact_or_refused])
