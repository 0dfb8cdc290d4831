#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The conformance harness against the test issuer: every endpoint, good and bad.  The certificates are made here, by
another library, and so are the messages that carry them; the tokens are the issuer's."""
import os, socket, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import main, pb, wait_for
from driver import DOMAIN, NOW, Authority, Harness, Program, Server, svid, svids

WEB, DB = f'spiffe://{DOMAIN}/web', f'spiffe://{DOMAIN}/db'
OTHER = 'spiffe://other.example'


def world(**options):
    """An authority, a second domain's, and what the Workload API says of them."""
    own, other = Authority(f'spiffe://{DOMAIN}'), Authority(OTHER)
    harness = Harness(svids=[svid(WEB, own.leaf(WEB), own)], federated={OTHER: other}, **options)
    harness.own, harness.other = own, other
    return harness


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def seen(harness):
    return {name: int(count) for name, count in (part.split('=') for part in harness.issuer.say('seen').split())}


class Proxy:
    """A TCP port of 127.0.0.1 in front of a Unix socket."""

    def __init__(self, path):
        self.path, self.connections, self.sockets = path, 0, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                one, _ = self.listener.accept()
                other = socket.socket(socket.AF_UNIX)
                other.connect(self.path)
                self.connections += 1
                self.sockets += [one, other]
                for a, b in ((one, other), (other, one)):
                    threading.Thread(target=self.copy, args=(a, b), daemon=True).start()
        except OSError:
            pass        # closed

    def copy(self, a, b):
        try:
            while part := a.recv(65536):
                b.sendall(part)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.sockets:
            s.close()


def lines_before_ready_are_those_of_the_contract():
    with world() as h:
        assert h.lines[0] == 'SPIFFE_HARNESS_VERSION=1' and h.lines[-1] == 'READY', h.lines
        assert len(h.lines) == 4 and h.x509_port != h.control_port
        assert h.get('/v1/info')['sdk'] == 'keyreeve'


def it_is_not_ready_before_it_has_an_svid():
    with Harness(svids=None, wait=False) as h:
        own = Authority(f'spiffe://{DOMAIN}')
        time.sleep(1)
        assert h.process.poll() is None and 'READY' not in h.lines
        h.serve([svid(WEB, own.leaf(WEB), own)])
        h.restart()     # Unimplemented is asked again after five minutes only: EP-17
        h.wait_ready()
        assert h.peer_id(own.leaf(DB)) == DB


def peers_are_named_on_the_mtls_port():
    with world() as h:
        chain = h.own.intermediate()
        for leaf in (h.own.leaf(DB), h.own.leaf(DB, key='rsa'), chain.leaf(DB), h.other.leaf(f'{OTHER}/a')):
            assert h.peer_id(leaf) == leaf.id, leaf.id
        assert h.peer_id(h.own.leaf(DB), version='TLSv1.2') == DB
        # What it shows is its own SVID, and the bundle of its domain verifies it outside.
        assert h.shown_id(h.own.leaf(DB)) == WEB


def peers_that_are_none_are_told_nothing():
    with world() as h:
        stranger, own, other = Authority(f'spiffe://{DOMAIN}'), h.own, h.other
        past = NOW - 7200
        bad = {
            'another authority of the same name': stranger.leaf(DB),
            'own domain, signed by the other': other.leaf(DB),
            'other domain, signed by our own': own.leaf(f'{OTHER}/a'),
            'a domain that has no bundle': own.leaf('spiffe://third.example/a'),
            'two URI names': own.leaf(DB, more=[WEB]),
            'no URI name': own.leaf(None),
            'no path': own.leaf(f'spiffe://{DOMAIN}'),
            'no SPIFFE ID': own.leaf(f'https://{DOMAIN}/db'),
            'cA true': own.leaf(DB, ca=True),
            'keyCertSign': own.leaf(DB, usage=('digital_signature', 'key_cert_sign')),
            'cRLSign': own.leaf(DB, usage=('digital_signature', 'crl_sign')),
            'no digitalSignature': own.leaf(DB, usage=('key_encipherment',)),
            'no key usage': own.leaf(DB, usage=None),
            'serverAuth only': own.leaf(DB, extended=('serverAuth',)),
            'expired': own.leaf(DB, start=past, end=NOW - 60),
            'not yet valid': own.leaf(DB, start=NOW + 3600, end=NOW + 7200),
            'expired intermediate': own.intermediate(start=past, end=NOW - 60).leaf(DB),
            'intermediate with a path': own.intermediate(name=f'spiffe://{DOMAIN}/ca').leaf(DB),
            'intermediate that is a leaf': own.intermediate(ca=False).leaf(DB),
        }
        for name, leaf in bad.items():
            assert h.peer_id(leaf) == '', name
        assert h.peer_id(None) == '', 'no certificate'
        assert h.peer_id(own.leaf(DB), version='TLSv1.1') == '', 'TLS 1.1'
        assert h.peer_id(own.leaf(DB)) == DB    # a good one after all of them


