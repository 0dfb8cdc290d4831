/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct probe_target probe_target;

/* ---- processes ---------------------------------------------------------------------------------- */

static bool act_exec(void)
{
	char name[] = "/bin/echo", word[] = "done", *argv[] = { name, word, NULL }, *env[] = { NULL };

	(void)execve(name, argv, env); /* it says it for us */
	return false;
}

static bool act_exec_descriptor(void)
{
	char name[] = "echo", word[] = "done", *argv[] = { name, word, NULL }, *env[] = { NULL };

	(void)syscall(SYS_execveat, probe_target.program_fd, "", argv, env, AT_EMPTY_PATH);
	return false;
}

/* A program that never was a file. */
static bool act_exec_memory(void)
{
	char name[] = "echo", word[] = "done", *argv[] = { name, word, NULL }, *env[] = { NULL };
	int fd = memfd_create("program", MFD_CLOEXEC);
	char block[4096];
	ssize_t got;
	off_t at = 0;

	while ((got = pread(probe_target.program_fd, block, sizeof(block), at)) > 0 &&
		write(fd, block, (size_t)got) == got)
		at += got;
	if (got == 0)
		(void)fexecve(fd, argv, env);
	return false;
}

static bool child_ended(pid_t pid)
{
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool act_fork(void)
{
	return child_ended(fork());
}

static bool act_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool act_clone_process(void)
{
	return child_ended((pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0));
}

static bool act_clone3_process(void)
{
	uint64_t args[8] = { 0, 0, 0, 0, SIGCHLD };

	return child_ended((pid_t)syscall(SYS_clone3, args, sizeof(args)));
}

static void *thread_body(void *argument)
{
	*(bool *)argument = true;
	return NULL;
}

static bool act_thread(void)
{
	bool ran = false;
	pthread_t thread;

	errno = pthread_create(&thread, NULL, thread_body, &ran);
	return errno == 0 && pthread_join(thread, NULL) == 0 && ran;
}

static bool act_ptrace(void)
{
	return ptrace(PTRACE_SEIZE, probe_target.victim, NULL, NULL) == 0;
}

static bool act_ptrace_attach(void)
{
	if (ptrace(PTRACE_ATTACH, probe_target.victim, NULL, NULL) < 0)
		return false;
	(void)waitpid(probe_target.victim, NULL, 0); /* it has stopped, and must go on to see our end */
	return ptrace(PTRACE_DETACH, probe_target.victim, NULL, NULL) == 0;
}

static bool act_read_memory(void)
{
	long copy = 0;
	struct iovec to = { &copy, sizeof(copy) }, from = { &probe_target.secret, sizeof(copy) };

	return process_vm_readv(probe_target.victim, &to, 1, &from, 1, 0) == sizeof(copy) &&
	       copy == probe_target.secret;
}

static bool act_write_memory(void)
{
	long value = 1;
	struct iovec from = { &value, sizeof(value) }, to = { &probe_target.secret, sizeof(value) };

	return process_vm_writev(probe_target.victim, &from, 1, &to, 1, 0) == sizeof(value);
}

static bool act_open_memory(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)probe_target.victim);
	return open(path, O_RDWR | O_CLOEXEC) >= 0;
}

static bool act_take_descriptor(void)
{
	return syscall(SYS_pidfd_getfd, probe_target.victim_pidfd, 0, 0) >= 0;
}

static bool act_open_process(void)
{
	return syscall(SYS_pidfd_open, probe_target.victim, 0) >= 0;
}

static bool act_signal_by_pidfd(void)
{
	return syscall(SYS_pidfd_send_signal, probe_target.victim_pidfd, SIGUSR1, NULL, 0) == 0;
}

static bool act_compare(void)
{
	return syscall(SYS_kcmp, probe_target.victim, probe_target.victim, 2 /* KCMP_FILES */, 0, 0) == 0;
}

static bool act_signal(void)
{
	return kill(probe_target.victim, SIGUSR1) == 0;
}

static bool act_signal_thread(void)
{
	return syscall(SYS_tgkill, probe_target.victim, probe_target.victim, SIGUSR1) == 0;
}

static bool act_signal_task(void)
{
	return syscall(SYS_tkill, probe_target.victim, SIGUSR1) == 0;
}

static bool act_signal_all(void)
{
	return kill(-getpgrp(), 0) == 0;
}

static bool act_queue_signal(void)
{
	return sigqueue(probe_target.victim, SIGUSR1, (union sigval){ 0 }) == 0;
}

/* The kernel would send it when the descriptor becomes readable. */
static bool act_signal_by_descriptor(void)
{
	return fcntl(STDOUT_FILENO, F_SETOWN, probe_target.victim) == 0;
}

