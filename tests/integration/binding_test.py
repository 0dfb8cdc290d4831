#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stolen tokens: who may present a token that belongs to somebody else.  The table of threat A1-S1, over real processes
with uids, gids, namespaces and cgroups of their own."""
import array, os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

UID, GID, OTHER = 2001, 2001, 2002
LIST_KEYS, LIST_CLIENTS = 26, 27
DOMAIN = 'spiffe://rig.example'
SECURITY = os.path.join(ROOT, 'SECURITY.md')
# What a tenant says under `token:`, by the name of its posture; the table's columns.
POSTURES = {
    'watch': '{binding: watch}',
    'first-use': '{}',
    'instances: 1': '{instances: 1}',
    'declared': f'{{binding: declared, declared: [{{uid: {UID}, gid: {GID}}}]}}',
}

# A client in another process: each line a socket and a frame, or where to send a connected socket; answers the wire status.
# With "twin" it forks first, and the child does the same on descriptors 3 and 4.
PROGRAM = r'''
import array, os, socket, struct, sys
asked, told = sys.stdin, sys.stdout
if sys.argv[1:] == ['twin'] and os.fork() == 0:
    asked, told = os.fdopen(3), os.fdopen(4, 'w')
for line in iter(asked.readline, ''):
    path, frame = line.split()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        if frame == 'pass':
            with socket.socket(fileno=os.dup(5)) as to:
                to.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
            status = 0
        else:
            s.sendall(bytes.fromhex(frame))
            answer = b''
            while part := s.recv(65536):
                answer += part
            status = struct.unpack_from('<H', answer, 32)[0]
    print(status, file=told, flush=True)
'''


def token_frame(token, opcode=LIST_KEYS):
    return frame(opcode, auth_type=4, auth=token.encode())


class Presenter:
    """One process that presents tokens when told to; with `twin` also its child."""

    def __init__(self, *wrapper, uid=UID, gid=GID, groups='', twin=False, enter=None):
        self.ours, theirs = socket.socketpair()
        child_in, twin_in = os.pipe()
        twin_out, child_out = os.pipe()

        def descriptors():
            if enter:
                enter()
            for at, fd in ((3, child_in), (4, child_out), (5, theirs.fileno())):
                os.dup2(fd, at + 20)
            for at in (3, 4, 5):
                os.dup2(at + 20, at)

        become = ['setpriv', '--reuid', str(uid), '--regid', str(gid)] + (['--groups', groups] if groups else ['--clear-groups'])
        self.process = subprocess.Popen(
            become + list(wrapper) + ['/usr/bin/python3', '-c', PROGRAM] + (['twin'] if twin else []), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, close_fds=False, preexec_fn=descriptors, cwd='/')
        os.close(child_in)
        os.close(child_out)
        theirs.close()
        self.twin_in, self.twin_out = os.fdopen(twin_in, 'w'), os.fdopen(twin_out)

    def ask(self, path, data, to=None, of=None):
        print(path, data if isinstance(data, str) else data.hex(), file=to or self.process.stdin, flush=True)
        answer = (of or self.process.stdout).readline()
        assert answer, 'a presenter died'
        return int(answer)

    def ask_child(self, path, data):
        return self.ask(path, data, self.twin_in, self.twin_out)

    def connected(self, path):
        """A connection that this process made, in our hands."""
        self.ask(path, 'pass')
        _, ancillary, _, _ = self.ours.recvmsg(1, socket.CMSG_SPACE(4))
        fds = array.array('i')
        fds.frombytes(ancillary[0][2])
        return socket.socket(fileno=fds[0])

    def end(self):
        self.process.stdin.close()
        self.twin_in.close()
        self.process.wait(20)
        self.ours.close()
        self.twin_out.close()


class Setup:
    """The daemon with one tenant per posture, the issuer, and tokens that it trusts."""

    def __init__(self, tenants, **options):
        self.rig = Rig(providers=('soft',), wrap='file', tenants=tenants + '  - {match: {uid: 0}, tenant: root}\n', **options)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig)
        self.cells, self.presenters = 0, []

    def __enter__(self):
        try:
            self.rig.start()
            wait_for('trust', lambda: self.ask_ourselves(self.issuer.token(f'{DOMAIN}/trust')) == 0)
        except BaseException:
            self.rig.close()
            raise
        return self

    def __exit__(self, *failure):
        for presenter in self.presenters:
            presenter.process.kill()
            presenter.process.wait()
        return self.rig.__exit__(*failure)

    def ask_ourselves(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(LIST_KEYS)['status']

    def presenter(self, *wrapper, **options):
        self.presenters.append(Presenter(*wrapper, **options))
        return self.presenters[-1]

    def identity(self, tenant):
        self.cells += 1
        return f'{DOMAIN}/{tenant}/{self.cells}'

    def events(self, identity):
        return [line['event'] for line in self.rig.audit() if line.get('identity') == identity and 'event' in line]


def tenant_yaml(name, token, more=''):
    return f'  - {{match: {{spiffe: "{DOMAIN}/{name}/{{cell}}"}}, tenant: "{name}", token: {token}{more}}}\n'


TRUST = f'  - {{match: {{spiffe: "{DOMAIN}/trust"}}, tenant: trust, token: {{binding: none}}}}\n'

# ---- the table -------------------------------------------------------------------------------------------------------

SERVED, LOUD, REFUSED = 'served', 'served, alarm', 'refused, alarm'
SAME_SCOPE = [SERVED, SERVED, REFUSED, SERVED]
OTHER_SCOPE = [LOUD, REFUSED, REFUSED, REFUSED]
SAME, FIRST_ONLY, NOT_FIRST, WATCHED = (SERVED, SERVED), (SERVED, REFUSED), (REFUSED, SERVED), (SERVED, LOUD)
SAME_SCOPE_FIRST = [SAME, SAME, FIRST_ONLY, SAME]
OTHER_SCOPE_FIRST = [WATCHED, FIRST_ONLY, FIRST_ONLY, NOT_FIRST]
# Who presents the token beside the owner, and what each posture answers: to the presenter after the owner; and, where the
# presenter comes first, to the presenter and then to the owner.
ROWS = [
    ("the owner's process", [SERVED] * 4, [SAME] * 4),
    ("a connection of the owner's process, handed on", [SERVED] * 4, [SAME] * 4),
    ('its child', SAME_SCOPE, SAME_SCOPE_FIRST),
    ('another process of uid and gid', SAME_SCOPE, SAME_SCOPE_FIRST),
    ("a process of uid and gid, after the owner's end", [SERVED] * 4, [SAME] * 4),
    ('uid and gid, other mount and PID namespaces', SAME_SCOPE, SAME_SCOPE_FIRST),
    ('uid and gid, other user namespace', SAME_SCOPE, SAME_SCOPE_FIRST),
    ('another container with the same uid and gid', SAME_SCOPE, SAME_SCOPE_FIRST),
    ('uid, another gid', OTHER_SCOPE, OTHER_SCOPE_FIRST),
    ('another uid', OTHER_SCOPE, OTHER_SCOPE_FIRST),
    ('another container with another uid', OTHER_SCOPE, OTHER_SCOPE_FIRST),
]
CONTAINER = ('unshare', '--user', '--map-root-user', '--mount', '--pid', '--fork', '--net', '--uts', '--ipc', '--cgroup')


def present_on(sock, data):
    with sock:
        sock.settimeout(20)
        sock.sendall(data)
        answer = b''
        while part := sock.recv(65536):
            answer += part
        return parse(answer)['status']


class World:
    """The processes of the table, by its rows' names."""

    def __init__(self, setup):
        self.path = setup.rig.socket
        self.owner = setup.presenter(twin=True)
        others = {
            'another process of uid and gid': setup.presenter(),
            'uid and gid, other mount and PID namespaces': None,
            'uid and gid, other user namespace': setup.presenter('unshare', '--user', '--map-current-user'),
            'another container with the same uid and gid': setup.presenter(*CONTAINER),
            'uid, another gid': setup.presenter(gid=OTHER),
            'another uid': setup.presenter(uid=OTHER, gid=OTHER),
            'another container with another uid': setup.presenter(*CONTAINER, uid=OTHER, gid=OTHER),
        }
        # new namespaces first, while root may, then the uid
        others['uid and gid, other mount and PID namespaces'] = setup.presenter(
            'unshare', '--mount', '--pid', '--fork', 'setpriv', '--reuid', str(UID), '--regid', str(GID), '--clear-groups',
            uid=0, gid=0)
        self.presenters = dict(others, **{"the owner's process": self.owner})
        self.ask = {name: (lambda data, p=p: p.ask(self.path, data)) for name, p in others.items()}
        self.ask["the owner's process"] = self.ask_owner
        self.ask["a connection of the owner's process, handed on"] = lambda data: present_on(self.owner.connected(self.path), data)
        self.ask['its child'] = lambda data: self.owner.ask_child(self.path, data)

    def ask_owner(self, data):
        return self.owner.ask(self.path, data)

    def ask_once(self, data):
        """A process of the owner's uid and gid that ends with its answer."""
        passing = Presenter()
        try:
            return passing.ask(self.path, data)
        finally:
            passing.end()

    def pair(self, name):
        """(owner, presenter) as functions."""
        if name.endswith("the owner's end"):
            return self.ask_once, self.ask_once
        return self.ask_owner, self.ask[name]


