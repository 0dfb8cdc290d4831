# SPDX-License-Identifier: Apache-2.0
"""Stops a daemon at a chosen write or sync, so that a kill hits the window between two of them.  A seccomp filter that
the daemon inherits hands each pwrite, sizeable write, fdatasync and fsync to the test before the kernel does it
(seccomp_unotify(2)); the programs are the ones that ship, and their own filters stand as ever.  Nothing of it is shipped.
As a program, `gate.py SOCKET COMMAND...`: set the filter, send its descriptor to SOCKET, become COMMAND."""
import ctypes, errno, fcntl, os, select, socket, struct, sys, threading, time

PWRITE, WRITE, FSYNC, FDATASYNC = 18, 1, 74, 75       # x86_64
NAMES = {PWRITE: 'write', WRITE: 'write', FSYNC: 'sync', FDATASYNC: 'sync'}
SMALL = 64                                             # bytes: wake-ups are not files
SECCOMP, SET_MODE_FILTER, NEW_LISTENER = 317, 1, 8
ALLOW, USER_NOTIF = 0x7fff0000, 0x7fc00000
NOTIF = struct.Struct('=QIIiIQ6Q')                     # id, thread, flags, number, architecture, address, arguments
ANSWER = struct.Struct('=QqiI')                        # id, value, error, flags
RECV, SEND = 0xc0502100, 0xc0182101
CONTINUE = 1


def program():
    """The filter: number in; the length of a write decides."""
    load, equal, above, end = 0x20, 0x15, 0x25, 0x06
    rows = [(load, 0, 0, 0), (equal, 4, 0, PWRITE), (equal, 3, 0, FSYNC), (equal, 2, 0, FDATASYNC), (equal, 2, 0, WRITE),
            (end, 0, 0, ALLOW), (end, 0, 0, USER_NOTIF), (load, 0, 0, 32), (above, 0, 1, SMALL), (end, 0, 0, USER_NOTIF),
            (end, 0, 0, ALLOW)]
    return [struct.pack('=HBBI', *row) for row in rows]


def close_gate():
    """Filter this process; the descriptor that hears of its calls."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b''.join(program())
    memory = ctypes.create_string_buffer(code)
    head = ctypes.create_string_buffer(struct.pack('=HxxxxxxQ', len(code) // 8, ctypes.addressof(memory)))
    fd = libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, head)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'seccomp')
    return fd


class Gate(threading.Thread):
    """Lets everything through until it is armed with a function; that one sees (program, "write" or "sync", bytes, path, a
    path to open the same file by) of each call before it happens, and returns True to keep the thread there for good:
    then `caught` is set, and the test does what it came for."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.path, self.judge, self.caught, self.ended = path, None, threading.Event(), False

    def wrapper(self):
        return [sys.executable, '-B', os.path.abspath(__file__), self.path]

    def run(self):
        peer, _ = self.listener.accept()
        _, (self.fd,), _, _ = socket.recv_fds(peer, 1, 1)
        peer.close()
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while not self.ended:
            for _, events in poll.poll(100):
                if events & select.POLLIN:
                    self.one()
                elif events:
                    self.ended = True                  # nobody is left behind the filter
        os.close(self.fd)

    def one(self):
        raw = bytearray(NOTIF.size)
        try:
            fcntl.ioctl(self.fd, RECV, raw)
        except OSError as e:
            if e.errno == errno.ENOENT:                # it died meanwhile
                return
            raise
        ident, thread, _, number, _, _, *arguments = NOTIF.unpack(raw)
        judge = self.judge
        if judge is not None:
            try:
                role = os.path.basename(os.readlink(f'/proc/{thread}/exe'))
                reopen = f'/proc/{thread}/fd/{arguments[0]}'
                path = os.readlink(reopen)
            except OSError:
                role = path = reopen = ''
            if judge(role, NAMES[number], arguments[2], path, reopen):
                self.judge = None
                self.caught.set()
                return
        try:
            fcntl.ioctl(self.fd, SEND, bytearray(ANSWER.pack(ident, 0, 0, CONTINUE)))
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise

    def end(self):
        self.ended = True
        self.join()
        self.listener.close()
        os.unlink(self.path)


if __name__ == '__main__':
    to = socket.socket(socket.AF_UNIX)
    to.connect(sys.argv[1])
    socket.send_fds(to, [b'x'], [close_gate()])
    to.close()
    os.execv(sys.argv[2], sys.argv[2:])