static bool act_limit_another(void)
{
	struct rlimit none = { 1, 1 };

	return prlimit(probe_target.victim, RLIMIT_CPU, &none, NULL) == 0;
}

static bool act_become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool act_allow_core(void)
{
	struct rlimit much = { 1 << 20, 1 << 20 };

	return setrlimit(RLIMIT_CORE, &much) == 0;
}

/* ---- files -------------------------------------------------------------------------------------- */

static bool act_read_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_write_file(void)
{
	return open(probe_target.foreign_file, O_WRONLY | O_CLOEXEC) >= 0;
}

static bool act_make_file(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/made", probe_target.elsewhere);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool act_list_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool act_remove_file(void)
{
	return unlink(probe_target.foreign_file) == 0;
}

static bool act_rename_file(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/moved", probe_target.elsewhere);
	return rename(probe_target.foreign_file, path) == 0;
}

static bool act_truncate_file(void)
{
	return truncate(probe_target.foreign_file, 0) == 0;
}

static bool act_change_mode(void)
{
	return chmod(probe_target.foreign_file, 0777) == 0;
}

static bool act_change_times(void)
{
	return utimensat(AT_FDCWD, probe_target.foreign_file, NULL, 0) == 0;
}

static bool act_change_owner(void)
{
	return chown(probe_target.foreign_file, geteuid(), getegid()) == 0;
}

static bool act_link_file(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/link", probe_target.elsewhere);
	return symlink("/", path) == 0;
}

static bool act_make_socket_file(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/node", probe_target.elsewhere);
	return mknod(path, S_IFSOCK | 0600, 0) == 0;
}

static bool act_make_device(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/null", probe_target.elsewhere);
	return mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0;
}

/* Another's state, by a descriptor that was left open. */
static bool act_open_beneath(void)
{
	return openat(probe_target.directory_fd, "file", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_new_open(void)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };

	return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)) >= 0;
}

