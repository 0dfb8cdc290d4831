#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger that need a test of their own, one function each; tests/ledger.tsv names them."""
import os, re, sqlite3, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from provider import Provider, put
from rig import *


def audit_lines(rig):
    """Lines as a reader that only knows newlines has them."""
    raw = b''.join(open(name, 'rb').read() for name in sorted(glob.glob(rig.path('state', 'audit', '*.log'))))
    assert raw.endswith(b'\n')
    return raw[:-1].split(b'\n')


IDP = 'https://idp.example'
HOSTILE_KID = 'k"\n\x1b[31m{"v":1,"seq":1}\n'
IDENTITIES = ['a\nb', 'a\r\n{"v":1,"seq":1}', '\x1b[2J\x1b[31mred', 'quote " and \\ slash', '%s%n%99999d', 'tab\tbell\a', 'del\x7f', 'n' * 255,
              '\u20ac\U0001f511', 'a\u2028b', 'a\x85b', 'a\u202eb', 'n' * 65536]
NAMES = [b'\x00' * 60000, b'a\nb', b'\x1b[31m', b'%s%n', b'"}\n{"v":1}', b'\x00' * 255, b'n' * 2000, b'\xff\xfe' * 127, b'"' * 255,
         b'a\xe2\x80\xa8b', b'a\xc2\x85b', b'n' * 65536]
SUSPEND, CONFIRM, REVOKE = 0x4B520003, 0x4B520009, 0x4B520010


def say_hostile_things(rig, idp):
    """In every field that a client or an identity provider fills; {what: how many were served}."""
    served = {'direct': 0, 'jwt': 0, 'key': 0, 'admin': 0}
    for identity in IDENTITIES:
        if len(identity) < 60000:                                    # the field's length has 16 bits
            served['direct'] += Client(rig.direct_socket, ('direct', identity)).exchange(26)['status'] == 0
        if len(identity) < 8000:
            served['jwt'] += Client(rig.socket, ('issued', idp.token(identity))).exchange(26)['status'] == 0
    for name in NAMES:
        digest = ((2, sign_alg('ecdsa')), (3, b'd' * 32))
        for opcode, more in ((2, [(2, attributes())]), (4, digest), (5, [*digest, (4, b's' * 64)]), (7, []), (3, [])):
            status = Client(rig.socket).exchange(opcode, pb((1, name), *more), SOFT)['status']
            assert status in (0, 7, 20, 1135, 1140) or (opcode, status) == (5, 1149), (name[:20], opcode, status)
            served['key'] += status == 0
        for opcode, body in ((28, pb((1, name))), (28, pb((1, b'direct:' + name))), (SUSPEND, pb((1, name))), (CONFIRM, pb((1, name))),
                             (REVOKE, pb((1, 1), (4, b'direct:' + name))), (REVOKE, pb((1, 2), (4, name)))):
            status = Client(rig.admin_socket).exchange(opcode, body)['status']
            assert status < 2000, (name[:20], opcode, status)
            served['admin'] += status == 0
    return served


def every_format_is_checked_when_it_is_built():
    """-Wformat=2 is an error for each C file of ours, and none takes it back."""
    ninja = open(os.path.join(BUILD, 'build.ninja')).read()
    flags = {source: flags for source, flags in re.findall(r'^build (?!tests/)\S+\.c\.o: C_COMPILER\S* (\S+).*\n(?:  (?!FLAGS).*\n)*  FLAGS = (.*)$', ninja, re.M)}
    ours = [name for name in flags if re.match(re.escape(ROOT) + '/(agent|base|client|crypto|jwtsvid|keystore|spiffe|wire)/.*\\.c$', name)]
    assert len(ours) > 150, len(ours)
    assert not [name for name in ours if not {'-Wformat=2', '-Werror'} <= set(flags[name].split())]
    assert not [name for name in ours if re.search(r'diagnostic\s+ignored\s+"-Wformat', open(name).read())]


def a_hostile_name_stays_one_line():
    """A8-E1: whatever a client or an identity provider says, one record is one line of JSON without control bytes."""
    every_format_is_checked_when_it_is_built()
    idp = Provider(IDP, HOSTILE_KID)
    with Rig(providers=('soft',), wrap='file', authenticators='[unix-peer, jwt]') as rig:
        put(rig.path('idp.json'), idp.jwks())
        rig.options['more'] = f'issuers: [{{issuer: "{IDP}", audiences: parsec, jwks_file: {rig.path("idp.json")}}}]\n'
        rig.options['tenants'] = (f'  - {{match: {{issuer: "{IDP}", subject: "**"}}, tenant: idp}}\n  - {{match: {{uid: 0}}, tenant: uid0}}\n'
                                  '  - {match: {direct: "{name}"}, tenant: direct}\n')
        rig.start()
        wait_for('its keys', lambda: Client(rig.socket, ('issued', idp.token('x'))).exchange(26)['status'] == 0)
        served = say_hostile_things(rig, idp)
        assert served['direct'] == 6 and served['jwt'] >= 4 and served['key'] >= 4 and served['admin'] >= 1, served   # the others are no names
        assert status_of(Client(rig.socket).keys) == 0
        time.sleep(1.2)
        lines = audit_lines(rig)
        parsed = [json.loads(line) for line in lines]     # each is whole
        odd = [line for line in lines if re.search(rb'[\x00-\x1f\x7f]', line) or len(line.decode().splitlines()) != 1]
        assert not odd, odd[:3]
        assert [p['seq'] for p in parsed] == list(range(parsed[0]['seq'], parsed[0]['seq'] + len(parsed)))
        exports = [p for p in parsed if p.get('op') == 'PsaExportPublicKey' and p.get('identity') == '0']
        assert len(exports) == len(NAMES) - 1 or len(exports) == len(NAMES), len(exports)
        seen = {p['identity'] for p in parsed if p.get('authn') == 'direct'}
        assert len(seen) == served['direct'] and '%s%n%99999d' in seen, seen
        kids = {p['token']['kid'] for p in parsed if p.get('authn') == 'jwt' and 'token' in p}
        assert len(kids) == 1 and kids.pop().startswith('k'), kids
        assert len([p for p in parsed if 'target' in p]) >= 10
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