def a_rotation_counts_for_the_next_connection():
    with world() as h:
        fresh = Authority(f'spiffe://{DOMAIN}')
        old_peer, new_peer = h.own.leaf(DB), fresh.leaf(DB)
        assert h.peer_id(old_peer) == DB and h.peer_id(new_peer) == ''
        h.serve([svid(DB, fresh.leaf(DB), fresh), svid(WEB, fresh.leaf(WEB), fresh)])
        wait_for('the new SVID', lambda: h.shown_id(new_peer) == DB)   # WA-10: the first
        assert h.peer_id(new_peer) == DB
        assert h.peer_id(old_peer) == ''        # TV-X5-07
        assert h.peer_id(h.other.leaf(f'{OTHER}/a')) == ''   # WA-04: it is federated no more


def a_broken_message_leaves_the_one_before():
    with world() as h:
        own, fresh = h.own, Authority(f'spiffe://{DOMAIN}')
        good, peer = svid(DB, own.leaf(DB), own), own.leaf(DB)
        leaf, later = own.leaf(DB), own.leaf(DB, start=NOW - 7200, end=NOW - 60)
        bundle = {f'spiffe://{DOMAIN}': fresh}
        parts = 'an X509-SVID that lacks a part'
        broken = {
            'nothing': (pb((9, 1)), 'without X509-SVIDs'),
            'no protobuf': (b'\xff\xff\xff', 'does not decode'),
            'too many': (svids([good] * 65), 'more than 64'),
            'empty id': (svids([svid('', leaf, own)]), 'what is no SPIFFE ID'),
            'no SPIFFE ID': (svids([svid('https://x', leaf, own)]), 'what is no SPIFFE ID'),
            'empty chain': (svids([pb((1, DB), (3, leaf.key_der), (4, own.der))]), parts),
            'empty key': (svids([pb((1, DB), (2, leaf.chain), (4, own.der))]), parts),
            'empty bundle': (svids([pb((1, DB), (2, leaf.chain), (3, leaf.key_der))]), parts),
            'two bundles of a domain': (svids([good, svid(WEB, fresh.leaf(WEB), fresh)]), 'two bundles for a trust domain'),
            'own domain federated': (svids([good], bundle), 'names a trust domain twice'),
            'federated with a path': (svids([good], {f'{OTHER}/x': fresh}), 'a key that names no trust domain'),
            'federated twice': (svids([good], {OTHER: fresh, 'other.example': fresh}), 'names a trust domain twice'),
            'federated and empty': (svids([good]) + pb((3, pb((1, OTHER)))), 'an empty bundle'),
            'too many domains': (svids([good], {f'd{i}.example': fresh for i in range(256)}), 'more than 256 trust domains'),
            'another key': (svids([pb((1, DB), (2, leaf.chain), (3, own.leaf(DB).key_der), (4, own.der))]), 'X509_KEY'),
            'another id': (svids([svid(WEB, leaf, own)]), 'X509_ID'),
            'another authority': (svids([svid(DB, leaf, fresh)]), 'X509_SIGNATURE'),
            'expired': (svids([svid(DB, later, own)]), 'X509_EXPIRED'),
            'cut chain': (svids([pb((1, DB), (2, leaf.chain[:-1]), (3, leaf.key_der), (4, own.der))]), 'X509_MALFORMED'),
            'the second is broken': (svids([good, svid(WEB, leaf, own)]), 'X509_ID'),
            'one hint too long, twice': (svids([good + pb((5, 'x' * 1025)), svid(WEB, own.leaf(DB), own) + pb((5, 'x' * 1025))]),
                                         'X509_ID'),     # WA-13: as good as none
        }
        for name, (message, words) in broken.items():
            h.serve_raw(message)
            h.wait_discarded(words)
            assert h.shown_id(peer) == WEB, name
            assert h.peer_id(h.other.leaf(f'{OTHER}/a')) == f'{OTHER}/a', name
        # WA-12: of two with one hint only the first is there, whatever the second is.
        h.serve_raw(svids([good + pb((5, 'internal')), svid(WEB, leaf, own) + pb((5, 'internal'))]))
        wait_for('the first of the hinted', lambda: h.shown_id(peer) == DB)


