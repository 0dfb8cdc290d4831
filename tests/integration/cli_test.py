#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keyreeve, the command line, on the real daemon: every exit code, administration, the audit log while it is written,
what a stranger does wrong, and where output cannot go."""
import os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

PROGRAM = os.path.join(BUILD, 'bin', 'keyreeve')
NOBODY = 2999              # a uid without a tenant
WORKLOAD = 'spiffe://rig.example/ns/a/sa/w'


class Cli:
    """keyreeve on one socket, in an environment that names nothing else."""

    def __init__(self, endpoint, uid=None, **env):
        self.uid = uid
        self.env = dict({'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8', 'PARSEC_SERVICE_ENDPOINT': f'unix:{endpoint}'}, **env)

    def command(self, *arguments):
        account = [] if self.uid is None else ['setpriv', '--reuid', str(self.uid), '--regid', str(self.uid), '--clear-groups']
        return account + [PROGRAM, *map(os.fsencode, arguments)]

    def run(self, *arguments, data=b'', **more):
        more.setdefault('stdout', subprocess.PIPE)
        return subprocess.run(self.command(*arguments), env=self.env, input=data, stderr=subprocess.PIPE, timeout=60, **more)

    def good(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == 0, (arguments, done)
        return done.stdout

    def says(self, code, *arguments, **more):
        """It ends so, and its message has what, where and what to do: a first line of the program's, and a hint."""
        done = self.run(*arguments, **more)
        text = done.stderr.decode()
        assert done.returncode == code, (arguments, code, done)
        first, *hint = text.rstrip('\n').split('\n')
        assert re.match(r'keyreeve: .+: .+', first), (arguments, text)
        assert len(hint) == 1 and re.match(r'  \S', hint[0]), (arguments, text)
        return text


def file_of(rig, name, content):
    with open(rig.path(name), 'wb') as f:
        f.write(content)
    os.chmod(rig.path(name), 0o644)
    return rig.path(name)


def with_workload_api(rig):
    """The daemon with an issuer, and the command line as the workload `w` of it."""
    rig.options['spiffe'] = rig.path('issuer.sock')
    issuer = Issuer(rig)
    issuer.say('entry-delete', 'any')
    issuer.say('entry', SERVICE_UID, 'spiffe://rig.example/keyreeve')
    issuer.say('entry', 0, WORKLOAD)
    rig.start()
    cli = Cli(rig.socket, SPIFFE_ENDPOINT_SOCKET=f'unix://{issuer.socket}')
    wait_for('the key document', lambda: cli.run('key', 'list').returncode == 0)
    return issuer, cli


# ---- exit codes --------------------------------------------------------------------------------------------------------


def every_exit_code_is_the_daemons_answer():
    with Rig(providers=('tpm', 'soft')) as rig:
        rig.start()
        cli = Cli(rig.socket)
        message, other = file_of(rig, 'message', b'hello\n'), file_of(rig, 'other', b'other\n')
        assert b'protocol 1.0' in cli.good('ping')
        cli.good('key', 'create', 'web', '--provider', 'tpm')
        cli.good('sign', 'web', message, '--out', rig.path('signature'))
        assert cli.good('verify', 'web', message, '--signature', rig.path('signature')) == b'verified\n'
        # 1: an argument
        cli.says(1, 'key', 'create', 'x', '--type', 'ecc-p257')
        # 3: a Workload API that is not there
        api = Cli(rig.socket, SPIFFE_ENDPOINT_SOCKET='unix:///nowhere/agent.sock')
        assert 'no token' in api.says(3, 'key', 'list')
        # 4: nobody's uid; not an administrator; an algorithm that is not the key's
        assert '(11 ' in Cli(rig.socket, NOBODY).says(4, 'key', 'list')
        assert '(21 ' in cli.says(4, 'client', 'list')
        assert '(1133 ' in cli.says(4, 'sign', 'web', message, '--alg', 'ecdsa-sha-384')
        # 5: taken, and not there
        assert '(1139 ' in cli.says(5, 'key', 'create', 'web')
        assert '(1140 ' in cli.says(5, 'sign', 'nothing', message)
        assert '(1140 ' in cli.says(5, 'key', 'destroy', 'nothing')
        cli.says(5, 'key', 'show', 'nothing')
        # 7: another message
        assert '(1149 ' in cli.says(7, 'verify', 'web', other, '--signature', rig.path('signature'))
        # 8: a configuration with errors; an audit line that is not the daemon's
        assert cli.run('policy', 'check', message).returncode == 8
        os.mkdir(rig.path('log'))
        file_of(rig, 'log/0000000000000001.log', b'{"v":1,"seq":1}\nnot ours\n')
        cli.says(8, 'audit', 'show', '--dir', rig.path('log'))
        # 6: the device is gone
        rig.stop_swtpm()
        assert '(1145 ' in cli.says(6, 'sign', 'web', message) or '(1147 ' in cli.says(6, 'sign', 'web', message)
        # 2: stuck, then gone
        stand_still(rig.roles()['agent'])
        assert 'no answer in time' in cli.says(2, 'ping', '--timeout', '0.3')
        os.kill(rig.roles()['agent'], signal.SIGCONT)
        assert 'opened by uid' in cli.says(2, 'ping', '--server-user', '12345')
        rig.stop()
        assert rig.socket in cli.says(2, 'ping')


