#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set while the daemon serves, and between two runs of it.  Only keyreeve-agent sees another time: a copy
of it also needs tests/support/clock_shim.c, which adds what a file says."""
import shutil, struct, subprocess, sys, os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

HOUR, DAY = 3600, 86400


class Clock:
    def __init__(self):
        self.rig = Rig(providers=('soft',), wrap='file')
        tree = self.rig.path('tree')
        for name in ('bin/keyreeved', 'bin/keyreeve', 'tests/keyreeve-test-issuer', 'tests/libtest_clock_shim.so'):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(os.path.join(BUILD, name), os.path.join(tree, name))
        shutil.copytree(os.path.join(BUILD, 'libexec'), os.path.join(tree, 'libexec'))
        agent = os.path.join(tree, 'libexec', 'keyreeve', 'keyreeve-agent')
        subprocess.run(['patchelf', '--add-needed', os.path.join(tree, 'tests', 'libtest_clock_shim.so'), agent], check=True)
        self.offset = os.path.join(tree, 'tests', 'clock_offset')
        self.set(0)
        os.chmod(self.offset, 0o644)
        self.rig.build = tree
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.rig.close()
            raise
        return self

    def __exit__(self, *failure):
        return self.rig.__exit__(*failure)

    def start(self):
        self.rig.start()
        wait_for('key documents', lambda: 'key documents: 1 trust domains' in self.rig.tail(200))
        time.sleep(0.2)

    def restart(self):
        self.rig.stop()
        self.rig.log.truncate(0)
        self.start()

    def set(self, seconds):
        with open(self.offset, 'r+b' if os.path.exists(self.offset) else 'wb') as f:
            f.write(struct.pack('<q', seconds * 1000000))

    def ask(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(26)['status']

    def event(self, name, seconds=4):
        wait_for(name, lambda: any(l.get('event') == name for l in self.rig.audit()), seconds)
        return [l for l in self.rig.audit() if l.get('event') == name][-1]


def a_step_back_of_an_hour_revives_no_token():
    with Clock() as c:
        fresh, old = c.issuer.token(), c.issuer.token(ttl=300, age=HOUR + 100)   # good when the clock is an hour behind
        assert c.ask(fresh) == 0 and c.ask(old) == 11
        c.set(-HOUR)                                                             # while it runs
        assert c.ask(old) == 11 and c.ask(fresh) == 0
        assert [l for l in c.rig.audit() if l.get('wire') == 11][-1]['status'] == 'JWT_EXPIRED'
        step = c.event('clock-step')
        assert step['detail'] == 'back' and abs(step['count'] - HOUR) <= 2, step
        assert abs(c.event('clock-behind')['count'] - HOUR) <= 2
        c.restart()                                                              # over a restart
        assert c.ask(old) == 11 and c.ask(fresh) == 0
        alarms = lambda: sum(l.get('event') == 'clock-behind' for l in c.rig.audit())
        wait_for('the alarm again', lambda: alarms() == 2, 4)
        c.rig.kill()                                                             # and over a kill
        c.start()
        assert c.ask(old) == 11 and c.ask(fresh) == 0
        wait_for('the alarm once more', lambda: alarms() == 3, 4)
        c.set(0)
        c.event('clock-right')
        assert c.ask(old) == 11 and c.ask(fresh) == 0


def a_day_forward_and_back_locks_nobody_out_for_longer_than_a_restart():
    with Clock() as c:
        c.set(DAY)
        assert c.ask(c.issuer.token()) == 11                                     # the clock says that it has expired
        c.event('clock-step')
        time.sleep(1.5)
        c.set(0)
        c.restart()
        assert c.ask(c.issuer.token()) == 0
        assert c.event('clock-believed')


def an_administrator_lowers_the_floor_and_the_log_says_so():
    with Clock() as c:
        old = c.issuer.token(ttl=300, age=HOUR + 100)
        c.set(-HOUR)
        assert c.ask(old) == 11
        done = subprocess.run([os.path.join(BUILD, 'bin', 'keyreeve'), 'admin', 'clock', '--lower', '--socket', c.rig.admin_socket],
                              capture_output=True, text=True)
        assert done.returncode == 0, done
        assert c.ask(old) == 0                                                   # and so would it be without a floor
        assert abs(c.event('clock-lowered')['count'] - HOUR) <= 2
        acts = [l for l in c.rig.audit() if l.get('op') == 'AdminClock']
        assert acts[0]['event'] == 'admin-act' and acts[1]['status'] == 'OK', acts
        c.restart()
        assert c.ask(old) == 0


main([a_step_back_of_an_hour_revives_no_token, a_day_forward_and_back_locks_nobody_out_for_longer_than_a_restart,
      an_administrator_lowers_the_floor_and_the_log_says_so])