def a_message_of_64_svids_and_256_domains_is_taken():
    with world() as h:
        own, peer = h.own, h.own.leaf(DB)
        domains = {f'd{i}.example': h.other for i in range(255)}
        h.serve_raw(svids([svid(DB, own.leaf(DB), own)] + [svid(WEB, own.leaf(WEB), own)] * 63, domains))
        wait_for('the message', lambda: h.shown_id(peer) == DB)
        assert h.peer_id(h.other.leaf('spiffe://d254.example/a')) == 'spiffe://d254.example/a'
        assert h.peer_id(h.other.leaf(f'{OTHER}/a')) == ''


def withdrawn_svids_are_used_no_more():
    with world() as h:
        peer = h.own.leaf(DB)
        assert h.peer_id(peer) == DB
        h.issuer.say('x509', 'off')     # ends the stream with PermissionDenied
        wait_for('the withdrawal', lambda: h.peer_id(peer) == '')
        with Server(h.own.leaf(DB), h.own) as server:
            assert h.post('/v1/x509/dial', 500, address=server.address)['status'] == 'error'
        assert h.post('/v1/jwt/validate', 200, token=h.issuer.token(DB, 'conformance'), audience='conformance')


def tokens_are_validated():
    with world() as h:
        def validate(code, token, audience='conformance'):
            answer = h.post('/v1/jwt/validate', code, token=token, audience=audience)
            assert answer['status'] == {200: 'ok', 422: 'rejected', 500: 'error'}[code], answer
            return answer
        good = h.issuer.token(DB, 'conformance')
        answer = validate(200, good)
        assert answer['spiffe_id'] == DB and answer['claims']['sub'] == DB and answer['claims']['aud'] == ['conformance']
        head, claims, signature = good.split('.')
        flipped = signature[:10] + ('A' if signature[10] != 'A' else 'B') + signature[11:]
        for bad, why in ((h.issuer.token(DB, 'conformance', 60, 120), 'JWT_EXPIRED'), (h.issuer.token(DB, 'x'), 'JWT_AUDIENCE'),
                         (h.issuer.token('spiffe://third.example/a', 'conformance'), 'JWT_DOMAIN_UNKNOWN'),
                         (f'{head}.{claims}.{flipped}', 'JWT_SIGNATURE'), (f'{head}.{claims}.', 'JWT_MALFORMED'),
                         ('', 'JWT_MALFORMED'), ('x' * 20000, 'JWT_LONG')):
            assert validate(422, bad)['message'] == why, (why, bad)
        h.issuer.say('add-key', 'k2', 'RS256')
        h.issuer.say('activate', 'k2')
        second = h.issuer.token(DB, 'conformance')
        wait_for('the second key', lambda: h.status('/v1/jwt/validate', token=second, audience='conformance') == 200)
        h.issuer.say('withdraw', 'k1')
        wait_for('the withdrawal', lambda: h.status('/v1/jwt/validate', token=good, audience='conformance') == 422)
        validate(500, good, audience='')    # a validator without audience is no verdict on a token


