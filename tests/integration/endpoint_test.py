#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who serves the Workload API's socket: thieves of another account who stand there first, or later, and hear nothing."""
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

THIEF_UID = 2666
STRANGER = 'is served by uid 2666'


class Thief:
    """A process of another account that listens at a path; who came and what they said is in its file."""

    def __init__(self, rig, path):
        self.path, self.file = path, rig.path(f'heard-{time.monotonic_ns()}')
        fd = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        s = socket.socket(socket.AF_UNIX)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setgroups([])
                os.setresgid(THIEF_UID, THIEF_UID, THIEF_UID)
                os.setresuid(THIEF_UID, THIEF_UID, THIEF_UID)
                s.bind(path)
                s.listen(64)
                os.chmod(path, 0o777)
                while True:
                    guest = s.accept()[0]
                    os.write(fd, b'came\n')
                    if os.fork() == 0:
                        while (said := guest.recv(65536)):
                            os.write(fd, b'said:' + said)
                        os._exit(0)
                    guest.close()
            finally:
                os._exit(1)
        s.close()
        os.close(fd)
        wait_for('the thief', lambda: os.path.exists(path) and os.stat(path).st_mode & 0o777 == 0o777)

    def heard(self):
        return open(self.file, 'rb').read()

    def came(self):
        return self.heard().count(b'came\n')

    def heard_nothing(self):
        return self.heard() == b'came\n' * self.came()

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.unlink(self.path)


