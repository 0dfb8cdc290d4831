#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The conformance harness with a real SPIRE: it runs under the account of one workload, and the peers are another
workload's SVIDs and those of a second SPIRE of the same name."""
import os, shutil, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from rig import main, wait_for
from peers import run
from spire import DB, DB_UID, WEB, WEB_UID, Spire, kid, limit
from driver import Leaf, Program, Server

END = b'-----END CERTIFICATE-----\n'


class Authority:
    def __init__(self, certificate):
        self.certificate = certificate


def certificates(path):
    parts = open(path, 'rb').read().split(END)
    return [x509.load_pem_x509_certificate(part + END) for part in parts if part.strip()]


def x509_svid(spire, identity, uid):
    """What SPIRE's own client writes under the account: the SVID and its authority."""
    folder = tempfile.mkdtemp(prefix='keyreeve-x509-')
    try:
        os.chown(folder, uid, uid)
        got = run([spire.agent, 'api', 'fetch', 'x509', '-socketPath', spire.socket, '-write', folder], uid)
        assert got.returncode == 0, got.stderr
        key = serialization.load_pem_private_key(open(os.path.join(folder, 'svid.0.key'), 'rb').read(), None)
        leaf = Leaf(identity, certificates(os.path.join(folder, 'svid.0.pem')), key)
        return leaf, Authority(certificates(os.path.join(folder, 'bundle.0.pem'))[0])
    finally:
        shutil.rmtree(folder)


class Setup:
    """SPIRE, the harness under WEB's account, and what its peers need."""

    def __enter__(self):
        self.spire = Spire({WEB: WEB_UID, DB: DB_UID})
        self.folder = tempfile.mkdtemp(prefix='keyreeve-harness-')
        try:
            account = ('setpriv', '--reuid', str(WEB_UID), '--regid', str(WEB_UID), '--clear-groups')
            self.harness = Program(f'unix://{self.spire.socket}', self.folder, account)
            self.harness.wait_ready()
            self.db, self.authority = x509_svid(self.spire, DB, DB_UID)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *failure):
        try:
            if hasattr(self, 'harness'):
                self.harness.end()
        finally:
            self.spire.close()
            shutil.rmtree(self.folder)


def svids_of_spire_are_shown_and_named():
    with Setup() as s, Spire({DB: DB_UID}) as second:
        assert s.harness.peer_id(s.db) == DB
        assert s.harness.shown_id(s.db) == WEB
        stranger, foreign = x509_svid(second, DB, DB_UID)
        assert s.harness.peer_id(stranger) == ''
        with Server(s.db, s.authority) as server:
            assert s.harness.post('/v1/x509/dial', 200, address=server.address)['spiffe_id'] == DB
            assert server.peer() == WEB     # by OpenSSL's own rules, with SPIRE's authority
        with Server(stranger, foreign) as server:
            assert s.harness.post('/v1/x509/dial', 422, address=server.address)['status'] == 'rejected'
            assert server.peer() is None
        assert s.harness.peer_id(s.db) == DB


def tokens_of_spire_are_validated_and_fetched():
    """With the keys of SPIRE, and without asking it."""
    with Setup() as s, Spire({DB: DB_UID}) as second:
        token = s.spire.token(DB, DB_UID, 'conformance')
        assert kid(token) in s.spire.published()
        answer = s.harness.post('/v1/jwt/validate', 200, token=token, audience='conformance')
        assert answer['spiffe_id'] == DB
        s.harness.post('/v1/jwt/validate', 422, token=token, audience='another')
        s.harness.post('/v1/jwt/validate', 422, token=second.token(DB, DB_UID, 'conformance'), audience='conformance')
        fetched = s.harness.post('/v1/jwt/fetch', 200, audience=['conformance'])['svids']
        assert [svid['spiffe_id'] for svid in fetched] == [WEB]
        s.harness.post('/v1/jwt/validate', 200, token=fetched[0]['token'], audience='conformance')
        s.harness.post('/v1/jwt/fetch', 500, audience=['conformance'], spiffe_id=DB)     # PermissionDenied
        assert s.spire.calls('ValidateJWTSVID') == []


def a_workload_without_entry_has_no_svid_any_more():
    with Setup() as s:
        s.spire.remove(WEB, WEB_UID)
        wait_for('the withdrawal', lambda: s.harness.peer_id(s.db) == '')
        s.spire.register(WEB, WEB_UID)
        wait_for('the SVID again', lambda: s.harness.peer_id(s.db) == DB, 40)


def an_agent_that_is_gone_takes_nothing_away():
    with Setup() as s:
        s.spire.kill_agent()
        for _ in range(10):
            assert s.harness.peer_id(s.db) == DB
        s.spire.say('agent-start')
        assert s.harness.peer_id(s.db) == DB


limit(280)
main([svids_of_spire_are_shown_and_named, tokens_of_spire_are_validated_and_fetched,
      a_workload_without_entry_has_no_svid_any_more, an_agent_that_is_gone_takes_nothing_away])