def tokens_are_fetched():
    with world() as h:
        h.issuer.say('entry', 'any', DB)
        answer = h.post('/v1/jwt/fetch', 200, audience=['a', 'b'], spiffe_id=DB)
        assert [s['spiffe_id'] for s in answer['svids']] == [DB] and answer['svids'][0]['hint'] == '', answer
        assert h.status('/v1/jwt/validate', token=answer['svids'][0]['token'], audience='b') == 200
        answer = h.post('/v1/jwt/fetch', 200, audience=['a'], spiffe_id='')
        assert DB in [s['spiffe_id'] for s in answer['svids']] and len(answer['svids']) == 2
        for audience in ([], ['']):     # WA-15
            assert h.post('/v1/jwt/fetch', 422, audience=audience)['status'] == 'rejected'
        for twist in ('subject', 'audience', 'expired', 'no-svids', 'empty-svid', 'empty-id'):     # WA-05, WA-16
            h.issuer.say('twist', twist)
            assert h.post('/v1/jwt/fetch', 422, audience=['a'], spiffe_id=DB)['status'] == 'rejected', twist
        h.issuer.say('twist', 'none')
        assert h.post('/v1/jwt/fetch', 500, audience=['a'], spiffe_id=WEB)['status'] == 'error'    # PermissionDenied
        h.issuer.say('stop')
        assert h.post('/v1/jwt/fetch', 500, audience=['a'])['status'] == 'error'


def servers_are_dialled():
    with world() as h:
        own, other, stranger = h.own, h.other, Authority(f'spiffe://{DOMAIN}')
        for leaf in (own.leaf(DB), own.intermediate().leaf(DB), other.leaf(f'{OTHER}/a')):
            with Server(leaf, own) as server:
                assert h.post('/v1/x509/dial', 200, address=server.address)['spiffe_id'] == leaf.id
                assert server.peer() == WEB
        chain = own.intermediate()      # ours is shown with its intermediate, or the server would know no path
        h.serve([svid(DB, chain.leaf(DB), own)])
        wait_for('the chain', lambda: h.shown_id(own.leaf(WEB)) == DB)
        with Server(own.leaf(DB), own) as server:
            h.post('/v1/x509/dial', 200, address=server.address)
            assert server.peer() == DB
        for name, leaf in (('X509_SIGNATURE', stranger.leaf(DB)), ('X509_SIGNATURE', other.leaf(DB)),
                           ('X509_DOMAIN_UNKNOWN', own.leaf('spiffe://third.example/a')), ('X509_URI', own.leaf(DB, more=[WEB])),
                           ('X509_ID', own.leaf(f'spiffe://{DOMAIN}')), ('X509_LEAF_CA', own.leaf(DB, ca=True)),
                           ('X509_EXTENDED_USAGE', own.leaf(DB, extended=('clientAuth',))),
                           ('X509_EXPIRED', own.leaf(DB, start=NOW - 7200, end=NOW - 60))):
            with Server(leaf, own) as server:
                answer = h.post('/v1/x509/dial', 422, address=server.address)
                assert answer == {'status': 'rejected', 'message': name}, (name, answer)
        for address in ('127.0.0.1:1', 'nowhere', '127.0.0.1:', '127.0.0.1:99999', 'host:80'):
            assert h.post('/v1/x509/dial', 500, address=address)['status'] == 'error', address


def requests_that_are_none_are_no_verdict():
    """A negative case passes only on `rejected`: what the harness does not understand must not be one."""
    with world() as h:
        for path, body in (('/v1/jwt/validate', b'{'), ('/v1/jwt/validate', b'{}'), ('/v1/jwt/validate', b'[]'),
                           ('/v1/jwt/validate', b'{"token":5,"audience":"a"}'), ('/v1/jwt/fetch', b'{"audience":"a"}'),
                           ('/v1/jwt/fetch', b'{"audience":[5]}'), ('/v1/jwt/fetch', b'{"audience":["a"],"spiffe_id":5}'),
                           ('/v1/x509/dial', b'{}'), ('/v1/x509/dial', b'')):
            code, answer = h.exchange('POST', path, body)
            assert (code, answer['status']) == (500, 'error'), (path, body[:40], answer)
        code, answer = h.exchange('POST', '/v1/jwt/validate', b'{}' + b' ' * (1 << 20))
        assert (code, answer['message']) == (500, 'request over 1 MiB'), answer
        for method, path in (('POST', '/v1/wit/validate'), ('GET', '/v1/jwt/validate'), ('POST', '/')):
            code, answer = h.exchange(method, path, b'{}')
            assert (code, answer['status']) == (501, 'unsupported'), (method, path, answer)


