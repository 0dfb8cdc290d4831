# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with a TPM: Debian's kernel, whose TPM driver and resource manager are the real ones, swtpm as the chip,
an initramfs with busybox, our installed programs and what they link, and a disk for /var/lib.  It is driven line by line
over a serial port and reset over QMP.  Emulated by TCG: it needs no KVM."""
import base64, json, os, shutil, socket, subprocess, tempfile
from rig import BUILD, ROOT, wait_for

LIBRARY = '/usr/lib/x86_64-linux-gnu'
# What programs load by name: the TPM's way in.
LOADED = [f'{LIBRARY}/libtss2-tcti-device.so.0']
TOOLS = ['/usr/bin/tpm2']
MODULES = ['virtio_pci', 'virtio_blk']
BOOT_SECONDS = 120
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=0755 run /run
exec </dev/console >/dev/console 2>&1
for module in MODULES; do insmod $module; done
mount -t ext4 /dev/vda /var/lib
for name in web db; do # what an account is known by, over a reset too
	[ -d /var/lib/home/$name ] || { mkdir -p /var/lib/home/$name; chown $name:$name /var/lib/home/$name; sync; }
done
chmod 1777 /tmp
mkdir /run/keyreeve
chown keyreeve:keyreeve /run/keyreeve
chown root:tss /dev/tpmrm0
chmod 0660 /dev/tpmrm0
stty -F /dev/ttyS1 raw -echo
export PATH=/usr/local/bin:/usr/bin:/bin:/sbin
exec 3</dev/ttyS1 4>/dev/ttyS1
echo ready >&4
while read -r line <&3; do
	echo "$line" | base64 -d >/script
	sh /script >/out 2>&1 </dev/null 3<&- 4>&-
	code=$?
	base64 </out >&4
	echo "ended $code" >&4
done
'''
ACCOUNTS = {'root': 0, 'keyreeve': 300, 'web': 2001, 'db': 2002}
TSS_GID = 301


def text_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Guest:
    def __init__(self, config):
        self.dir = tempfile.mkdtemp(prefix='keyreeve-guest-')
        os.chmod(self.dir, 0o755)
        self.kernel = text_of(os.path.join(ROOT, 'tests', 'support', 'kernel')).strip()
        self.swtpm = self.qemu = self.serial = None
        try:
            self.make_initramfs(config)
            subprocess.run(['mkfs.ext4', '-q', '-F', self.path('disk'), '512M'], check=True, stdout=subprocess.DEVNULL)
            self.boot()
        except BaseException:
            self.close()
            raise

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # ---- the initramfs
    def put(self, name, text, mode=0o644):
        path = self.path('root', name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)

    def copy(self, source):
        """With what it links, at the same path."""
        linked = subprocess.run(['ldd', source], capture_output=True, text=True).stdout.split()
        for path in [source] + [word for word in linked if word.startswith('/')]:
            target = self.path('root', path.lstrip('/'))
            if not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(path, target)

    def modules(self):
        """Files of MODULES and of what they need, in the order of loading."""
        folder = os.path.join(self.kernel, 'lib', 'modules')
        folder = os.path.join(folder, os.listdir(folder)[0])
        needs = dict(line.rstrip().split(':') for line in open(os.path.join(folder, 'modules.dep')))
        files = []
        for module in MODULES:
            file = next(f for f in needs if os.path.basename(f).split('.')[0] == module)
            files += [f for f in reversed(needs[file].split()) if f not in files] + [file]
        for file in files:
            os.makedirs(self.path('root', 'modules'), exist_ok=True)
            shutil.copy(os.path.join(folder, file), self.path('root', 'modules'))
        return [f'/modules/{os.path.basename(file)}' for file in files]

    def make_initramfs(self, config):
        for name in ('bin', 'proc', 'sys', 'dev', 'run', 'tmp', 'var/lib', 'root'):
            os.makedirs(self.path('root', name))
        shutil.copy('/bin/busybox', self.path('root', 'bin'))
        self.put('init', INIT.replace('MODULES', ' '.join(self.modules())), 0o755)
        self.put('etc/passwd', ''.join(f'{name}:x:{uid}:{uid}::/var/lib/home/{name}:/usr/sbin/nologin\n' for name, uid in ACCOUNTS.items()))
        self.put('etc/shadow', ''.join(f'{name}:!:20000::::::\n' for name in ACCOUNTS), 0o600)
        self.put('etc/group', ''.join(f'{name}:x:{uid}:\n' for name, uid in ACCOUNTS.items()) + f'tss:x:{TSS_GID}:keyreeve\n')
        self.put('etc/keyreeve/keyreeve.yaml', config)
        subprocess.run(['cmake', '--install', BUILD, '--prefix', '/usr/local'], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DESTDIR=self.path('root')))
        for folder in ('usr/local/bin', 'usr/local/libexec/keyreeve'):
            for name in os.listdir(self.path('root', folder)):
                self.copy_links(os.path.join(folder, name))
        for program in LOADED + TOOLS:
            self.copy(program)
        names = text_of('find', self.path('root'), '-mindepth', '1', '-printf', '%P\\n')
        with open(self.path('initramfs'), 'wb') as f:
            subprocess.run(['/bin/busybox', 'cpio', '-o', '-H', 'newc', '-R', '0:0'], cwd=self.path('root'), input=names.encode(), stdout=f,
                           stderr=subprocess.DEVNULL, check=True)

    def copy_links(self, name):
        for word in text_of('ldd', self.path('root', name)).split():
            if word.startswith('/') and not word.startswith(self.dir):
                self.copy(word)

    # ---- the machine
    def boot(self):
        os.mkdir(self.path('tpm'))
        self.swtpm = subprocess.Popen(['swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={self.path("tpm")}', '--ctrl',
                                       f'type=unixio,path={self.path("tpm.sock")}', '--log', f'level=20,file={self.path("tpm.log")}'])
        wait_for('swtpm', lambda: os.path.exists(self.path('tpm.sock')))
        self.qemu = subprocess.Popen([
            'qemu-system-x86_64', '-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '512', '-nodefaults', '-display', 'none',
            '-bios', '/usr/share/qemu/qboot.rom', '-kernel', os.path.join(self.kernel, 'vmlinuz'), '-initrd', self.path('initramfs'), '-append', 'console=ttyS0 quiet panic=1',
            '-serial', f'file:{self.path("console")}', '-serial', f'unix:{self.path("serial")},server=on,wait=on',
            '-qmp', f'unix:{self.path("qmp")},server=on,wait=off',
            '-chardev', f'socket,id=tpm,path={self.path("tpm.sock")}', '-tpmdev', 'emulator,id=tpm,chardev=tpm', '-device', 'tpm-tis,tpmdev=tpm',
            '-drive', f'file={self.path("disk")},if=none,id=disk,format=raw,cache=writethrough', '-device', 'virtio-blk-pci,drive=disk'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.path('qemu.log'), 'w'))
        wait_for('the serial port', lambda: os.path.exists(self.path('serial')) or self.qemu.poll() is not None)
        self.serial = socket.socket(socket.AF_UNIX)
        self.serial.connect(self.path('serial'))
        self.wait_ready()

    def wait_ready(self):
        self.serial.settimeout(BOOT_SECONDS)
        try:
            while not self.line().endswith('ready'):
                pass
        except TimeoutError:
            raise TimeoutError('the machine does not come up:\n' + self.console()) from None

    def line(self):
        out = b''
        while not out.endswith(b'\n'):
            byte = self.serial.recv(1)
            if not byte:
                raise ConnectionError('the machine is gone:\n' + self.console())
            out += byte
        return out.decode(errors='replace').strip()

    def console(self):
        return open(self.path('console'), errors='replace').read()[-6000:]

    def send(self, script):
        self.serial.sendall(base64.b64encode(script.encode()) + b'\n')

    def try_run(self, script, timeout=120):
        """(exit code, output)"""
        self.serial.settimeout(timeout)
        self.send(script)
        out = ''
        while True:
            line = self.line()
            if line.startswith('ended '):
                return int(line.split()[1]), base64.b64decode(out)
            out += line

    def run(self, script, timeout=120):
        code, out = self.try_run('set -e\n' + script, timeout)
        assert code == 0, (script, code, out.decode(errors='replace'), self.console()[-3000:])
        return out

    def reset(self):
        """The button: machine and TPM, at once; the disk keeps what was flushed."""
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.connect(self.path('qmp'))
            stream = qmp.makefile('rw')
            for command in ('qmp_capabilities', 'system_reset'):
                stream.write(json.dumps({'execute': command}) + '\n')
                stream.flush()
            while '"RESET"' not in stream.readline():
                pass
        self.wait_ready()

    def tpm_commands(self, code):
        """How many commands of this code the chip was sent, by its own log: a line of hex begins with tag, size and code."""
        wanted, lines = code.to_bytes(4, 'big').hex(' ').upper(), open(self.path('tpm.log'), errors='replace').readlines()
        return sum(line[19:30] == wanted for before, line in zip(lines, lines[1:]) if 'SWTPM_IO_Read' in before)

    def close(self):
        for process in (self.qemu, self.swtpm):
            if process is not None:
                process.kill()
                process.wait()
        if self.serial is not None:
            self.serial.close()
        if os.environ.get('KEYREEVE_KEEP'):
            print(f'kept: {self.dir}')
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()
