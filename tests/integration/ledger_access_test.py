#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger about who reaches what: the administrator's door, and namespaces of different authenticators.
One function each; tests/ledger.tsv names them."""
import os, re, sqlite3, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

SVID, ADMIN_SVID = 'spiffe://rig.example/ns/a/sa/w', 'spiffe://rig.example/ns/platform/sa/admin'
DIGEST = b'd' * 32
TENANTS = ('  - {match: {spiffe: "spiffe://rig.example/**"}, tenant: jwt}\n  - {match: {uid: 0}, tenant: uid0}\n'
           '  - {match: {direct: "**"}, tenant: direct}\n')
LIST_KEYS, LIST_CLIENTS, DELETE_CLIENT, ADMIN_STATUS = 26, 27, 28, 0x4B520001


def with_issuer(**options):
    """A daemon with software keys, and an issuer that it trusts."""
    rig = Rig(providers=('soft',), wrap='file', **options)
    rig.options['spiffe'] = rig.path('issuer.sock')
    return rig, Issuer(rig)


def start(rig, issuer):
    rig.start()
    wait_for('trust', lambda: Client(rig.socket, ('jwt', issuer.token())).exchange(LIST_KEYS)['status'] == 0)


def as_account(uid, gid, function):
    """Its exit code, from a process of that account."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            code = function()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def connects(path):
    try:
        Client(path).connect().close()
        return 0
    except PermissionError:
        return 1


# ---- the administrator -------------------------------------------------------------------------------------------------


def the_administrator_is_one_door_and_one_list():
    """N-8."""
    rig, issuer = with_issuer(admin_authenticators='unix-peer, jwt-svid', more=f'  - {{spiffe: "{ADMIN_SVID}"}}\n')
    with rig:
        os.chmod(rig.path('admin'), 0o750)
        start(rig, issuer)
        client = Client(rig.socket, ('jwt', lambda: issuer.token()))
        client.generate(SOFT, 'k')

        def asks(path, auth, opcode, body=b''):
            return Client(path, auth).exchange(opcode, body)['status']
        admin, other = ('jwt', lambda: issuer.token(ADMIN_SVID)), ('jwt', lambda: issuer.token())
        delete = pb((1, f'jwt-svid:{SVID}'))
        for auth in (admin, 'unix'):                                     # both are on the list
            assert asks(rig.socket, auth, LIST_CLIENTS) == 21 and asks(rig.socket, auth, DELETE_CLIENT, delete) == 21
            assert asks(rig.socket, auth, ADMIN_STATUS) == 9             # what is ours does not exist there
        for near in (SVID, ADMIN_SVID + 's', ADMIN_SVID[:-1], ADMIN_SVID + '/x', ADMIN_SVID.replace('platform', 'Platform')):
            auth = ('jwt', lambda: issuer.token(near))
            assert [asks(rig.admin_socket, auth, *what) for what in ((LIST_CLIENTS,), (DELETE_CLIENT, delete), (ADMIN_STATUS,))] == [21] * 3, near
        assert as_account(SERVICE_UID, SERVICE_UID, lambda: Client(rig.admin_socket).exchange(LIST_CLIENTS)['status']) == 21
        assert client.keys() == [('k', SOFT)]
        # the door: the directory keeps out who is not of the group, whatever the socket's mode
        for mode in (0o660, 0o666):
            os.chmod(rig.admin_socket, mode)
            assert as_account(2001, 2001, lambda: connects(rig.admin_socket)) == 1
            assert as_account(2001, SERVICE_UID, lambda: connects(rig.admin_socket)) == 0
        os.chmod(rig.path('admin'), 0o755)
        os.chmod(rig.admin_socket, 0o660)                                # and the socket's mode does by itself
        assert as_account(2001, 2001, lambda: connects(rig.admin_socket)) == 1
        # who may is written down before it happens
        assert asks(rig.admin_socket, other, DELETE_CLIENT, delete) == 21 and not acts(rig)
        assert asks(rig.admin_socket, admin, DELETE_CLIENT, delete) == 0 and client.keys() == []
        lines = rig.audit()
        told = lines.index(acts(rig)[0])
        gone = next(i for i, line in enumerate(lines) if line.get('event') == 'client-deleted')
        assert told < gone and (lines[told]['identity'], lines[told]['target']) == (ADMIN_SVID, f'jwt-svid:{SVID}'), lines[told:]
        assert asks(rig.admin_socket, 'unix', ADMIN_STATUS) == 0