def an_endpoint_that_is_none_ends_it_without_a_call():
    """EP-4: the paths would lead to a server that works."""
    with world() as h:
        h.end()
        wait_for('its streams to end', lambda: 'streams=0' in h.issuer.say('seen'))
        before = h.issuer.say('seen')
        port = free_port()
        for value in (f'unix://localhost{h.issuer.socket}', h.issuer.socket, f'unix://{h.issuer.socket}?x', f'tcp://127.0.0.1:{port}/x',
                      f'tcp://localhost:{port}', 'tcp://127.0.0.1', f'http://127.0.0.1:{port}', ''):
            Program.__init__(h, value, h.dir)
            assert h.process.wait(10) == 1 and h.lines == [], (value, h.lines)
            h.end()
        assert h.issuer.say('seen') == before


def an_endpoint_over_tcp_is_found():
    """EP-3, by a proxy in front of the issuer's socket."""
    with world() as h, Proxy(h.issuer.socket) as proxy:
        h.end()
        Program.__init__(h, f'tcp://127.0.0.1:{proxy.port}', h.dir)
        h.wait_ready()
        assert h.peer_id(h.own.leaf(DB)) == DB and proxy.connections >= 1


def it_comes_back_after_refusals_and_from_an_absent_agent():
    """EP-5, EP-6, EP-8: three refusals for each of both streams, or no socket for two seconds."""
    with world() as h:
        for refusal in ('unavailable', 'deny'):
            h.issuer.say(refusal, 6)
            h.restart()
            assert 'READY' not in h.lines
            h.wait_ready(30)
            assert h.peer_id(h.own.leaf(DB)) == DB, refusal
        h.issuer.say('stop')
        h.restart()
        time.sleep(2)
        assert 'READY' not in h.lines
        h.issuer.say('start')
        h.wait_ready(30)


def it_does_not_insist_on_what_the_agent_calls_wrong():
    """EP-7: InvalidArgument for five seconds, at most two calls of each method."""
    with world() as h:
        h.issuer.say('invalid')
        before = seen(h)
        h.restart()
        time.sleep(5)
        calls = {name: count - before[name] for name, count in seen(h).items()}
        assert 1 <= calls['bundles'] <= 2 and 1 <= calls['others'] <= 2 and calls['bad-metadata'] == 0, calls
        assert 'READY' not in h.lines


def authorities_that_stand_one_after_the_other_all_count():
    """XS-4, XS-5: and each only as long as it stands there."""
    with world() as h:
        second = Authority(f'spiffe://{DOMAIN}')
        leaf = h.own.leaf(WEB)
        h.serve([pb((1, WEB), (2, leaf.chain), (3, leaf.key_der), (4, h.own.der + second.der))])
        wait_for('the second authority', lambda: h.peer_id(second.leaf(DB)) == DB)
        assert h.peer_id(h.own.leaf(DB)) == DB
        h.serve([svid(DB, h.own.leaf(DB), h.own)])
        wait_for('the barrier', lambda: h.shown_id(h.own.leaf(WEB)) == DB)
        assert h.peer_id(second.leaf(DB)) == '' and h.peer_id(h.own.leaf(DB)) == DB


def it_ends_by_a_signal():
    with world() as h:
        h.process.terminate()
        assert h.process.wait(5) == 0


main([lines_before_ready_are_those_of_the_contract, it_is_not_ready_before_it_has_an_svid, peers_are_named_on_the_mtls_port,
      peers_that_are_none_are_told_nothing, a_rotation_counts_for_the_next_connection, a_broken_message_leaves_the_one_before,
      a_message_of_64_svids_and_256_domains_is_taken, withdrawn_svids_are_used_no_more, tokens_are_validated, tokens_are_fetched,
      servers_are_dialled, requests_that_are_none_are_no_verdict,
      an_endpoint_that_is_none_ends_it_without_a_call, an_endpoint_over_tcp_is_found,
      it_comes_back_after_refusals_and_from_an_absent_agent, it_does_not_insist_on_what_the_agent_calls_wrong,
      authorities_that_stand_one_after_the_other_all_count, it_ends_by_a_signal])
