#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A new configuration while the daemon serves: by signal, by a change of the file, by Kubernetes' links; and what keeps
the old one in force."""
import grp, hashlib, os, shutil, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

IN_FORCE_S = 1.0
SIGNALS, SIGNALS_S, CLIENTS = 1000, 10.0, 4


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


def load(rig, stop, results):
    """Half of the requests on new connections: signatures, which no file here forbids."""
    kept, count, client = Client(rig.socket, keep=True), 0, Client(rig.socket)
    try:
        while not stop.is_set():
            for c in (kept, client):
                c.sign(SOFT, 'k', b'h' * 32)
                count += 1
        results.append(count)
    except Exception as e:                                              # whatever it was: a request was lost
        results.append(f'after {count}: {type(e).__name__}: {e}')


def a_thousand_signals_under_load_lose_no_request_and_the_last_file_counts():
    with started() as rig:
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        stop, results = threading.Event(), []
        threads = [threading.Thread(target=load, args=(rig, stop, results)) for _ in range(CLIENTS)]
        for t in threads:
            t.start()
        begin = time.monotonic()
        for i in range(SIGNALS):
            rig.write(denied=i == SIGNALS - 1, more=f'limits: {{queue: {100 + i}}}\n')
            rig.daemon.send_signal(signal.SIGHUP)
            time.sleep(max(0, begin + (i + 1) * SIGNALS_S / SIGNALS - time.monotonic()))
        last, took = time.monotonic(), time.monotonic() - begin
        rig.expect(denied=True)
        after = time.monotonic() - last
        time.sleep(IN_FORCE_S)
        assert rig.is_denied()
        stop.set()
        for t in threads:
            t.join()
        assert len(results) == CLIENTS and all(isinstance(r, int) and r > 0 for r in results), results
        taken = rig.lines('new configuration in force')
        print(f'        {SIGNALS} signals in {took:.1f} s, {taken} reloads, {sum(results)} signatures, in force after {after:.2f} s',
              flush=True)
        assert taken >= 3, taken


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


def the_links_of_kubernetes_are_followed():
    """keyreeve.yaml -> ..data/keyreeve.yaml, ..data -> ..N: a new directory, then ..data is exchanged."""
    with started() as rig:
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
        rig.start()
        Client(rig.socket).generate(SOFT, 'k')
        for denied in (True, False, True):
            rig.write(denied)
            rig.expect(denied)


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
                                ('paths.private', '/private}', '/other}'), ('listeners', 'direct.sock', 'other.sock'),
                                ('providers', '{name: soft', '{name: other')):
            text = open(rig.path('keyreeve.yaml')).read()
            with open(rig.path('keyreeve.yaml'), 'w') as f:
                f.write(text.replace(was, now).replace('[soft]', '[other]' if field == 'providers' else '[soft]'))
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


main([a_thousand_signals_under_load_lose_no_request_and_the_last_file_counts, a_change_of_the_file_is_in_force_within_a_second,
      the_links_of_kubernetes_are_followed, what_is_broken_or_needs_a_restart_keeps_the_old, a_finding_of_a_check_keeps_the_old,
      a_finding_about_a_provider_takes_it_out_at_its_next_start, mode_and_group_of_a_socket_change])
