#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A new configuration while the daemon serves: by signal, by a change of the file, by Kubernetes' links; and what keeps
the old one in force."""
import grp, hashlib, os, re, shutil, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

IN_FORCE_S = 1.0
SIGNALS, SIGNALS_S, CLIENTS = 1000, 10.0, 4
EXCHANGES, EXCHANGES_S = 100, 4.0
ABSENT = 5                 # no such provider


class Reloading(Rig):
    """The file says whether uid 0 may read public keys; it is put in place as an editor does, or written where it is."""
    config_file = None
    in_place = False

    def path(self, *parts):
        return self.config_file if parts == ('keyreeve.yaml',) and self.config_file else super().path(*parts)

    def write(self, denied, **options):
        self.options.update(options)
        rules = '    rules: [{deny: export-public}]\n' if denied else ''
        self.options['tenants'] = f'  - match: {{uid: 0}}\n    tenant: t\n    providers: [{", ".join(self.providers)}]\n{rules}'
        self.put()

    def put(self):
        real = self.path('keyreeve.yaml')
        if self.in_place:
            Rig.write_config(self)
            return
        self.config_file = real + '.new'
        Rig.write_config(self)
        os.rename(self.config_file, real)
        self.config_file = real

    def write_config(self):
        if 'tenants' not in self.options:
            self.write(False)

    def is_denied(self):
        return {0: False, 1133: True}[status_of(Client(self.socket).public, SOFT, 'k')]

    def expect(self, denied, within=IN_FORCE_S):
        wait_for(f'denied {denied}', lambda: self.is_denied() == denied, within)

    def lines(self, text):
        self.log.flush()
        return sum(text in line for line in open(self.path('daemon.log'), errors='replace'))

    def keeps_old(self, why):
        """Said within the bound, and what was in force is so after it, too."""
        before = self.is_denied()
        wait_for(why, lambda: self.lines('the old configuration stays in force') > self.kept and self.lines(why) > 0, 3)
        time.sleep(IN_FORCE_S)
        assert self.is_denied() == before
        self.kept = self.lines('the old configuration stays in force')

    kept = 0


def started(providers=('soft',), wrap='file', **options):
    return Reloading(providers, wrap=wrap, **options)


def sign(client, provider):
    client.sign(provider, 'k' if provider == SOFT else f'k{provider}', b'h' * 32)


def load(rig, provider, stop, results, act):
    """Half of the requests on new connections: signatures, which no file here forbids."""
    kept, count, client = Client(rig.socket, keep=True), 0, Client(rig.socket)
    try:
        while not stop.is_set():
            for c in (kept, client):
                act(c, provider)
                count += 1
        results.append(count)
    except Exception as e:                                              # whatever it was: a request was lost
        results.append(f'provider {provider}, after {count}: {type(e).__name__}: {e}')


def loaded(rig, act, providers=(SOFT,) * CLIENTS, one=sign):
    """Run act while a client for each of these providers signs; none of their requests may be lost."""
    stop, results = threading.Event(), []
    threads = [threading.Thread(target=load, args=(rig, provider, stop, results, one)) for provider in providers]
    for t in threads:
        t.start()
    try:
        act()
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert len(results) == len(providers) and all(isinstance(r, int) and r > 0 for r in results), results
    return sum(results)


def with_keys(rig):
    """Ours, and one on each other provider."""
    Client(rig.socket).generate(SOFT, 'k')
    for provider in (PKCS11, TPM):
        Client(rig.socket).generate(provider, f'k{provider}')


ALL = (SOFT, SOFT, PKCS11, TPM)
BROKEN = ['nonsense: 1\n', 'limits: {queue: many}\n', 'tenants: []\n', '"\n']


def storm(rig, files, seconds, after_each):
    """So many files within the time, nine of ten broken, and each is followed by what asks for a reload.  The last one is
    good and denies what all others allow; returns how long after it that was so."""
    begin = time.monotonic()
    for i in range(files):
        is_last = i == files - 1
        more = f'limits: {{queue: {100 + i}}}\n' if is_last or i % 10 == 0 else BROKEN[i % len(BROKEN)]
        rig.write(denied=is_last, more=more)
        after_each()
        time.sleep(max(0, begin + (i + 1) * seconds / files - time.monotonic()))
    last = time.monotonic()
    rig.expect(denied=True)
    in_force = time.monotonic() - last
    time.sleep(IN_FORCE_S)
    assert rig.is_denied()
    return last - begin, in_force


def a_thousand_signals_under_load_lose_no_request_and_the_last_file_counts():
    with started(providers=('tpm', 'soft', 'hsm')) as rig:
        rig.start()
        with_keys(rig)
        took = []
        count = loaded(rig, lambda: took.extend(
            storm(rig, SIGNALS, SIGNALS_S, lambda: rig.daemon.send_signal(signal.SIGHUP))), ALL)
        taken, kept = rig.lines('new configuration in force'), rig.lines('the old configuration stays in force')
        print(f'        {SIGNALS} signals in {took[0]:.1f} s: {taken} files taken, {kept} refused; {count} signatures on three '
              f'providers; in force after {took[1]:.2f} s', flush=True)
        assert taken >= 1 and kept >= 3 and took[0] < SIGNALS_S + 1, (taken, kept, took)


def a_change_of_the_file_is_in_force_within_a_second():
    with started() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        for in_place in (False, True):
            rig.in_place = in_place
            for denied in (True, False):
                rig.write(denied)
                rig.expect(denied)
        taken = rig.lines('new configuration in force')
        assert taken == 4, taken
        open(os.path.join(rig.dir, 'another'), 'w').close()             # another file: nothing new
        time.sleep(IN_FORCE_S)
        assert rig.lines('new configuration in force') == taken
        rig.daemon.send_signal(signal.SIGHUP)                           # who asks is told
        wait_for('an answer', lambda: rig.lines('new configuration in force') == taken + 1, 3)


def links(rig):
    """As the kubelet does it: keyreeve.yaml -> ..data/keyreeve.yaml, ..data -> ..N; a new directory, then ..data is
    exchanged, then the old directory is removed."""
    etc, number = rig.path('etc'), 0
    os.mkdir(etc, 0o755)

    def swap():
        nonlocal number
        number += 1
        os.mkdir(f'{etc}/..{number}', 0o755)
        rig.config_file = f'{etc}/..{number}/keyreeve.yaml'
        Rig.write_config(rig)
        os.symlink(f'..{number}', f'{etc}/..data_tmp')
        os.rename(f'{etc}/..data_tmp', f'{etc}/..data')
        rig.config_file = f'{etc}/keyreeve.yaml'
        if number > 1:
            shutil.rmtree(f'{etc}/..{number - 1}')
    rig.put = swap
    os.symlink('..data/keyreeve.yaml', f'{etc}/keyreeve.yaml')
    rig.write(False)


def the_links_of_kubernetes_are_followed():
    with started() as rig:
        links(rig)
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        for denied in (True, False, True):
            rig.write(denied)
            rig.expect(denied)


def links_that_are_exchanged_under_load_lose_no_request_and_the_last_file_counts():
    """No signals: the directory says it."""
    with started(providers=('tpm', 'soft', 'hsm')) as rig:
        links(rig)
        rig.start()
        with_keys(rig)
        took = []
        count = loaded(rig, lambda: took.extend(storm(rig, EXCHANGES, EXCHANGES_S, lambda: None)), ALL)
        print(f'        {EXCHANGES} exchanges in {took[0]:.1f} s: {rig.lines("new configuration in force")} files taken, '
              f'{rig.lines("the old configuration stays in force")} refused; {count} signatures; in force after {took[1]:.2f} s',
              flush=True)


def what_is_broken_or_needs_a_restart_keeps_the_old():
    with started() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        rig.write(True, more='nonsense: 1\n')
        rig.keeps_old('nonsense')
        rig.write(True, more='')
        rig.expect(True)
        rig.posture = 'strict'
        rig.write(False)
        rig.keeps_old('a change of posture needs a restart')
        rig.posture = 'permissive'
        rig.write(False)
        rig.expect(False)
        for field, was, now in (('user', 'user: keyreeve-rig', 'user: daemon'), ('paths.state', '/state,', '/other,'),
                                ('paths.private', '/private}', '/other}'),
                                ("a provider's type", 'soft, type: software, wrap: file', 'soft, type: tpm')):
            text = open(rig.path('keyreeve.yaml')).read()
            with open(rig.path('keyreeve.yaml'), 'w') as f:
                f.write(text.replace(was, now))
            rig.keeps_old(f'a change of {field} needs a restart')
            with open(rig.path('keyreeve.yaml'), 'w') as f:
                f.write(text)
        os.unlink(rig.path('keyreeve.yaml'))
        rig.keeps_old('No such file')
        rig.write(True)
        rig.expect(True)


def a_finding_of_a_check_keeps_the_old():
    with started(providers=('tpm', 'soft'), wrap='tpm', posture='strict') as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        os.chmod(rig.path('run'), 0o777)                                # DOC-11, which no posture waives
        rig.write(True)
        rig.keeps_old('DOC-11 refuses')
        os.chmod(rig.path('run'), 0o755)
        rig.write(True)
        rig.expect(True)
        os.chmod(rig.path('keyreeve.yaml'), 0o666)                      # DOC-45; the same file, so it is asked for
        rig.daemon.send_signal(signal.SIGHUP)
        rig.keeps_old('DOC-45 refuses')
        rig.write(False)
        rig.expect(False)


def a_finding_about_a_provider_takes_it_out_at_its_next_start():
    """The worker that runs goes on; one that ends is not started again until the finding is gone."""
    with started(providers=('hsm', 'soft'), wrap='hsm', posture='strict') as rig:
        yaml = rig.provider_yaml
        right = hashlib.sha256(open(SOFTHSM, 'rb').read()).hexdigest()
        pinned = right
        rig.provider_yaml = lambda name: yaml(name) + (f'    module_sha256: {pinned}\n' if name == 'hsm' else '')
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        client.generate(PKCS11, 'h')
        pinned = '0' * 64
        rig.write(True)
        rig.expect(True)
        client.sign(PKCS11, 'h', b'h' * 32)
        os.kill(rig.roles()['p11'], signal.SIGKILL)
        wait_for('hsm down', lambda: status_of(client.sign, PKCS11, 'h', b'h' * 32) == 1145, 3)
        time.sleep(IN_FORCE_S)
        assert 'p11' not in rig.roles() and status_of(client.sign, PKCS11, 'h', b'h' * 32) == 1145
        assert rig.lines('DOC-22 takes a provider out') > 0
        pinned = right
        rig.write(False)
        wait_for('hsm up', lambda: status_of(client.sign, PKCS11, 'h', b'h' * 32) == 0, 5)


def mode_and_group_of_a_socket_change():
    with started() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        text = open(rig.path('keyreeve.yaml')).read()
        ours, foreign = rig.user.pw_gid, grp.getgrnam('daemon').gr_gid

        def put(listener):
            with open(rig.path('keyreeve.yaml'), 'w') as f:
                f.write(text.replace(f'{rig.socket}, mode: "0666"', f'{rig.socket}, {listener}'))
        put('mode: "0660", group: keyreeve-rig')
        wait_for('0660', lambda: os.stat(rig.socket).st_mode & 0o777 == 0o660 and os.stat(rig.socket).st_gid == ours, IN_FORCE_S)
        put('mode: "0666"')
        wait_for('0666', lambda: os.stat(rig.socket).st_mode & 0o777 == 0o666, IN_FORCE_S)
        put('mode: "0660", group: daemon')                              # the service account is no member
        rig.keeps_old('cannot be changed')
        assert os.stat(rig.socket).st_gid != foreign


def edit(rig, change):
    """Another text in place, as an editor does."""
    path = rig.path('keyreeve.yaml')
    with open(path + '.new', 'w') as f:
        f.write(change(open(path).read()))
    os.chmod(path + '.new', 0o644)
    os.rename(path + '.new', path)


def with_listener(path, mode='0666'):
    return lambda text: text.replace('listeners:\n', f'listeners:\n  - {{path: {path}, mode: "{mode}", authenticators: [unix-peer]}}\n')


def without_lines(word):
    return lambda text: ''.join(line + '\n' for line in text.splitlines() if word not in line)


def serves(path):
    return os.path.exists(path) and status_of(Client(path, timeout=3).keys) == 0


def is_open(client):
    """A kept connection that nobody closed."""
    try:
        return client.sock.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b''
    except BlockingIOError:
        return True


def listeners_come_and_go_and_the_others_keep_their_connections():
    with started() as rig:
        rig.start()
        kept = Client(rig.socket, keep=True)
        direct = Client(rig.direct_socket, ('direct', 'd'), keep=True)
        kept.generate(SOFT, 'k')
        direct.ping()
        first, extra, agent = kept.sock, rig.path('run', 'extra.sock'), rig.roles()['agent']
        edit(rig, with_listener(extra))
        wait_for('the new one', lambda: serves(extra), IN_FORCE_S)
        through = Client(extra, keep=True)
        through.sign(SOFT, 'k', b'h' * 32)
        edit(rig, without_lines('direct.sock'))
        wait_for('the end of the direct one', lambda: not os.path.exists(rig.direct_socket), IN_FORCE_S)
        wait_for('the end of its connection', lambda: not is_open(direct), IN_FORCE_S)
        edit(rig, without_lines('extra.sock'))
        wait_for('the end of the extra one', lambda: not os.path.exists(extra) and not is_open(through), IN_FORCE_S)
        # Not in a directory that is another's: nothing changes, and nothing is left there.
        foreign = rig.path('tpm', 'foreign.sock')
        os.chown(rig.path('tpm'), 0, 0)
        edit(rig, with_listener(foreign))
        rig.keeps_old('foreign.sock')
        assert not os.path.exists(foreign)
        # Of two new ones the second cannot be: the first is not either.
        good = rig.path('run', 'good.sock')
        edit(rig, with_listener(good))
        rig.daemon.send_signal(signal.SIGHUP)
        time.sleep(IN_FORCE_S)
        assert not os.path.exists(good)
        edit(rig, without_lines('foreign.sock'))
        wait_for('the good one', lambda: serves(good), IN_FORCE_S)
        kept.sign(SOFT, 'k', b'h' * 32)
        assert kept.sock is first and rig.roles()['agent'] == agent


def a_request_under_way_through_a_listener_that_goes_is_answered():
    with started() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        extra = rig.path('run', 'extra.sock')
        edit(rig, with_listener(extra))
        wait_for('the new one', lambda: serves(extra), IN_FORCE_S)
        began, answers = threading.Barrier(2), []

        def generate():
            client = Client(extra, keep=True)
            client.keys()
            began.wait()
            answers.append(status_of(client.generate, SOFT, 'slow', attributes('rsa', 4096)))
            answers.append(is_open(client))
        thread = threading.Thread(target=generate)
        thread.start()
        began.wait()
        edit(rig, without_lines('extra.sock'))
        thread.join()
        wait_for('the end of the extra one', lambda: not os.path.exists(extra), IN_FORCE_S)
        assert answers[0] == 0, answers
        assert ('slow', SOFT) in Client(rig.socket).keys()


def workers(rig):
    return set(rig.roles()) - {'agent', 'idp'}


def providers_come_and_go_and_the_others_lose_no_request():
    with started(providers=('tpm', 'soft', 'hsm')) as rig:
        rig.providers = ('soft',)
        rig.start()
        client, soft = Client(rig.socket), rig.roles()['soft']
        client.generate(SOFT, 'k')
        assert status_of(client.generate, PKCS11, 'h') == ABSENT and workers(rig) == {'soft'}

        def come_and_go():
            publics = {}
            for turn in range(3):
                rig.providers = ('hsm', 'soft', 'tpm')
                rig.write(False)
                for provider in (PKCS11, TPM):
                    name = f'p{provider}'
                    wait_for(name, lambda: status_of(client.generate, provider, name if turn == 0 else '.rig') == 0, 10)
                    # The keys of the first time: the worker got its own state back.
                    publics.setdefault(provider, client.public(provider, name))
                    assert client.public(provider, name) == publics[provider]
                    verify_outside(publics[provider], b'h' * 32, client.sign(provider, name, b'h' * 32))
                    if turn > 0:
                        client.destroy(provider, '.rig')
                assert len(client.keys()) == 3
                rig.providers = ('soft',)
                rig.write(False)
                wait_for('the workers to end', lambda: workers(rig) == {'soft'}, 3)
                assert status_of(client.sign, PKCS11, f'p{PKCS11}', b'h' * 32) == ABSENT
                assert [name for name, _ in client.keys()] == ['k']
        count = loaded(rig, come_and_go)
        assert rig.roles()['soft'] == soft
        print(f'        {count} signatures meanwhile', flush=True)
        lines = [(line['event'], line.get('provider')) for line in rig.audit() if line.get('event', '').startswith('provider-')]
        assert lines.count(('provider-up', 'hsm')) == lines.count(('provider-down', 'hsm')) == 3, lines
        # Not known to the agent of the next start, either; what its workers had kept is in the store.
        rig.stop()
        rig.start()
        rig.providers = ('hsm', 'soft', 'tpm')
        rig.write(False)
        for provider in (PKCS11, TPM):
            wait_for(f'p{provider}', lambda: status_of(client.sign, provider, f'p{provider}', b'h' * 32) == 0, 10)


def what_a_removed_provider_was_asked_is_answered_and_its_journal_settled():
    """It goes and comes while keys are made and used.  A signature is made or answered as for a provider that is not there.
    A create may be caught between its steps: it is there afterwards, or has left nothing on the token."""
    with started(providers=('soft', 'hsm')) as rig:
        rig.start()
        Client(rig.socket).generate(PKCS11, 'first')
        stop, made, refused, signed = threading.Event(), [], set(), set()

        def make(thread):
            client, n = Client(rig.socket), 0
            while not stop.is_set():
                n += 1
                status = status_of(client.generate, PKCS11, f'k-{thread}-{n}')
                if status == 0:
                    made.append(f'k-{thread}-{n}')
                else:
                    refused.add(status)

        def use():
            client = Client(rig.socket, keep=True)
            while not stop.is_set():
                signed.add(status_of(client.sign, PKCS11, 'first', b'h' * 32))
        threads = [threading.Thread(target=make, args=(n,)) for n in range(2)] + [threading.Thread(target=use) for _ in range(3)]
        for t in threads:
            t.start()
        client = Client(rig.socket)
        for _ in range(4):
            for providers, status in ((('soft',), ABSENT), (('soft', 'hsm'), 0)):
                rig.providers = providers
                rig.write(False)
                wait_for(f'status {status}', lambda: status_of(client.sign, PKCS11, 'first', b'h' * 32) == status, 10)
                time.sleep(0.5)
        stop.set()
        for t in threads:
            t.join()
        assert signed == {0, ABSENT} and refused <= {ABSENT, 1145}, (signed, refused)
        assert sorted(name for name, _ in client.keys()) == sorted(['first'] + made)
        objects = rig.token_objects().count('Private Key Object')
        assert objects == 1 + len(made), (objects, len(made))
        print(f'        {len(made)} keys made, refusals {sorted(refused)}', flush=True)


def a_worker_whose_section_changes_is_replaced_and_loses_no_request():
    with started(providers=('soft', 'hsm')) as rig:
        rig.start()
        client, pids, slow = Client(rig.socket), [], sign_alg('pkcs1')
        client.generate(SOFT, 'k')
        client.generate(SOFT, 'slow', attributes('rsa', 4096, slow))

        def change():
            for threads in (1, 2, 3, 4):
                before = rig.roles().get('soft')
                edit(rig, lambda text: re.sub(r'wrap: file.*}', f'wrap: file, threads: {threads}}}', text))
                wait_for('another worker', lambda: rig.roles().get('soft') not in (None, before), IN_FORCE_S + 1)
                pids.append(before)
        hsm = rig.roles()['p11']
        count = loaded(rig, change, one=lambda c, provider: c.sign(provider, 'slow', b'h' * 32, slow))
        assert len(set(pids)) == 4 and rig.roles()['p11'] == hsm
        print(f'        {count} signatures meanwhile', flush=True)


main([a_thousand_signals_under_load_lose_no_request_and_the_last_file_counts, a_change_of_the_file_is_in_force_within_a_second,
      the_links_of_kubernetes_are_followed, links_that_are_exchanged_under_load_lose_no_request_and_the_last_file_counts,
      what_is_broken_or_needs_a_restart_keeps_the_old, a_finding_of_a_check_keeps_the_old,
      a_finding_about_a_provider_takes_it_out_at_its_next_start, mode_and_group_of_a_socket_change,
      listeners_come_and_go_and_the_others_keep_their_connections, a_request_under_way_through_a_listener_that_goes_is_answered,
      providers_come_and_go_and_the_others_lose_no_request, what_a_removed_provider_was_asked_is_answered_and_its_journal_settled,
      a_worker_whose_section_changes_is_replaced_and_loses_no_request])