def acts(rig):
    return [line for line in rig.audit() if line.get('event') == 'admin-act']


# ---- authenticators ----------------------------------------------------------------------------------------------------


def moved(rig, sql):
    """The daemon with a store in which rows were moved meanwhile."""
    rig.stop()
    db = sqlite3.connect(rig.path('state', 'keys.db'))
    of = {name: {'id': i, 'ns': ns, 'record': record} for i, ns, record in db.execute('SELECT id, ns, record FROM key')
          for name in ('unix', 'jwt') if (b'uid0' in record) == (name == 'unix')}
    assert set(of) == {'unix', 'jwt'}
    for statement, values in sql(of):
        assert db.execute(statement, values).rowcount == 1
    db.commit()
    db.close()


def no_authenticator_opens_the_keys_of_another():
    """A1-S5: not as it is, not with rows moved between namespaces, and not by a claimed name."""
    ways = {                                                             # what is asked of 'a' afterwards
        'the record under the other row': (
            lambda of: [('UPDATE key SET record = ? WHERE id = ?', (of['jwt']['record'], of['unix']['id']))], {'unix': 1151, 'jwt': 0}),
        'the row into the other namespace': (
            lambda of: [('UPDATE key SET ns = ? WHERE id = ?', (of['unix']['ns'], of['jwt']['id']))], {'unix': 0, 'jwt': 1151}),
        'the row in the place of the other': (
            lambda of: [('DELETE FROM key WHERE id = ?', (of['unix']['id'],)),
                        ('UPDATE key SET id = ?, ns = ? WHERE id = ?', (of['unix']['id'], of['unix']['ns'], of['jwt']['id']))],
            {'unix': 1140, 'jwt': 1151})}
    for way, (sql, want) in ways.items():
        rig, issuer = with_issuer(tenants=TENANTS)
        with rig:
            start(rig, issuer)
            jwt, unix = Client(rig.socket, ('jwt', lambda: issuer.token())), Client(rig.socket)
            public = {}
            for name, client in (('unix', unix), ('jwt', jwt)):
                assert client.keys() == [], name
                client.generate(SOFT, 'a')
                public[name] = client.public(SOFT, 'a')
            assert public['unix'] != public['jwt']
            unix.generate(SOFT, 'mine')
            assert (sorted(unix.keys()), jwt.keys()) == ([('a', SOFT), ('mine', SOFT)], [('a', SOFT)]), (unix.keys(), jwt.keys())
            assert status_of(jwt.sign, SOFT, 'mine', DIGEST) == 1140
            unix.destroy(SOFT, 'mine')
            for claimed in ('0', 'uid0', 'unix:0', 'ns/a/sa/w', 'rig.example/ns/a/sa/w', '2001'):
                direct = Client(rig.direct_socket, ('direct', claimed))
                assert direct.keys() == [] and status_of(direct.sign, SOFT, 'a', DIGEST) == 1140, claimed
            for claimed in (SVID, f'jwt-svid:{SVID}'):                   # an empty segment is nobody's
                assert Client(rig.direct_socket, ('direct', claimed)).exchange(LIST_KEYS)['status'] == 11, claimed
            moved(rig, sql)
            start(rig, issuer)
            got = {name: status_of(client.sign, SOFT, 'a', DIGEST) for name, client in (('unix', unix), ('jwt', jwt))}
            assert got == want, (way, got)
            for name, client in (('unix', unix), ('jwt', jwt)):
                assert got[name] != 0 or client.public(SOFT, 'a') == public[name], (way, name)
            assert any(line.get('event') == 'record-damaged' for line in rig.audit()), way
    for listener in ('[unix-peer, direct]', '[jwt-svid, direct]'):
        with Rig(providers=('soft',), wrap='file', posture='strict', authenticators=listener,
                 more='accept: [{check: DOC-31, because: "asked as root"}, {check: DOC-47, because: "no device here"}]\n') as rig:
            rig.start(wait=False)
            assert rig.daemon.wait(20) != 0 and 'DOC-33' in rig.tail() and not os.path.exists(rig.socket), rig.tail()