def place_of(presenter):
    """Its namespaces, and uid and gid as this machine sees them: of the process that presents, below what unshares."""
    pid = presenter.process.pid
    while program(pid) != os.path.basename(os.path.realpath('/usr/bin/python3')):
        pid, = children(pid)
    status = dict(line.split(':', 1) for line in open(f'/proc/{pid}/status'))
    return ({kind for kind in ('user', 'mnt', 'pid', 'net', 'cgroup') if os.readlink(f'/proc/{pid}/ns/{kind}') != os.readlink(f'/proc/self/ns/{kind}')},
            int(status['Uid'].split()[1]), int(status['Gid'].split()[1]))


def verdict(status, is_alarm):
    return {0: 'served', 11: 'refused'}[status] + (', alarm' if is_alarm else '')


def table_text(rows):
    """As SECURITY.md shows it."""
    out = '| The token is presented by | ' + ' | '.join(f'`{p}`' for p in POSTURES) + ' |\n|---|' + '---|' * len(POSTURES) + '\n'
    for name, after, first in rows:
        out += f'| {name} | ' + ' | '.join(after) + ' |\n'
    out += '\n| First by … and then by the owner | ' + ' | '.join(f'`{p}`' for p in POSTURES) + ' |\n|---|' + '---|' * len(POSTURES) + '\n'
    for name, after, first in rows:
        out += f'| {name} | ' + ' | '.join(f'{a}; {b}' for a, b in first) + ' |\n'
    return out