static bool act_open_by_handle(void)
{
	struct {
		struct file_handle head;
		uint8_t rest[MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	return name_to_handle_at(AT_FDCWD, "/etc/passwd", &handle.head, &mount_id, 0) == 0 &&
	       open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_open_device(void)
{
	return open("/dev/zero", O_RDWR | O_CLOEXEC) >= 0;
}

/* Of every ioctl the agent may use one, which asks about a pidfd. */
static bool act_ioctl(void)
{
	int waiting = -1, fd = memfd_create("file", MFD_CLOEXEC);

	return fd >= 0 && ioctl(fd, FIONREAD, &waiting) == 0;
}

/* Who it is, not what is in it: open to everybody. */
static bool act_read_process(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)probe_target.victim);
	return open(path, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_state_file(void)
{
	char path[PROBE_PATH_BYTES + 8];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/kept", probe_target.state);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && unlink(path) == 0;
}

static bool act_read_store(void)
{
	return open(probe_state("keys.db"), O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_write_store(void)
{
	return open(probe_state("keys.db"), O_WRONLY | O_CLOEXEC) >= 0;
}

static bool act_empty_store(void)
{
	return truncate(probe_state("keys.db"), 0) == 0;
}

static bool act_replace_store(void)
{
	return rename(probe_target.foreign_file, probe_state("keys.db")) == 0;
}

static bool act_link_store(void)
{
	char path[PROBE_PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s/link", probe_target.elsewhere);
	return link(probe_state("keys.db"), path) == 0;
}

static bool act_remove_store(void)
{
	return unlink(probe_state("keys.db")) == 0;
}

static bool act_list_audit(void)
{
	return open(probe_state("audit"), O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool act_read_audit(void)
{
	return open(probe_state("audit/0000000000000001.log"), O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_write_audit(void)
{
	return open(probe_state("audit/0000000000000001.log"), O_WRONLY | O_APPEND | O_CLOEXEC) >= 0;
}

static bool act_read_wrapping_key(void)
{
	return open(probe_state("soft-soft.key"), O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_write_wrapping_key(void)
{
	return open(probe_state("soft-soft.key"), O_WRONLY | O_CLOEXEC) >= 0;
}

static bool act_read_pin_record(void)
{
	return open(probe_state("pin-hsm"), O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_write_pin_record(void)
{
	return open(probe_state("pin-hsm"), O_WRONLY | O_CLOEXEC) >= 0;
}

/* The same by the second name that every process has. */
static bool act_store_by_proc(void)
{
	char path[PROBE_PATH_BYTES + 64];

	(void)snprintf(path, sizeof(path), "/proc/self/root%s", probe_state("keys.db"));
	return open(path, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool act_make_token(void)
{
	const int fd = open(probe_state("tokens/object"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 && unlink(probe_state("tokens/object")) == 0;
}

/* A move between directories, which Landlock forbids where nobody grants it. */
static bool act_move_file(void)
{
	char path[PROBE_PATH_BYTES + 16];

	(void)snprintf(path, sizeof(path), "%s/inner", probe_target.elsewhere);
	if (mkdir(path, 0700) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/inner/moved", probe_target.elsewhere);
	return rename(probe_target.foreign_file, path) == 0;
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static bool act_unix_socket(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%.100s", probe_target.socket_path);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

static bool act_abstract_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&probe_target.abstract, probe_target.abstract_len) == 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
}

static bool act_tcp_connect(void)
{
	struct sockaddr_in to = loopback(probe_target.tcp_port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

static bool act_tcp_listen(void)
{
	struct sockaddr_in at = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0;
}

static bool act_udp_send(void)
{
	struct sockaddr_in to = loopback(9);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1;
}

static bool act_inet6_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool act_netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0;
}

static bool act_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0;
}

static bool act_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) >= 0;
}

static bool act_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

/* The kernel reads 32 bits of the family; the filter must not be taken in by the others. */
static bool act_disguised_socket(void)
{
	return syscall(SYS_socket, (1ul << 40) | AF_INET, SOCK_STREAM, 0) >= 0;
}

/* ---- the kernel --------------------------------------------------------------------------------- */

static bool act_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool act_make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool act_change_code(void)
{
	const uintptr_t page = (uintptr_t)act_executable_memory & ~(uintptr_t)4095;

	return syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static bool act_key_protection(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED && syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1) == 0;
}

static bool act_io_uring(void)
{
	uint8_t parameters[120] = { 0 };

	return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool act_bpf(void)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) >= 0;
}

static bool act_perf(void)
{
	struct perf_event_attr event = { .type = PERF_TYPE_SOFTWARE,
		.size = sizeof(event),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1 };

	return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0;
}

static bool act_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) >= 0;
}

static bool act_keyring(void)
{
	return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -2 /* the process's */, 1) > 0;
}

static bool act_mount(void)
{
	return mount("none", probe_target.elsewhere, "tmpfs", 0, NULL) == 0;
}

static bool act_make_mount(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0) >= 0;
}

static bool act_take_mount(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, probe_target.elsewhere, 1 /* OPEN_TREE_CLONE */) >= 0;
}

static bool act_watch_files(void)
{
	return syscall(SYS_fanotify_init, 0, 0) >= 0;
}

static bool act_enter_namespace(void)
{
	return setns(probe_target.namespace_fd, CLONE_NEWNET) == 0;
}

/* A magic number that is none: the kernel finds that out only after it has let us ask. */
static bool act_reboot(void)
{
	return syscall(SYS_reboot, 1, 2, 3, NULL) < 0 && errno == EINVAL;
}

static bool act_set_time(void)
{
	return syscall(SYS_settimeofday, NULL, NULL) == 0; /* to nothing */
}

static bool act_name_host(void)
{
	char name[65];

	return gethostname(name, sizeof(name)) == 0 && sethostname(name, strlen(name)) == 0;
}

static bool act_segment_table(void)
{
	uint8_t table[64];

	return syscall(SYS_modify_ldt, 0, table, sizeof(table)) >= 0;
}

static bool act_chroot(void)
{
	return chroot(probe_target.elsewhere) == 0;
}

static bool act_unshare(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool act_change_user(void)
{
	return setresuid(65534, 65534, 65534) == 0;
}

static bool act_change_groups(void)
{
	return setgroups(0, NULL) == 0;
}

static bool act_set_user(void)
{
	return syscall(SYS_setuid, 65534) == 0;
}

static bool act_change_file_user(void)
{
	(void)setfsuid(65534);
	return (uid_t)setfsuid((uid_t)-1) == 65534;
}

static bool act_personality(void)
{
	return personality(PER_LINUX) >= 0;
}

static bool act_adjust_clock(void)
{
	struct timex read_only = { .modes = 0 };

	return adjtimex(&read_only) >= 0;
}

static bool act_kernel_log(void)
{
	return klogctl(10 /* size of the buffer */, NULL, 0) >= 0;
}

static bool act_own_filter(void)
{
	uint32_t action = 0x7fff0000u; /* is "allow" known? */

	return syscall(SYS_seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0, &action) == 0;
}

/* A filter of our own that lets everything through. */
static bool act_replace_filter(void)
{
	struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct sock_fprog program = { 1, &allow };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The same kernel's other calling convention, with numbers of its own: 11 is execve here, munmap for us. */
static bool act_other_convention(void)
{
	long pid = -ENOSYS;

#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
#endif
	return pid == getpid();
}

static bool act_random(void)
{
	uint8_t byte;

	return syscall(SYS_getrandom, &byte, 1, 0) == 1;
}

/* Not an act: stays until its standard input ends, so that the filter in force can be read from outside. */
static bool act_wait(void)
{
	char byte;

	return read(STDIN_FILENO, &byte, 1) == 0;
}

/* ---- the table ---------------------------------------------------------------------------------- */

/* clang-format off */
const struct probe_act probe_acts[] = {
	{ "exec", act_exec }, { "exec-descriptor", act_exec_descriptor }, { "exec-memory", act_exec_memory },
	{ "fork", act_fork }, { "vfork", act_vfork }, { "clone-process", act_clone_process },
	{ "clone3-process", act_clone3_process }, { "thread", act_thread }, { "ptrace", act_ptrace },
	{ "ptrace-attach", act_ptrace_attach }, { "read-memory", act_read_memory },
	{ "write-memory", act_write_memory }, { "open-memory", act_open_memory },
	{ "take-descriptor", act_take_descriptor }, { "open-process", act_open_process },
	{ "signal-by-pidfd", act_signal_by_pidfd }, { "compare", act_compare }, { "signal", act_signal },
	{ "signal-thread", act_signal_thread }, { "signal-task", act_signal_task },
	{ "signal-all", act_signal_all }, { "queue-signal", act_queue_signal },
	{ "signal-by-descriptor", act_signal_by_descriptor }, { "limit-another", act_limit_another },
	{ "become-dumpable", act_become_dumpable },
	{ "allow-core", act_allow_core }, { "read-file", act_read_file }, { "write-file", act_write_file },
	{ "make-file", act_make_file }, { "list-directory", act_list_directory },
	{ "remove-file", act_remove_file }, { "rename-file", act_rename_file },
	{ "truncate-file", act_truncate_file }, { "change-mode", act_change_mode },
	{ "change-times", act_change_times }, { "change-owner", act_change_owner }, { "link-file", act_link_file },
	{ "make-socket-file", act_make_socket_file }, { "make-device", act_make_device },
	{ "open-beneath", act_open_beneath }, { "new-open", act_new_open },
	{ "open-by-handle", act_open_by_handle }, { "open-device", act_open_device },
	{ "ioctl", act_ioctl }, { "read-process", act_read_process },
	{ "state-file", act_state_file }, { "read-store", act_read_store }, { "write-store", act_write_store },
	{ "empty-store", act_empty_store }, { "replace-store", act_replace_store }, { "link-store", act_link_store },
	{ "remove-store", act_remove_store }, { "list-audit", act_list_audit }, { "read-audit", act_read_audit },
	{ "write-audit", act_write_audit }, { "read-wrapping-key", act_read_wrapping_key },
	{ "write-wrapping-key", act_write_wrapping_key }, { "read-pin-record", act_read_pin_record },
	{ "write-pin-record", act_write_pin_record }, { "store-by-proc", act_store_by_proc },
	{ "make-token", act_make_token }, { "move-file", act_move_file }, { "unix-socket", act_unix_socket },
	{ "abstract-socket", act_abstract_socket }, { "tcp-connect", act_tcp_connect },
	{ "tcp-listen", act_tcp_listen }, { "udp-send", act_udp_send }, { "inet6-socket", act_inet6_socket },
	{ "netlink-socket", act_netlink_socket }, { "packet-socket", act_packet_socket },
	{ "raw-socket", act_raw_socket }, { "vsock", act_vsock }, { "disguised-socket", act_disguised_socket },
	{ "executable-memory", act_executable_memory }, { "make-executable", act_make_executable },
	{ "change-code", act_change_code }, { "key-protection", act_key_protection },
	{ "io-uring", act_io_uring }, { "bpf", act_bpf }, { "perf", act_perf },
	{ "userfaultfd", act_userfaultfd }, { "keyring", act_keyring }, { "mount", act_mount },
	{ "make-mount", act_make_mount }, { "take-mount", act_take_mount }, { "watch-files", act_watch_files },
	{ "enter-namespace", act_enter_namespace }, { "reboot", act_reboot }, { "set-time", act_set_time },
	{ "name-host", act_name_host }, { "segment-table", act_segment_table }, { "chroot", act_chroot },
	{ "unshare", act_unshare }, { "change-user", act_change_user }, { "change-groups", act_change_groups },
	{ "set-user", act_set_user }, { "change-file-user", act_change_file_user },
	{ "personality", act_personality }, { "adjust-clock", act_adjust_clock },
	{ "kernel-log", act_kernel_log }, { "own-filter", act_own_filter },
	{ "replace-filter", act_replace_filter }, { "other-convention", act_other_convention },
	{ "random", act_random }, { "wait", act_wait },
};
/* clang-format on */
const size_t probe_act_count = sizeof(probe_acts) / sizeof(probe_acts[0]);