# ---- Direct ------------------------------------------------------------------------------------------------------------


def with_direct_as(rig, mode='mode: "0660", ', group='group: keyreeve-rig, ', authenticators='[direct]'):
    """The Direct listener's line of the configuration, with one thing changed."""
    plain = Rig.write_config

    def write_config():
        plain(rig)
        text = open(rig.path('keyreeve.yaml')).read()
        line = f'{{path: {rig.direct_socket}, mode: "0660", group: keyreeve-rig, authenticators: [direct]}}'
        assert line in text
        text = text.replace(line, f'{{path: {rig.direct_socket}, {mode}{group}authenticators: {authenticators}}}')
        open(rig.path('keyreeve.yaml'), 'w').write(text)
    rig.write_config = write_config


def a_claimed_name_is_a_label_of_the_group_that_may_claim():
    """O-10."""
    rig, issuer = with_issuer(posture='strict', tenants=TENANTS,
                              more='accept: [{check: DOC-31, because: "asked as root"}, {check: DOC-47, because: "no device here"}]\n')
    with rig:
        for wrong in ({'authenticators': '[direct, jwt-svid]'}, {'mode': 'mode: "0666", '}, {'group': ''}):
            with_direct_as(rig, **wrong)
            rig.start(wait=False)
            assert rig.daemon.wait(20) != 0 and 'DOC-33' in rig.tail() and not os.path.exists(rig.direct_socket), (wrong, rig.tail())
            rig.log.truncate(0)
        with_direct_as(rig)
        start(rig, issuer)
        checked = subprocess.run([os.path.join(BUILD, 'bin', 'keyreeved'), '--check', '--config', rig.path('keyreeve.yaml')],
                                 capture_output=True, text=True, timeout=20)
        assert re.search(r'DOC-33 good: .*keyreeve-rig', checked.stdout + checked.stderr), checked          # and who is in it

        def claims(uid, gid, groups=()):
            def ask():
                os.setgroups(groups)
                os.setgid(gid)
                os.setuid(uid)
                try:
                    return Client(rig.direct_socket, ('direct', 'x')).exchange(LIST_KEYS)['status']
                except PermissionError:
                    return 200
            return as_account(0, 0, ask)
        outsider, member, by_list = (2001, 2001), (2001, SERVICE_UID), (2001, 2001, [4711, SERVICE_UID])
        assert [claims(*who) for who in (outsider, member, by_list)] == [200, 0, 0]
        os.chmod(rig.direct_socket, 0o666)                               # whatever becomes of the socket's mode
        assert [claims(*who) for who in (outsider, member, by_list)] == [11, 0, 0] and claims(2001, 2001, [4711]) == 11
        wait_for('the count', lambda: [line for line in rig.audit() if line.get('status') == 'DIRECT_GROUP' and line['peer']['uid'] == 2001])
        jwt = Client(rig.socket, ('jwt', lambda: issuer.token()))
        jwt.generate(SOFT, 'k')
        for name in ('ns/a/sa/w', 'rig.example/ns/a/sa/w', '0'):
            label = Client(rig.direct_socket, ('direct', name))
            assert label.keys() == [] and status_of(label.sign, SOFT, 'k', DIGEST) == 1140, name
            label.generate(SOFT, 'k')
            assert label.public(SOFT, 'k') != jwt.public(SOFT, 'k')
        assert Client(rig.direct_socket, ('direct', SVID)).exchange(LIST_KEYS)['status'] == 11      # an empty segment is nobody's
        made = {line['identity']: line for line in rig.audit() if line.get('op') == 'PsaGenerateKey' and line.get('key') == 'k'}
        assert {(line['authn'], line['tenant']) for name, line in made.items() if name != SVID} == {('direct', 'direct')}, made
        assert made[SVID]['tenant'] == 'jwt'


main([a_claimed_name_is_a_label_of_the_group_that_may_claim, the_administrator_is_one_door_and_one_list, no_authenticator_opens_the_keys_of_another])