def a_stolen_token_gives_what_the_table_says():
    tenants = TRUST + ''.join(tenant_yaml(f't{i}', token) for i, token in enumerate(POSTURES.values()))
    with Setup(tenants) as setup:
        world, asked = World(setup), []
        frames = lambda identity: token_frame(setup.issuer.token(identity))
        for name, _, _ in ROWS:
            owner, presenter = world.pair(name)
            for i in range(len(POSTURES)):
                # after the owner, who is served in any case, before and after it
                identity = setup.identity(f't{i}')
                data = frames(identity)
                assert owner(data) == 0, (name, i)
                after = presenter(data)
                assert owner(data) == 0, (name, i)
                # before the owner
                other = setup.identity(f't{i}')
                data = frames(other)
                first = presenter(data)
                second = owner(data)
                asked.append((name, i, identity, after, other, first, second))
        lines = setup.rig.audit()
        refusals = [line for line in lines if line.get('wire') == 11 and 'event' not in line]
        alarms = [line for line in lines if line.get('event') == 'bind-conflict']
        loud = {line['identity'] for line in alarms}
        found = {name: ([None] * 4, [None] * 4) for name, _, _ in ROWS}
        for name, i, identity, after, other, first, second in asked:
            found[name][0][i] = verdict(after, identity in loud)
            # the alarm belongs to whoever found somebody else before it, or is not declared
            found[name][1][i] = (verdict(first, other in loud and first != 0), verdict(second, other in loud and first == 0))
        got = [(name, *found[name]) for name, _, _ in ROWS]
        print(table_text(got))
        wrong = [(name, kind, posture, w, g) for (name, *want), (_, *have) in zip(ROWS, got)
                 for kind, ws, gs in zip(('after', 'first'), want, have) for posture, w, g in zip(POSTURES, ws, gs) if w != g]
        assert not wrong, wrong
        # the presenters were what they are called
        assert {name: place_of(p) for name, p in world.presenters.items()} == {
            "the owner's process": (set(), UID, GID), 'another process of uid and gid': (set(), UID, GID),
            'uid and gid, other mount and PID namespaces': ({'mnt', 'pid'}, UID, GID),
            'uid and gid, other user namespace': ({'user'}, UID, GID),
            'another container with the same uid and gid': ({'user', 'mnt', 'pid', 'net', 'cgroup'}, UID, GID),
            'uid, another gid': (set(), UID, OTHER), 'another uid': (set(), OTHER, OTHER),
            'another container with another uid': ({'user', 'mnt', 'pid', 'net', 'cgroup'}, OTHER, OTHER)}
        # every refusal is 11 with a reason that says BIND, denied by the tenant's token rule; the alarm names both sides
        assert refusals and all(re.fullmatch('BIND_(SCOPE|INSTANCES|DECLARED)', line['status']) for line in refusals)
        assert all(line['decision'] == 'deny' and re.fullmatch(r'tenants\[\d\]\.token', line['rule']) for line in refusals)
        for alarm in alarms:
            assert alarm['peer']['uid'] in (UID, OTHER) and alarm['count'] == 1 and len(alarm['token']['hash']) == 64, alarm
            assert 'holder' in alarm or alarm['status'] == 'BIND_DECLARED', alarm
        cells = 2 * len(ROWS) * len(POSTURES)
        print(f'        {cells} cells, {len(refusals)} refusals, {len(alarms)} alarms', flush=True)
        assert cells >= 60
        assert table_text(got) in open(SECURITY).read(), 'SECURITY.md shows another table'


