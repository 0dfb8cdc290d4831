#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the threat ledger about signals, one function each; tests/ledger.tsv names them."""
import ctypes, os, random, re, resource, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

SI_USER, SI_QUEUE, SYS_RT_SIGQUEUEINFO = 0, -1, 129
DIGEST = b'd' * 32
libc = ctypes.CDLL(None, use_errno=True)


def queue_as(pid, number, code, claimed_pid, claimed_uid):
    """rt_sigqueueinfo: the sender says who it is.  0, or the errno."""
    info = struct.pack('=iii4xiI', number, 0, code, claimed_pid, claimed_uid).ljust(128, b'\0')
    return 0 if libc.syscall(SYS_RT_SIGQUEUEINFO, pid, number, info) == 0 else ctypes.get_errno()


def sent_by(uid, function):
    """Run in a process of that account; its pid, after it has ended well."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            code = function()
        finally:
            os._exit(code or 0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, (uid, function)
    return pid


def events(rig, name):
    return [line for line in rig.audit() if line.get('event') == name]


def signal_events(rig, count):
    wait_for(f'{count} signals in the audit log', lambda: len(events(rig, 'signal')) >= count)
    assert len(events(rig, 'signal')) == count, events(rig, 'signal')
    return events(rig, 'signal')


def strict_rig():
    return Rig(providers=('soft',), wrap='file', posture='strict',
               more='accept: [{check: DOC-31, because: "asked as root"}, {check: DOC-47, because: "no device here"}]\n')


def a_signal_counts_by_its_sender_and_is_written_down():
    """A3-S1, A3-R1."""
    with strict_rig() as rig:
        rig.start()
        daemon, count, reloads = rig.daemon.pid, 0, len(events(rig, 'reload'))
        # a reload is asked for: by whom, how, and whether it counts and whether the kernel says who it was
        kill = lambda: os.kill(daemon, signal.SIGHUP)
        forged = lambda: queue_as(daemon, signal.SIGHUP, SI_QUEUE, 1, 0)                        # "I am init, I am root"
        for uid, how, is_obeyed, is_known in ((SERVICE_UID, kill, False, True), (SERVICE_UID, forged, False, False),
                                              (0, forged, False, False), (0, kill, True, True)):
            pid = sent_by(uid, how)
            count += 1
            line = signal_events(rig, count)[-1]
            assert line.get('peer') == ({'uid': uid, 'pid': pid} if is_known else None), line
            assert line['detail'].startswith('SIGHUP: ' + ('the configuration is read again' if is_obeyed else 'ignored')), line
            if is_obeyed:
                wait_for('the reload', lambda: len(events(rig, 'reload')) == reloads + 1)
            time.sleep(0.8)                                                                    # longer than any reload waits
            assert len(events(rig, 'reload')) == reloads + is_obeyed, (uid, how)
        assert sent_by(SERVICE_UID, lambda: queue_as(daemon, signal.SIGHUP, SI_USER, 1, 0) != 1) and count == len(signal_events(rig, count))
        assert sent_by(2001, lambda: queue_as(daemon, signal.SIGHUP, SI_QUEUE, 1, 0) != 1) and count == len(signal_events(rig, count))
        # an end is asked for: whoever may send it is obeyed, and what was begun is finished
        open_ones = 0
        for uid, number, how in ((SERVICE_UID, 'SIGTERM', kill_with(signal.SIGTERM)), (0, 'SIGTERM', kill_with(signal.SIGTERM)),
                                 (SERVICE_UID, 'SIGINT', kill_with(signal.SIGINT)), (0, 'SIGTERM', queue_with(signal.SIGTERM))):
            client, done = Client(rig.socket), []
            begun = threading.Thread(target=lambda: done.append(status_of(client.generate, SOFT, f'k{count}', attributes('rsa', 4096))))
            busy = ticks(rig.roles()['soft'])
            begun.start()
            wait_for('the worker to be at it', lambda: done or ticks(rig.roles()['soft']) > busy + 2)
            open_ones += begun.is_alive()
            daemon = rig.daemon.pid
            pid = sent_by(uid, lambda: how(daemon))
            count += 1
            assert rig.daemon.wait(12) == 0
            begun.join()
            assert done == [0], (done, number)
            line = signal_events(rig, count)[-1]
            assert line['detail'] == f'{number}: stops' and line.get('peer') in ({'uid': uid, 'pid': pid}, None), line
            assert ('peer' in line) == (how.__name__ == 'by_kill'), line
            assert events(rig, 'stop')[-1]['seq'] > line['seq']
            rig.start()
            assert status_of(client.generate, SOFT, f'k{count - 1}') == 1139
        assert open_ones >= 2, open_ones


def ticks(pid):
    """CPU time that a process has had."""
    return int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[11])


def kill_with(number):
    def by_kill(pid):
        os.kill(pid, number)
    return by_kill


def queue_with(number):
    def by_queue(pid):
        return queue_as(pid, number, SI_QUEUE, 1, 0)
    return by_queue


class Load(threading.Thread):
    """Makes, uses and destroys keys, and remembers what was acknowledged, until told to stop."""

    def __init__(self, rig, name):
        super().__init__()
        self.rig, self.name, self.kept, self.gone, self.unsure, self.ended, self.error = rig, name, [], [], set(), False, None

    def run(self):
        n = 0
        while not self.ended:
            client, key = Client(self.rig.socket, timeout=15), f'{self.name}-{n}'
            n += 1
            try:
                self.unsure.add(key)
                client.generate(SOFT, key)
                self.kept.append(key)
                self.unsure.discard(key)
                client.sign(SOFT, key, DIGEST)
                if n % 3 == 0:
                    self.unsure.add(key)
                    client.destroy(SOFT, key)
                    self.kept.remove(key)
                    self.gone.append(key)
                    self.unsure.discard(key)
            except (OSError, struct.error):
                time.sleep(0.01)                                   # not there: nothing was promised
            except Refused as e:
                self.error = (key, e.status)


def one_signal_in_place_of_another_loses_nothing():
    """A3-T1."""
    seed = random.randrange(1 << 32)
    print(f'        seed {seed}', flush=True)
    rng = random.Random(seed)
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        loads = [Load(rig, name) for name in 'abc']
        for load in loads:
            load.start()
        try:
            for turn in range(12):
                time.sleep(rng.uniform(0.05, 0.3))
                wanted = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)[turn % 3]
                for number in rng.choice(([wanted], [wanted, signal.SIGHUP], [signal.SIGHUP, wanted])):
                    rig.daemon.send_signal(number)
                if wanted != signal.SIGHUP:
                    assert rig.daemon.wait(12) == 0, turn
                    rig.start(wait=False)
                    wait_for('the daemon', rig.pings)
                assert rig.pings()
        finally:
            for load in loads:
                load.ended = True
            for load in loads:
                load.join()
        kept, gone = [key for load in loads for key in load.kept], [key for load in loads for key in load.gone]
        unsure = {key for load in loads for key in load.unsure}
        assert len(kept) > 50 and len(gone) > 20, (len(kept), len(gone))
        assert not any(load.error for load in loads), [load.error for load in loads]
        rig.stop()
        rig.start()
        client = Client(rig.socket)
        there = {name for name, _ in client.keys()}
        assert set(kept) - unsure <= there and not (set(gone) & there) and there <= set(kept) | unsure, 'a promise was broken'
        for key in kept:
            if key not in unsure:
                verify_outside(client.public(SOFT, key), DIGEST, client.sign(SOFT, key, DIGEST))
        assert not events(rig, 'record-damaged')
        numbers = [line['seq'] for line in rig.audit()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def no_signal_makes_a_role_tell_what_it_knows():
    """A3-I1: neither a core file nor a word of what was planted, whichever role is hit by whichever signal."""
    pattern = open('/proc/sys/kernel/core_pattern').read()
    with Rig(wrap='file') as rig:
        issuer = Issuer(rig)
        rig.options['spiffe'] = rig.path('issuer.sock')
        os.mkdir(rig.path('cores'))
        os.chmod(rig.path('cores'), 0o777)
        with open('/proc/sys/kernel/core_pattern', 'w') as f:
            f.write(rig.path('cores', 'core.%p'))
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            crash_everything(rig, issuer)
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, limits)
            with open('/proc/sys/kernel/core_pattern', 'w') as f:
                f.write(pattern)


def is_blocked(pid, number):
    return int(re.search(r'SigBlk:\s+(\w+)', open(f'/proc/{pid}/status').read()).group(1), 16) >> (number - 1) & 1


def crash_everything(rig, issuer):
    victim = subprocess.Popen(['sleep', '60'], preexec_fn=rig.as_user)       # the control: of the same account
    victim.send_signal(signal.SIGSEGV)
    victim.wait()
    wait_for('a core file of the control', lambda: os.listdir(rig.path('cores')))
    assert os.listdir(rig.path('cores')) == [f'core.{victim.pid}']
    os.unlink(rig.path('cores', f'core.{victim.pid}'))
    rig.start()
    client = Client(rig.socket, ('jwt', issuer.token))
    wait_for('trust', lambda: status_of(client.keys) == 0)
    token, marker = issuer.token(), b'planted-payload-' + os.urandom(8).hex().encode()
    wrapping = open(rig.path('state', 'soft-soft.key'), 'rb').read()
    secrets = [token.encode()[-40:], marker, PIN.encode() + b'\n', wrapping[-24:], wrapping[-24:].hex().encode()]
    user = Client(rig.socket, ('jwt', token))
    for provider in (SOFT, TPM, PKCS11):
        user.generate(provider, f'k{provider}')
    hit = 0
    for role in ('soft', 'tpm', 'p11', 'idp', 'agent'):
        for number in (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT):
            for provider in (SOFT, TPM, PKCS11):
                status_of(user.sign_message, provider, f'k{provider}', marker)
            pid = rig.roles()[role]
            is_held = is_blocked(pid, number)
            os.kill(pid, number)
            hit += 1
            if is_held:
                assert number == signal.SIGQUIT and alive(pid)
                continue
            wait_for(f'{role} to end by signal {number}', lambda: rig.roles().get(role, pid) != pid)
            wait_for('a working role', lambda: rig.pings() and all(rig.provider_up(name) for name in rig.providers), 20)
            wait_for('trust', lambda: status_of(user.keys) == 0)
    for number in (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT):
        pids = rig.roles().values()
        rig.daemon.send_signal(number)
        assert rig.daemon.wait(10) == -number
        wait_for('the roles to die', lambda: not any(alive(p) for p in pids))
        rig.start()
        hit += 1
    assert hit == 18 and os.listdir(rig.path('cores')) == [], os.listdir(rig.path('cores'))
    streams = open(rig.path('daemon.log'), 'rb').read() + b''.join(open(f, 'rb').read() for f in glob.glob(rig.path('state', 'audit', '*')))
    assert not [secret for secret in secrets if secret in streams]


main([a_signal_counts_by_its_sender_and_is_written_down, one_signal_in_place_of_another_loses_nothing,
      no_signal_makes_a_role_tell_what_it_knows])