def a_refused_token_is_4_and_none_is_3():
    with Rig(providers=('soft',), wrap='file') as rig:
        issuer, cli = with_workload_api(rig)
        cli.good('key', 'create', 'mine')
        assert json.loads(cli.good('token', 'inspect', '--json'))['claims']['sub'] == WORKLOAD
        assert cli.run('key', 'list', '--audience', 'somebody-else').returncode == 4
        issuer.say('entry-delete', 0)
        issuer.say('entry', 0, 'spiffe://rig.example/no-tenant')
        assert '(11 ' in cli.says(4, 'key', 'list')
        issuer.say('entry-delete', 0)
        assert 'no token' in cli.says(3, 'key', 'list')
        cli.says(3, 'token', 'inspect')
        cli.good('ping')                                          # needs no identity, so no token either
        old = issuer.token(ttl=300, age=400)
        assert cli.run('token', 'inspect', '-', data=old.encode()).returncode == 8


# ---- administration ------------------------------------------------------------------------------------------------------


def clients_are_listed_and_deleted_on_the_admin_socket_only():
    with Rig(providers=('tpm', 'soft')) as rig:
        rig.start()
        owner, admin, public = Cli(rig.socket, 2001), Cli(rig.admin_socket), Cli(rig.socket)
        for name, provider in (('a', 'tpm'), ('b', 'software')):
            owner.good('key', 'create', name, '--provider', provider)
        Cli(rig.socket, 2002).good('key', 'create', 'a', '--provider', 'software')
        assert admin.good('client', 'list').decode().split() == ['unix:2001', 'unix:2002']
        assert json.loads(admin.good('client', 'list', '--json')) == ['unix:2001', 'unix:2002']
        for command in (('client', 'list'), ('client', 'delete', 'unix:2001')):
            assert 'admin socket' in public.says(4, *command)                       # an administrator, at the wrong door
            assert Cli(rig.admin_socket, 2001).run(*command).returncode == 2        # may not open the right one
        assert len(json.loads(owner.good('key', 'list', '--json'))) == 2
        assert admin.good('client', 'delete', 'unix:2001') == b'deleted all keys of unix:2001\n'
        assert json.loads(owner.good('key', 'list', '--json')) == []
        assert admin.good('client', 'list') == b'unix:2002\n'
        assert json.loads(admin.good('client', 'delete', 'unix:4711', '--json')) == {'deleted': 'unix:4711'}   # has none
        assert Cli(rig.socket, 2002).good('key', 'list', '--json').count(b'"name"') == 1


def keys_of_a_provider_that_is_down_stay_pending():
    """Deleting a client whose TPM is away says so, and names it in the audit log."""
    with Rig(providers=('tpm', 'soft'), wrap='file') as rig:
        rig.start()
        owner, admin = Cli(rig.socket, 2001), Cli(rig.admin_socket)
        for name, provider in (('a', 'tpm'), ('b', 'software')):
            owner.good('key', 'create', name, '--provider', provider)
        rig.providers = ('soft',)
        rig.stop()
        rig.start()                                               # a configuration without the TPM
        assert '(1147 ' in admin.says(6, 'client', 'delete', 'unix:2001')
        assert [line for line in rig.audit() if line.get('status') == 'CLIENT_PENDING' and line['wire'] == 1147]
        assert admin.good('client', 'list') == b'unix:2001\n'
        rig.providers = ('tpm', 'soft')
        rig.stop()
        rig.start()
        admin.good('client', 'delete', 'unix:2001')
        assert admin.good('client', 'list') == b''


