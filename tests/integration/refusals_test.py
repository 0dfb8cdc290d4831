#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refusals that need a device or a store of a certain kind, over the socket, with the reason in the audit line."""
import hashlib, hmac, os, sqlite3, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

DIGEST = b'r' * 32


def last(rig, op):
    return [line for line in rig.audit() if line.get('op') == op][-1]


def a_key_of_another_provider_is_no_such_key():
    with Rig(providers=('soft', 'hsm'), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'k')
        for call in (client.sign, client.public, client.destroy):
            arguments = (DIGEST,) if call == client.sign else ()
            assert status_of(call, PKCS11, 'k', *arguments) == 1140, call
            line = [line for line in rig.audit() if line.get('key') == 'k'][-1]
            assert (line['status'], line['provider'], line['wire']) == ('KEY_OTHER_PROVIDER', 'hsm', 1140), line
        client.sign(SOFT, 'k', DIGEST)


def a_device_that_hangs_leaves_its_request_undecided():
    with Rig(providers=('tpm', 'soft'), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(TPM, 'k')
        client.generate(SOFT, 'k2')
        worker = rig.roles()['tpm']
        stand_still(rig.swtpm.pid)
        try:
            began = time.monotonic()
            assert status_of(client.sign, TPM, 'k', DIGEST) == 1145
            assert 4.9 < time.monotonic() - began < 6.5, time.monotonic() - began
            line = last(rig, 'PsaSignHash')
            assert (line['status'], line['key']) == ('LANE_DEADLINE', 'k'), line
            client.sign(SOFT, 'k2', DIGEST)                     # nobody else waits
            wait_for('the worker to be ended', lambda: rig.roles().get('tpm') not in (None, worker), 20)
            assert 'tpm is ended: it took twice its time for one request' in rig.tail(100)
        finally:
            rig.swtpm.send_signal(signal.SIGCONT)
        wait_for('the TPM', lambda: status_of(client.sign, TPM, 'k', DIGEST) == 0, 40)


def a_module_that_signs_another_digest_is_found_out():
    with Rig(providers=('hsm', 'soft'), wrap='file') as rig:
        rig.options['module'] = os.path.abspath(os.path.join(rig.build, 'tests', 'libtest_p11_shim.so'))
        rig.options['hsm_env'] = f', P11_SHIM_DIR: {rig.path("hsm")}, P11_SHIM_MODULE: {SOFTHSM}'
        rig.options['hsm_more'] = '    verify_after_sign: on\n'
        rig.start()
        client = Client(rig.socket)
        for name, kind, bits, alg in (('e', 'ecc', 256, 'ecdsa'), ('r', 'rsa', 2048, 'pkcs1')):
            client.generate(PKCS11, name, attributes(kind, bits))
            good = client.sign(PKCS11, name, DIGEST, sign_alg(alg))
            verify_outside(client.public(PKCS11, name), DIGEST, good, kind, alg, bits)
            open(rig.path('hsm', 'forge'), 'w').close()
            assert status_of(client.sign, PKCS11, name, DIGEST, sign_alg(alg)) == 1151
            line = last(rig, 'PsaSignHash')
            assert (line['status'], line['key']) == ('DEVICE_SIGNATURE', name), line
            os.unlink(rig.path('hsm', 'forge'))
            client.sign(PKCS11, name, DIGEST, sign_alg(alg))


# Rows beyond what a test could create in time, as the store would have written them (keystore/record.h).
def put_many(rig, count):
    with sqlite3.connect(rig.path('state', 'keys.db')) as db:
        secret, = db.execute("SELECT value FROM kv WHERE name = 'keystore.id-key'").fetchone()
        secret = secret[4:36]
        ns, provider, state, generation, record = db.execute('SELECT ns, provider, state, generation, record FROM key').fetchone()
        at = record.index(b'\x05\x00\x00\x00first')

        def sized(data):
            return struct.pack('<I', len(data)) + data

        def check(label, columns, rest):
            return hmac.new(secret, bytes([label]) + sized(columns) + rest, hashlib.sha256).digest()
        for i in range(count):
            name = f'{i:0255}'.encode()
            key = check(2, ns, name)
            body = record[:at] + sized(name) + record[at + 9:-32]
            columns = key + ns + sized(provider.encode()) + bytes([state]) + struct.pack('<Q', generation)
            db.execute('INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)', (key, ns, provider, state, generation, body + check(3, columns, body)))
    db.close()


def a_list_that_no_answer_can_hold_is_refused():
    for count, want in ((10000, 0), (40000, 8)):
        with Rig(providers=('soft',), wrap='file') as rig:
            rig.start()
            client = Client(rig.socket)
            client.generate(SOFT, 'first')
            rig.stop()
            put_many(rig, count)
            rig.start()
            status = status_of(client.keys)
            assert status == want, (status, last(rig, 'ListKeys'))
            line = last(rig, 'ListKeys')
            assert line['status'] == ('ENCODE' if want else 'OK'), line
            assert want or len(client.keys()) == count + 1
            assert status_of(client.sign, SOFT, 'first', DIGEST) == 0
            assert status_of(client.sign, SOFT, f'{count - 1:0255}', DIGEST) == 0    # the same key by another name


main([a_key_of_another_provider_is_no_such_key, a_device_that_hangs_leaves_its_request_undecided,
      a_module_that_signs_another_digest_is_found_out, a_list_that_no_answer_can_hold_is_refused])
