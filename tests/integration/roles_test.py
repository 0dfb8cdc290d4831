#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The running roles: what each maps, holds open and may do, after one operation of each kind; and a worker killed
under load."""
import hashlib, os, random, re, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

# What each role maps beyond libc, the loader and itself.
C = {'libc', 'ld-linux-x86-64', 'libm', 'libpthread', 'libdl', 'libgcc_s'}
LIBRARIES = {
    'agent': {'libcrypto', 'libjansson', 'libsqlite3', 'libprotobuf-c', 'libseccomp'},
    'idp': {'libgrpc_unsecure', 'libgpr', 'libprotobuf-c', 'libjansson', 'libseccomp'},
    'soft': {'libcrypto', 'libseccomp'},
    'tpm': {'libcrypto', 'libseccomp', 'libtss2-esys', 'libtss2-sys', 'libtss2-mu', 'libtss2-rc', 'libtss2-tctildr',
            'libtss2-tcti-swtpm', 'libtss2-tcti-device'},
    'p11': {'libcrypto', 'libseccomp', 'libp11', 'libsofthsm2', 'libstdc++'},
}
# gRPC's own tail: C++ that only idp may map
GRPC_TAIL = re.compile(r'^(libabsl_|libaddress_sorting|libupb|libre2|libcares|libz|libstdc\+\+|libssl|libcrypto|libsystemd|libcap|liblz4|liblzma|libzstd|libgcrypt|libgpg-error)')


def one_operation_of_each_kind(rig):
    client = Client(rig.socket)
    for p in PROVIDERS.values():
        client.generate(p, 'k')
        s = client.sign(p, 'k', b'h' * 32)
        client.verify(p, 'k', b'h' * 32, s)
        client.sign_message(p, 'k', b'm' * 100000)
        client.public(p, 'k')
        client.destroy(p, 'k')
    client.keys()
    client.call(13, pb((1, 100000)), SOFT)


def mapped(pid):
    names = set()
    for line in open(f'/proc/{pid}/maps'):
        path = line.split(None, 5)[5].strip() if len(line.split(None, 5)) > 5 else ''
        if path.startswith('/') and '.so' in path:
            names.add(os.path.basename(path).split('.so')[0])
    return names


def every_role_maps_only_its_libraries():
    with Rig(spiffe='/nonexistent/agent.sock') as rig:
        rig.start()
        one_operation_of_each_kind(rig)
        roles = rig.roles()
        assert set(roles) == {'agent', 'idp', 'soft', 'tpm', 'p11'}, roles
        for role, pid in roles.items():
            extra = mapped(pid) - C - LIBRARIES[role]
            if role == 'idp':
                extra = {name for name in extra if not GRPC_TAIL.match(name)}
            assert not extra, f'{role} maps {extra}'
        # the first process looks accounts up: whatever the host's name service brings along
        names = {n for n in mapped(rig.daemon.pid) - C if not n.startswith('libnss_') and n != 'libcap'}
        assert names == {'libseccomp'}, names


def status_fields(pid):
    return dict(line.split(':\t', 1) for line in open(f'/proc/{pid}/status').read().splitlines() if ':\t' in line)


def every_role_runs_filtered_and_without_privileges():
    with Rig(spiffe='/nonexistent/agent.sock') as rig:
        rig.start()
        one_operation_of_each_kind(rig)
        outside = int(status_fields('self')['Seccomp_filters'])
        for role, pid in [('keyreeved', rig.daemon.pid), *rig.roles().items()]:
            s = status_fields(pid)
            want = outside + (1 if role == 'keyreeved' else 2)               # its own, and the one it inherits
            assert s['Seccomp'].strip() == '2' and int(s['Seccomp_filters']) == want, (role, s['Seccomp_filters'])
            assert s['NoNewPrivs'].strip() == '1', role
            assert s['Uid'].split() == [str(SERVICE_UID)] * 4, (role, s['Uid'])
            for caps in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
                assert int(s[caps], 16) == 0, (role, caps)
            if role != 'keyreeved':
                assert open(f'/proc/{pid}/cmdline').read().count('\0') == 1, role    # nothing in argv
            limit = [line for line in open(f'/proc/{pid}/limits') if line.startswith('Max core')][0]
            assert limit.split()[4] == '0', (role, limit)
            env = open(f'/proc/{pid}/environ').read()
            assert role == 'keyreeved' or env == ('' if role != 'p11' else f'SOFTHSM2_CONF={rig.softhsm_conf}\0'), (role, env)
            # the filter that runs is each thread's
            for task in os.listdir(f'/proc/{pid}/task'):
                assert 'Seccomp:\t2' in open(f'/proc/{pid}/task/{task}/status').read(), (role, task)


def descriptors(pid):
    out = {}
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            out[int(fd)] = os.readlink(f'/proc/{pid}/fd/{fd}')
        except OSError:
            pass
    return out


def every_role_holds_only_its_descriptors():
    """Kinds and counts, published here: what else would be a leak."""
    with Rig(spiffe='/nonexistent/agent.sock') as rig:
        rig.start()
        one_operation_of_each_kind(rig)
        time.sleep(1.5)
        state = rig.path('state')
        # standard streams (/dev/null and the log) and the socket to keyreeved are everybody's
        more = {
            'agent': [('socket', 3 + 3 + 1), ('anon_inode:[eventpoll]', 2), ('anon_inode:[eventfd]', 1),
                      (f'{state}/audit', 1), (f'{state}/audit/', 1), (f'{state}/keys.db', 3)],
            'soft': [('socket', 2), ('/memfd:page', 1)],
            'tpm': [('socket', 3), ('/memfd:page', 1)],
            'p11': [('socket', 1), ('/memfd:page', 1), (f'{state}/pin-hsm', 1)],
        }
        for role, want in more.items():
            fds = descriptors(rig.roles()[role])
            rest = [v for k, v in sorted(fds.items()) if k > 3]
            counted = {}
            for v in rest:
                for prefix, count in sorted(want, key=lambda w: -len(w[0])):
                    if v.startswith(prefix):
                        counted[prefix] = counted.get(prefix, 0) + 1
                        break
                else:
                    raise AssertionError(f'{role} holds {v}: {rest}')
            for prefix, count in want:
                assert counted.get(prefix, 0) <= count, (role, prefix, rest)


def a_worker_killed_under_load_harms_one_request():
    with Rig() as rig:
        rig.start()
        for name, provider in PROVIDERS.items():
            role = {'soft': 'soft', 'hsm': 'p11', 'tpm': 'tpm'}[name]
            main_client = Client(rig.socket)
            main_client.generate(provider, 'k')
            public = main_client.public(provider, 'k')
            stop, results, lock = threading.Event(), [], threading.Lock()

            def load():
                client = Client(rig.socket, keep=True, timeout=10)
                while not stop.is_set():
                    digest = os.urandom(32)
                    try:
                        status, signature = 0, client.sign(provider, 'k', digest)
                    except Refused as e:
                        status, signature = e.status, None
                    with lock:
                        results.append((time.monotonic(), status, digest, signature))

            threads = [threading.Thread(target=load) for _ in range(4)]
            for t in threads:
                t.start()
            kills = []
            for _ in range(6):
                time.sleep(0.7 + random.random() / 3)
                pid = rig.roles().get(role)
                if pid is None:
                    continue
                os.kill(pid, signal.SIGKILL)
                kills.append(time.monotonic())
            time.sleep(1.2)
            stop.set()
            for t in threads:
                t.join()
            assert {s for _, s, _, _ in results} <= {0, 1145}, {s for _, s, _, _ in results}
            lost = sum(1 for _, s, _, _ in results if s == 1145)
            slots = 2 if name == 'soft' else 1
            assert lost <= len(kills) * slots, f'{name}: {lost} answered 1145 for {len(kills)} kills'
            good = [r for r in results if r[1] == 0]
            for _, _, digest, signature in random.sample(good, min(200, len(good))):
                verify_outside(public, digest, signature)
            worst = 0
            for kill in kills:
                after = [t for t, s, _, _ in results if s == 0 and t > kill]
                worst = max(worst, min(after) - kill)
            print(f'        {name}: {len(good)} signatures, {len(kills)} kills, {lost} answered 1145, back after at most '
                  f'{worst * 1000:.0f} ms', flush=True)
            assert worst < 1.0
            main_client.destroy(provider, 'k')


def a_second_daemon_on_the_same_state_is_refused():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        second = subprocess.run([os.path.join(rig.build, 'bin', 'keyreeved'), '--config', rig.path('keyreeve.yaml')],
                                capture_output=True, text=True, timeout=20)
        assert second.returncode != 0 and ('another keyreeved' in second.stderr or 'listens there already' in second.stderr), second.stderr
        assert rig.pings()


def the_agent_killed_comes_back_and_loses_nothing():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        for p in PROVIDERS.values():
            client.generate(p, f'k{p}')
        os.kill(rig.roles()['agent'], signal.SIGKILL)
        wait_for('the agent', rig.pings, 5)
        for name, p in PROVIDERS.items():
            wait_for(name, lambda: status_of(client.sign, p, f'k{p}', b'h' * 32) == 0, 10)


def sigterm_drains_and_exits_zero():
    with Rig() as rig:
        rig.start()
        client = Client(rig.socket)
        got = []
        t = threading.Thread(target=lambda: got.append(status_of(client.generate, TPM, 'slow', attributes('rsa', 2048))))
        t.start()
        time.sleep(0.02)
        assert rig.stop() == 0
        t.join()
        assert got[0] in (0, None) or got[0] == 1145, got
        rig.start()
        assert status_of(client.sign, TPM, 'slow', b'h' * 32, sign_alg('pkcs1')) == (0 if got[0] == 0 else 1140)


main([every_role_maps_only_its_libraries, every_role_runs_filtered_and_without_privileges,
      every_role_holds_only_its_descriptors, a_worker_killed_under_load_harms_one_request,
      a_second_daemon_on_the_same_state_is_refused, the_agent_killed_comes_back_and_loses_nothing,
      sigterm_drains_and_exits_zero])