# ---- the audit log -------------------------------------------------------------------------------------------------------


class Follower:
    """keyreeve audit show --follow, its lines in a file."""

    def __init__(self, rig, *arguments):
        self.path = rig.path('followed')
        self.process = subprocess.Popen(Cli(rig.socket).command('audit', 'show', '--follow', '--dir', rig.path('state', 'audit'), *arguments),
                                        stdout=open(self.path, 'wb'), stderr=subprocess.PIPE)

    def lines(self):
        return open(self.path, 'rb').read().split(b'\n')[:-1]

    def seqs(self):
        return [json.loads(line)['seq'] for line in self.lines()]

    def end(self):
        """By SIGINT; what it wrote ends with a whole line."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(5) == -signal.SIGINT, self.process.returncode
        content = open(self.path, 'rb').read()
        assert content.endswith(b'\n') and self.process.stderr.read() == b''


def following_crosses_segments_without_a_gap():
    with Rig(providers=('soft',), wrap='file', segment='1MiB', keep=16) as rig:
        rig.start()
        follower = Follower(rig, '--json')
        client = Client(rig.socket, keep=True)
        client.generate(SOFT, 'k')
        for _ in range(5000):
            client.public(SOFT, 'k')
        assert len(glob.glob(rig.path('state', 'audit', '*.log'))) >= 3
        last = rig.audit()[-1]['seq']
        wait_for('the last line', lambda: follower.process.poll() is not None or follower.seqs()[-1:] >= [last], 20)
        assert follower.process.poll() is None
        follower.end()
        assert follower.seqs()[:last] == list(range(1, last + 1))


def following_survives_a_torn_line_and_a_crash():
    """A line whose end is not written yet is not shown; what a start puts in its place is."""
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        rig.kill()
        last = rig.audit()[-1]['seq']
        segment = sorted(glob.glob(rig.path('state', 'audit', '*.log')))[-1]
        with open(segment, 'a') as f:
            f.write('{"v":1,"seq":%d,"torn":[[[' % (last + 1))     # no whole line goes on like this
        follower = Follower(rig, '--json')
        wait_for('what is there', lambda: follower.seqs()[-1:] == [last])
        time.sleep(0.6)                                           # it looks again, and again sees no end
        assert follower.seqs()[-1] == last
        rig.start()
        Client(rig.socket).generate(SOFT, 'after')
        wait_for('what came after', lambda: b'"after"' in b'\n'.join(follower.lines()[-5:]))
        follower.end()
        seqs = follower.seqs()
        assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) > last, seqs[-5:]


def following_as_a_table_filters_and_ends():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        follower = Follower(rig, '--key', 'shown', '--status', 'ok')
        client = Client(rig.socket)
        for name in ('shown', 'hidden'):
            client.generate(SOFT, name)
        assert status_of(client.generate, SOFT, 'shown') == 1139
        client.destroy(SOFT, 'shown')
        wait_for('both', lambda: len(follower.lines()) == 3)
        follower.end()
        head, *rows = follower.lines()
        assert head.startswith(b'TIME ') and [row.split()[2] for row in rows] == [b'PsaGenerateKey', b'PsaDestroyKey']


# ---- a stranger ----------------------------------------------------------------------------------------------------------


def commands(cli):
    """[('key', 'create'), ...] as the program lists them."""
    text = cli.good('--help').decode().split('\n\n')[1]
    found = [tuple(word for word in line.split() if word.islower() and word.isalpha()) for line in text.split('\n')]
    found = [words[:2 if words[0] in ('key', 'token', 'client', 'admin', 'tenant', 'audit', 'policy') else 1] for words in found]
    assert len(found) >= 19 and len(set(found)) == len(found), found
    return found


def every_command_has_its_help():
    cli = Cli('/nowhere')
    for words in commands(cli):
        text = cli.good(*words, '--help').decode()
        assert text.startswith('usage: keyreeve ' + words[0]) and '--' in text, words
    for group in ('key', 'token', 'client', 'admin', 'tenant', 'audit', 'policy'):
        assert cli.good(group, '--help').startswith(b'usage: keyreeve ' + group.encode())


def what_a_stranger_does_wrong_is_told():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        cli, weak = Cli(rig.socket), Cli(rig.socket, 2001)
        cli.good('key', 'create', 'web')
        secret = file_of(rig, 'secret', b'x')
        os.chmod(secret, 0o600)
        log = rig.path('state', 'audit')
        for arguments, part in [
                (['key'], 'key create; key list'), (['key', 'creat'], 'key creat: no such command'), (['kez'], 'kez: no such command'),
                (['key', 'create'], 'usage: keyreeve key create NAME'), (['ping', 'x'], 'usage: keyreeve ping'),
                (['ping', '--type', 'x'], 'type: this command has no such option'), (['ping', '--nope'], '--nope: no such option'),
                (['ping', '--socket'], '--socket: the option needs a value'), (['key', 'destroy', '-x'], 'behind --'),
                (['ping', '--auth', 'me'], 'direct:NAME'), (['ping', '--provider', 'x'], 'software, pkcs11 or tpm'),
                (['ping', '--server-user', 'no-such-user'], 'a uid'), (['ping', '--timeout', 'x'], 'seconds'),
                (['key', 'create', ''], 'the name is empty'), (['key', 'create', 'a\nb'], 'a?b: name has a control character'),
                (['key', 'create', b'\xff'], 'UTF-8'), (['key', 'create', 'n' * 256], '255 bytes'),
                (['key', 'create', 'x', '--usage', 'dance'], 'sign, verify'), (['key', 'create', 'x', '--alg', 'rot13'], 'ecdsa-any'),
                (['sign', 'web', '/nowhere'], '/nowhere: No such file'), (['sign', 'web', '/'], '/: Is a directory'),
                (['sign', 'web', '--message', '/'], '/: Is a directory'), (['sign', 'web', '--alg', 'x', '/dev/null'], 'x: no signature'),
                (['sign', 'web', '/dev/null', '--out', '/nowhere/x'], '/nowhere/x'), (['sign', 'web', '--message', '/dev/zero'], '1048000 bytes'),
                (['verify', 'web', '/dev/null'], '--signature FILE is missing'), (['verify', 'web', '--signature', '-'], 'standard input'),
                (['verify', 'web', '--signature', '/nowhere', '/dev/null'], '/nowhere: No such file'),
                (['verify', 'web', '--signature', '/dev/zero', '/dev/null'], '/dev/zero: it is too long'),
                (['random', '-1'], '-1: no such option'), (['random', 'x'], 'x: not a number'), (['random', '1048577'], '1048576'),
                (['token', 'inspect', '/nowhere'], '/nowhere: No such'),
                (['token', 'inspect', '/dev/null'], '/dev/null: it is empty'), (['token', 'inspect', secret], 'compact JWS'),
                (['audit', 'show', '--dir', secret], 'Not a directory'), (['audit', 'show', '--dir', '/nowhere'], '/nowhere: No such'),
                (['audit', 'show', '--since', 'x'], '10m'), (['policy', 'explain', '/nowhere', '--as', 'uid:1', '--op', 'sign'], '/nowhere'),
                (['policy', 'explain'], '--as ID and --op'), (['policy', 'check', secret, 'x'], 'x: too many'),
                (['policy', 'guess'], 'policy explain and policy check'), (['policy', 'check', '--key', 'x'], 'no options')]:
            text = cli.says(1, *arguments)
            assert part in text, (arguments, text)
        assert 'rights' in weak.says(1, 'sign', 'web', secret)
        assert "root's" in weak.says(1, 'audit', 'show', '--dir', log)
        assert 'rights' in weak.says(1, 'policy', 'check', secret)
        assert 'group' in weak.says(2, 'ping', '--socket', rig.admin_socket)
        for arguments, part in [(['policy', 'check'], 'policy --help'), (['random', '1', '--out', 'x'], 'standard output')]:
            done = cli.run('--json', *arguments)
            assert done.returncode == 1 and part in json.loads(done.stderr)['error']['hint'], done
        assert cli.run().returncode == 1 and b'usage:' in cli.run().stderr
        assert 'is no address' in cli.says(3, 'token', 'inspect', '--spiffe-socket', 'somewhere')
        reached = {(line['op'], line['key']) for line in rig.audit() if line.get('key', '.')[0] != '.'}
        assert reached == {('PsaGenerateKey', 'web'), ('PsaSignHash', 'web')}, reached   # the second: --out /nowhere/x


def odd_names_and_large_files_are_taken():
    names = ['a b', '...', '-x', 'a/b', '*', '$(id)', "it's", 'ключ', '"', '\\', 'n' * 255]
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        cli = Cli(rig.socket)
        large = rig.path('large')
        with open(large, 'wb') as f:
            f.truncate(300 << 20)
        for name in names:
            cli.good('key', 'create', '--', name)
            assert json.loads(cli.good('key', 'show', '--json', '--', name))['name'] == name
        assert sorted(key['name'] for key in json.loads(cli.good('key', 'list', '--json'))) == sorted(names)
        columns = {line.decode().index('ecc-p256') for line in cli.good('key', 'list').split(b'\n')[1:-1]}
        assert len(columns) == 1, columns                         # of characters, not bytes
        cli.good('sign', '--out', rig.path('signature'), '--', '-x', large)
        assert cli.good('verify', '--signature', rig.path('signature'), '--', '-x', large) == b'verified\n'
        piped = cli.good('sign', 'a b', data=b'by a pipe')
        assert cli.good('verify', 'a b', '-', '--signature', file_of(rig, 'piped', piped), data=b'by a pipe') == b'verified\n'
        for name in names:
            assert json.loads(cli.good('key', 'destroy', '--json', '--', name)) == {'destroyed': name}


def every_answer_is_json_where_it_is_asked_for():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        cli = Cli(rig.socket)
        message = file_of(rig, 'message', b'm')
        for arguments in (['ping'], ['info'], ['key', 'create', 'k'], ['key', 'list'], ['key', 'show', 'k'], ['key', 'public', 'k'],
                          ['sign', 'k', message], ['random', '7']):
            assert json.loads(cli.good(*arguments, '--json')), arguments
        assert json.loads(cli.good('key', 'public', 'k', '--json'))['pem'].encode() == cli.good('key', 'public', 'k')
        error = json.loads(cli.run('sign', 'none', message, '--json').stderr)['error']
        assert (error['exit'], error['status'], error['what']) == (5, 1140, 'none') and error['text'] and error['hint'], error


def an_output_that_does_not_take_it_is_no_success():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        cli = Cli(rig.socket)
        cli.good('key', 'create', 'k')
        message = file_of(rig, 'message', b'm')
        for arguments in (['key', 'list'], ['sign', 'k', message], ['random', '100000'], ['ping'], ['info', '--json'], ['--help'], ['--version'],
                          ['key', 'public', 'k'], ['audit', 'show', '--dir', rig.path('state', 'audit')]):
            with open('/dev/full', 'wb') as full:
                done = cli.run(*arguments, stdout=full)
                assert done.returncode == 6 and b'standard output' in done.stderr, (arguments, done)
            inside, outside = os.pipe()                           # a reader that has gone
            os.close(inside)
            code = cli.run(*arguments, stdout=outside, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL)).returncode
            assert code == -signal.SIGPIPE, (arguments, code)
            ignored = cli.run(*arguments, stdout=outside, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
            assert ignored.returncode == 6 and ignored.stderr, (arguments, ignored)
            os.close(outside)


def nothing_of_the_token_reaches_a_file():
    """What the command line opens for writing while it fetches and uses a token: nothing."""
    with Rig(providers=('soft',), wrap='file') as rig:
        issuer, cli = with_workload_api(rig)
        trace = rig.path('trace')
        subprocess.run(['strace', '-f', '-qq', '-o', trace, '-e', 'trace=open,openat,openat2,creat,memfd_create,rename,renameat2,mkdir,mkdirat',
                        *cli.command('key', 'create', 'k')], env=dict(cli.env, ASAN_OPTIONS='detect_leaks=0'), check=True, stdout=subprocess.DEVNULL)
        calls = open(trace).read().split('\n')
        assert any('openat' in call for call in calls)
        written = [call for call in calls if re.search(r'O_WRONLY|O_RDWR|O_CREAT|creat\(|memfd_create|rename|mkdir', call) and '/dev/null' not in call
                   and '/dev/urandom' not in call]
        assert not written, written


main([every_exit_code_is_the_daemons_answer, a_refused_token_is_4_and_none_is_3, clients_are_listed_and_deleted_on_the_admin_socket_only,
      keys_of_a_provider_that_is_down_stay_pending, following_crosses_segments_without_a_gap, following_survives_a_torn_line_and_a_crash,
      following_as_a_table_filters_and_ends, every_command_has_its_help, what_a_stranger_does_wrong_is_told, odd_names_and_large_files_are_taken,
      every_answer_is_json_where_it_is_asked_for, an_output_that_does_not_take_it_is_no_success, nothing_of_the_token_reaches_a_file])