# ---- instances, cgroups, rules ---------------------------------------------------------------------------------------


def two_containers_under_one_identity_are_noticed():
    with Setup(TRUST + tenant_yaml('any', '{}') + tenant_yaml('one', '{instances: 1}')) as setup:
        path, mint = setup.rig.socket, setup.issuer.token
        first, replica = setup.presenter(*CONTAINER), setup.presenter(*CONTAINER)
        second = setup.presenter(*CONTAINER, uid=OTHER, gid=OTHER)
        # an identity that two share, each with a token of its own: noticed at the second request
        shared = setup.identity('any')
        assert first.ask(path, token_frame(mint(shared, ttl=300))) == 0
        assert setup.events(shared) == []
        assert second.ask(path, token_frame(mint(shared, ttl=299))) == 0
        wait_for('the alarm', lambda: setup.events(shared) == ['identity-shared'], 3)
        alarm = [line for line in setup.rig.audit() if line.get('event') == 'identity-shared'][0]
        assert (alarm['peer']['uid'], alarm['holder'], alarm['decision']) == (OTHER, {'uid': UID, 'gid': GID}, 'allow'), alarm
        # one token, another uid: refused; the same uid, gid and label: served
        token = token_frame(mint(setup.identity('any')))
        assert [first.ask(path, token), second.ask(path, token), replica.ask(path, token)] == [0, 11, 0]
        # instances: 1: the second is refused, whoever it is
        token = token_frame(mint(setup.identity('one')))
        assert [first.ask(path, token), replica.ask(path, token), second.ask(path, token)] == [0, 11, 11]