class World:
    """A daemon whose endpoint lies in a directory that the thief may write, unless told otherwise."""

    def __init__(self, directory_mode=0o777, **options):
        self.rig = Rig(providers=('soft',), wrap='file', **options)
        os.mkdir(self.rig.path('api'))
        os.chmod(self.rig.path('api'), directory_mode)
        self.path = self.rig.path('api', 'agent.sock')
        self.rig.options['spiffe'] = self.path
        self.thieves, self.issuer = [], None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for thief in list(self.thieves):
            self.leave(thief)
        return self.rig.__exit__(*failure)

    def thief(self):
        self.thieves.append(Thief(self.rig, self.path))
        return self.thieves[-1]

    def leave(self, thief):
        self.thieves.remove(thief)
        thief.stop()

    def api(self):
        """The right one, root's, at the path."""
        if self.issuer is None:
            self.issuer = Issuer(self.rig)
        os.rename(self.issuer.socket, self.path)

    def api_away(self, is_cut=True):
        os.rename(self.path, self.issuer.socket)
        if is_cut:
            self.issuer.say('disconnect')

    def ask(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(26)['status']

    def accepted(self, token, seconds=10):
        wait_for('the token', lambda: self.ask(token) == 0, seconds)

    def alarms(self):
        return [line['detail'] for line in self.rig.audit() if line.get('event') == 'endpoint-alarm']

    def said(self, text, seconds=10):
        wait_for(text, lambda: text in self.rig.tail(100000), seconds)

    def refuses(self, text):
        """Strict: no start, for this reason."""
        self.rig.start(wait=False)
        assert self.rig.daemon.wait(20) == 4, self.rig.tail()
        assert text in self.rig.tail(), (text, self.rig.tail())


def foreign_token():
    """One that nobody here issued."""
    with Rig(providers=('soft',), wrap='file') as rig:
        return Issuer(rig).token()


# ---- what the rows share ---------------------------------------------------------------------------------------------


def strict_does_not_start_where_others_may_stand():
    """The directory open to others; a thief's socket in a closed one, as after a change of its owner."""
    with World(posture='strict') as w:
        thief = w.thief()
        w.refuses('DOC-14 refuses: spiffe.endpoint: ' + w.rig.path('api') + ' is writable by everybody')
        os.chmod(w.rig.path('api'), 0o755)
        w.refuses(f'DOC-14 refuses: spiffe.endpoint: {w.path} belongs to uid {THIEF_UID}, and its server should be uid 0')
        assert thief.came() == 0


def a_thief_who_is_first_hears_nothing(validation='local'):
    """Permissive warns of the path and starts; tokens are refused, nobody is spoken to, and the right one is found later."""
    token = foreign_token()
    with World(validation=validation) as w:
        thief = w.thief()
        w.rig.start()
        w.said('DOC-14 warns')
        w.said("not ready: no usable keys of any trust domain (DOC-15); ALARM: a stranger serves the Workload API's socket")
        wait_for('three attempts', lambda: thief.came() >= 3, 15)
        assert w.ask(token) == 11 and Client(w.rig.socket).keys() == []
        assert thief.heard_nothing() and len(w.alarms()) == 1 and STRANGER in w.alarms()[0], w.alarms()
        w.leave(thief)
        w.api()
        w.accepted(w.issuer.token(), 40)
        w.said('ready: keys of 1 trust domain')
        assert thief.heard_nothing() and len(w.alarms()) == 1


def a_thief_who_comes_later_hears_nothing():
    """Noticed when the stream is opened anew: what is believed goes on; then the right one is back, and a second thief is an
    alarm again."""
    with World() as w:
        w.api()
        w.rig.start()
        w.accepted(w.issuer.token())
        for number in (1, 2):
            w.api_away()
            thief = w.thief()
            wait_for('attempts', lambda: thief.came() >= 2, 40)
            for _ in range(20):
                assert w.ask(w.issuer.token()) == 0
            w.said("ready: keys of 1 trust domain; ALARM: a stranger serves the Workload API's socket")
            assert thief.heard_nothing() and len(w.alarms()) == number and STRANGER in w.alarms()[-1], w.alarms()
            w.leave(thief)
            w.api()
            streams = w.rig.tail(100000).count('Workload API: connected')
            wait_for('the right one', lambda: w.rig.tail(100000).count('Workload API: connected') > streams, 40)
            assert w.ask(w.issuer.token()) == 0 and thief.heard_nothing()


def a_thief_hears_no_question_about_tokens():
    """`both`, also while the stream to the right one is open: only the path leads to the thief."""
    with World(validation='both') as w:
        w.api()
        w.rig.start()
        w.accepted(w.issuer.token())
        w.api_away(is_cut=False)
        thief = w.thief()
        for number in range(1, 21):
            assert w.ask(w.issuer.token()) == 11
            wait_for('the guest', lambda: thief.came() == number)    # a question each, and none of them asked
        lines = [line for line in w.rig.audit() if line.get('status') == 'JWT_STRANGER']
        assert len(lines) == 20 and {line['wire'] for line in lines} == {11}, lines
        assert thief.heard_nothing() and len(w.alarms()) == 1 and STRANGER in w.alarms()[0], w.alarms()
        w.leave(thief)
        w.api()
        assert w.ask(w.issuer.token()) == 0 and thief.heard_nothing()


def the_thief_would_hear_tokens_if_it_were_the_configured_server():
    """Control of the above: the same thief, at the same path, under the uid that is configured."""
    with World(validation='both', spiffe_more=f', server_uid: {THIEF_UID}') as w:
        w.api()
        w.rig.start()
        w.said('is served by uid 0')               # root's is the stranger now
        token = w.issuer.token()
        w.api_away()
        thief = w.thief()
        wait_for('words', lambda: b'said:PRI * HTTP/2.0' in thief.heard(), 40)
        w.rig.options['spiffe_more'] = f', server_uid: {THIEF_UID}, bundles: [{{trust_domain: rig.example, file: {bundle_file(w)}}}]'
        w.rig.write_config()
        w.rig.daemon.send_signal(signal.SIGHUP)
        w.said('new configuration in force')
        wait_for('the token at the thief', lambda: w.ask(token) == 11 and token.encode() in thief.heard(), 15)


def a_reload_changes_whose_the_server_must_be():
    with World(spiffe_more=f', server_uid: {THIEF_UID}') as w:
        w.api()
        w.rig.start()
        w.said('is served by uid 0')
        assert w.ask(w.issuer.token()) == 11
        for more, is_ours in ((', server_user: root', True), (f', server_uid: {THIEF_UID}', False), ('', True)):
            alarms, idp = len(w.alarms()), w.rig.roles()['idp']
            w.rig.options['spiffe_more'] = more
            w.rig.write_config()
            w.rig.daemon.send_signal(signal.SIGHUP)
            wait_for('another idp', lambda: w.rig.roles().get('idp', idp) != idp)
            if is_ours:
                w.accepted(w.issuer.token())
            else:
                wait_for('the alarm', lambda: len(w.alarms()) == alarms + 1)
            assert w.ask(w.issuer.token()) == 0


def bundle_file(w):
    path = w.rig.path('rig.bundle')
    document = json.loads(w.issuer.say('bundle'))
    for key in document['keys']:
        key['use'] = 'jwt-svid'
    with open(path, 'w') as f:
        json.dump(document, f)
    os.chmod(path, 0o644)
    return path


# ---- rows of the ledger ------------------------------------------------------------------------------------------------


def a_fake_endpoint_receives_no_token_byte():
    """Ledger A13-S1."""
    strict_does_not_start_where_others_may_stand()
    a_thief_who_is_first_hears_nothing()
    a_thief_who_is_first_hears_nothing('both')
    a_thief_who_comes_later_hears_nothing()
    a_thief_hears_no_question_about_tokens()


def a_token_does_not_travel_but_to_the_right_server():
    """Ledger A12-I1: by default none is sent in ten thousand requests; under `both` none to a server of another uid."""
    with World() as w:
        w.api()
        w.rig.start()
        w.accepted(w.issuer.token())
        client = Client(w.rig.socket, ('jwt', w.issuer.token()), keep=True)
        for number in range(10000):
            assert client.exchange(26)['status'] == 0, number
        seen = dict(word.split('=') for word in w.issuer.say('seen').split())
        assert (seen['validations'], seen['streams'], seen['bundles'], seen['others']) == ('0', '1', '1', '0'), seen
    a_thief_hears_no_question_about_tokens()
    the_thief_would_hear_tokens_if_it_were_the_configured_server()


def an_endpoint_that_others_made_first_is_refused_and_an_absent_one_is_awaited():
    """Ledger O-14."""
    strict_does_not_start_where_others_may_stand()
    a_thief_who_is_first_hears_nothing()
    a_thief_who_comes_later_hears_nothing()
    with World(0o755, posture='strict', spiffe_more=f', server_uid: {SERVICE_UID}') as w:
        w.refuses("DOC-14 refuses: spiffe.server_uid is that of 'keyreeve-rig', as whom we run")
    with World(0o755) as w:
        w.rig.start()
        w.said('not ready: no usable keys of any trust domain')
        assert w.ask(foreign_token()) == 11
        w.api()
        w.accepted(w.issuer.token(), 40)
        w.said('ready: keys of 1 trust domain')
        w.api_away()
        time.sleep(2)
        assert w.ask(w.issuer.token()) == 0 and w.alarms() == []


main([a_fake_endpoint_receives_no_token_byte, a_token_does_not_travel_but_to_the_right_server,
      an_endpoint_that_others_made_first_is_refused_and_an_absent_one_is_awaited,
      the_thief_would_hear_tokens_if_it_were_the_configured_server, a_reload_changes_whose_the_server_must_be])