def cgroup_directory():
    for place in ('/sys/fs/cgroup', '/sys/fs/cgroup/unified'):
        if os.path.exists(os.path.join(place, 'cgroup.procs')) and os.path.exists(os.path.join(place, 'cgroup.controllers')):
            return place
    raise RuntimeError('no unified cgroup hierarchy')


class Cgroup:
    """One of its own, for processes that are to be told apart."""

    def __init__(self, name):
        self.name, self.path = f'/{name}', os.path.join(cgroup_directory(), name)

    def __enter__(self):
        os.mkdir(self.path)
        return self

    def enter(self):
        with open(os.path.join(self.path, 'cgroup.procs'), 'w') as f:
            f.write(str(os.getpid()))

    def __exit__(self, *failure):
        wait_for('the cgroup to be empty', lambda: not open(os.path.join(self.path, 'cgroup.procs')).read())
        os.rmdir(self.path)


def pods_that_share_a_uid_are_told_apart_by_their_cgroups():
    names = [f'keyreeve-{os.getpid()}-{i}' for i in range(3)]
    tenants = (TRUST + tenant_yaml('one', '{instances: 1, instance: cgroup}') + tenant_yaml('two', '{instances: 2, instance: cgroup}') +
               tenant_yaml('declared', f'{{binding: declared, declared: [{{uid: {UID}, cgroup: /{names[0]}}}]}}'))
    with Cgroup(names[0]) as a, Cgroup(names[1]) as b, Cgroup(names[2]) as c, Setup(tenants) as setup:
        path, mint = setup.rig.socket, setup.issuer.token
        first, second = setup.presenter(enter=a.enter), setup.presenter(enter=a.enter)
        other, third = setup.presenter(enter=b.enter), setup.presenter(enter=c.enter)
        token = token_frame(mint(setup.identity('one')))
        assert [p.ask(path, token) for p in (first, second, other, first)] == [0, 0, 11, 0]
        token = token_frame(mint(setup.identity('two')))
        assert [p.ask(path, token) for p in (first, other, second, third, other)] == [0, 0, 0, 11, 0]
        token = token_frame(mint(setup.identity('declared')))
        assert [p.ask(path, token) for p in (other, first, second, other)] == [11, 0, 0, 11]
        # a cgroup that is made anew under its name is the declared one again
        for presenter in (first, second):
            presenter.end()
        wait_for('the cgroup to be empty', lambda: not open(os.path.join(a.path, 'cgroup.procs')).read())
        os.rmdir(a.path)
        assert other.ask(path, token) == 11
        os.mkdir(a.path)
        assert setup.presenter(enter=a.enter).ask(path, token) == 0
        setup.presenters[-1].end()


def pins_outlive_their_connections_and_a_reload_and_end_with_their_process():
    with Setup(TRUST + tenant_yaml('one', '{instances: 1}') + tenant_yaml('any', '{}')) as setup:
        rig, path = setup.rig, setup.rig.socket
        owner, other, stranger = setup.presenter(), setup.presenter(), setup.presenter(uid=OTHER, gid=OTHER)
        one, scope = token_frame(setup.issuer.token(setup.identity('one'))), token_frame(setup.issuer.token(setup.identity('any')))
        assert [owner.ask(path, t) for t in (one, scope)] == [0, 0]
        rig.daemon.send_signal(signal.SIGHUP)
        wait_for('the reload', lambda: 'new configuration in force' in rig.tail(100))
        assert [other.ask(path, one), stranger.ask(path, scope), other.ask(path, scope)] == [11, 11, 0]
        # also where the key goes and comes back
        setup.issuer.say('deny')
        wait_for('the withdrawal', lambda: owner.ask(path, scope) == 11, 5)
        setup.issuer.say('ok')
        wait_for('trust again', lambda: owner.ask(path, scope) == 0, 40)
        assert stranger.ask(path, scope) == 11
        owner.end()
        assert [stranger.ask(path, one), other.ask(path, one)] == [11, 0]


def rules_ask_how_a_token_is_bound_and_how_many_hold_the_identity():
    rules = ', rules: [{allow: [use, read, create], max_principals: 1}]'
    bound = ', rules: [{allow: [use, read, create], binding: first-use}]'
    with Setup(TRUST + tenant_yaml('few', '{}', rules) + tenant_yaml('bound', '{}', bound)) as setup:
        path, mint = setup.rig.socket, setup.issuer.token
        first, second = setup.presenter(), setup.presenter(uid=OTHER, gid=OTHER)
        make = lambda identity, ttl=300: frame(2, pb((1, 'k'), (2, attributes())), SOFT, auth_type=4, auth=mint(identity, ttl=ttl).encode())
        assert first.ask(path, make(setup.identity('bound'))) == 0
        identity = setup.identity('few')
        own = make(identity)
        assert first.ask(path, own) == 0
        assert first.ask(path, own) == 1139
        # somebody else with a token of the same identity: neither may now, and the log says which rule
        assert second.ask(path, make(identity, 299)) == 1133 and first.ask(path, own) == 1133
        line = [line for line in setup.rig.audit() if line.get('identity') == identity and line.get('wire') == 1133][-1]
        assert (line['status'], line['decision']) == ('POLICY_DENIED', 'deny'), line


def an_administrator_s_token_is_for_those_it_declares():
    declared, first = f'{DOMAIN}/admin/declared', f'{DOMAIN}/admin/first'
    more = f'  - {{spiffe: "{declared}", declared: [{{uid: {UID}}}]}}\n  - {{spiffe: "{first}"}}\n'
    with Setup(TRUST, more=more, admin_authenticators='unix-peer, jwt-svid') as setup:
        path = setup.rig.admin_socket
        group = str(SERVICE_UID)
        admin, other = setup.presenter(groups=group), setup.presenter(uid=OTHER, gid=OTHER, groups=group)
        token = token_frame(setup.issuer.token(declared), LIST_CLIENTS)
        assert [p.ask(path, token) for p in (other, admin, other)] == [11, 0, 11]
        token = token_frame(setup.issuer.token(first), LIST_CLIENTS)
        assert [p.ask(path, token) for p in (admin, other, admin)] == [0, 11, 0]
        lines = [line for line in setup.rig.audit() if line.get('op') == 'ListClients' and line['wire'] == 11]
        assert [line['status'] for line in lines] == ['BIND_DECLARED', 'BIND_DECLARED', 'BIND_SCOPE'], lines
        assert [setup.events(i) for i in (declared, first)] == [['bind-conflict'], ['bind-conflict']]
        # an account is its own binding
        assert status_of(Client(path).call, LIST_CLIENTS) == 0


def strict_does_not_start_without_binding():
    with Rig(providers=('soft',), wrap='file', posture='strict') as rig:
        for token, outcome in (('{binding: none}', 'refuses'), ('{binding: watch}', 'warns'), ('{}', 'good')):
            rig.options['tenants'] = tenant_yaml('t', token)
            rig.write_config()
            done = subprocess.run([os.path.join(rig.build, 'bin', 'keyreeved'), '--check', '--config', rig.path('keyreeve.yaml')],
                                  capture_output=True, text=True)
            assert f'DOC-06 {outcome}: t' in done.stdout + done.stderr, (token, done)
            assert done.returncode != 0 or outcome != 'refuses'


main([a_stolen_token_gives_what_the_table_says, two_containers_under_one_identity_are_noticed,
      pods_that_share_a_uid_are_told_apart_by_their_cgroups,
      pins_outlive_their_connections_and_a_reload_and_end_with_their_process,
      rules_ask_how_a_token_is_bound_and_how_many_hold_the_identity, an_administrator_s_token_is_for_those_it_declares,
      strict_does_not_start_without_binding])
