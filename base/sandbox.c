/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/own.h"
#include "base/pidfd.h"

/* A sanitizer's reports read /proc and the program's own image. */
#ifdef KEYREEVE_SANITIZED
enum { IS_SANITIZED = 1 };
/* A sandboxed process cannot look for its own leaks: unit tests do that. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#else
enum { IS_SANITIZED = 0 };
#endif

/* ---- capabilities and limits -------------------------------------------------------------------- */

/* What a role may use up at most.  Descriptors: the agent's are its connections, so what keyreeved was given stays.
 * Memory is data and stacks, far above what is needed, so that a leak ends the role and not the node. */
static const struct limits {
	rlim_t descriptors; /* 0: as inherited */
	rlim_t memory_mib;
	bool makes_threads; /* once inside; else it cannot make any task */
} limits[SANDBOX_ROLE_COUNT] = {
	[SANDBOX_AGENT] = { 0, 8192, true },
	[SANDBOX_IDP] = { 256, 2048, true },
	[SANDBOX_SOFT] = { 256, 4096, true },
	[SANDBOX_TPM] = { 64, 512, false },
	[SANDBOX_P11] = { 512, 4096, true }, /* a module may have threads of its own */
	[SANDBOX_CONFIG] = { 32, 512, false },
	[SANDBOX_FETCH] = { 512, 1024, true },	 /* a thread for each name that is looked up */
	[SANDBOX_KEYREEVED] = { 0, 8192, true }, /* every role inherits it: not below theirs */
};

/* Both limits down to `most`; never up. */
static struct status lower(__rlimit_resource_t resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return FAIL_RC(SANDBOX, errno);
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	now.rlim_cur = now.rlim_cur < now.rlim_max ? now.rlim_cur : now.rlim_max;
	return setrlimit(resource, &now) == 0 ? OK : FAIL_RC(SANDBOX, errno);
}

static struct status lower_limits(enum sandbox_role role)
{
	const struct limits *l = &limits[role];

	TRY(lower(RLIMIT_CORE, 0));
	if (l->descriptors != 0)
		TRY(lower(RLIMIT_NOFILE, l->descriptors));
	if (IS_SANITIZED) /* its shadow memory is terabytes, its threads are its own */
		return OK;
	ENSURE(prctl(PR_SET_DUMPABLE, 0) == 0, SANDBOX);
	TRY(lower(RLIMIT_DATA, l->memory_mib << 20));
	return l->makes_threads ? OK : lower(RLIMIT_NPROC, 0);
}

static struct status drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0)
		return FAIL_RC(SANDBOX, errno);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* kernels before 4.3 have none to clear */
	return OK;
}

/* ---- seccomp: one table --------------------------------------------------------------------------- */

/* Columns: agent, idp, soft, tpm, fetch, config: what is allowed; p11, keyreeved: what is denied; S: sanitizer builds,
 * all roles. */
enum {
	A = 1 << SANDBOX_AGENT,
	I = 1 << SANDBOX_IDP,
	F = 1 << SANDBOX_SOFT,
	T = 1 << SANDBOX_TPM,
	C = 1 << SANDBOX_CONFIG,
	N = 1 << SANDBOX_FETCH,
	P = 1 << SANDBOX_P11,
	K = 1 << SANDBOX_KEYREEVED,
	S = 1 << SANDBOX_ROLE_COUNT,
	ALL = A | I | F | T | C | N,
};

struct allow_row {
	int number;
	unsigned roles;
};

/* clang-format off */
static const struct allow_row allowed[] = {
	/* descriptors that are there; ppoll, epoll_pwait and others below are what some machines have instead */
	{ SCMP_SYS(read), ALL }, { SCMP_SYS(write), ALL }, { SCMP_SYS(writev), ALL }, { SCMP_SYS(pread64), A | F },
	{ SCMP_SYS(pwrite64), A | F }, { SCMP_SYS(close), ALL }, { SCMP_SYS(fstat), ALL }, { SCMP_SYS(newfstatat), ALL },
	{ SCMP_SYS(poll), ALL }, { SCMP_SYS(ppoll), ALL }, { SCMP_SYS(memfd_create), ALL },
	{ SCMP_SYS(recvmsg), ALL }, { SCMP_SYS(sendmsg), ALL }, { SCMP_SYS(recvfrom), A | N }, { SCMP_SYS(sendto), A | N },
	{ SCMP_SYS(shutdown), A | I | N }, { SCMP_SYS(getsockopt), A | I | N }, { SCMP_SYS(accept4), A },
	{ SCMP_SYS(epoll_wait), A | I }, { SCMP_SYS(epoll_pwait), A | I }, { SCMP_SYS(epoll_ctl), A | I },
	{ SCMP_SYS(epoll_create1), A | I }, { SCMP_SYS(eventfd2), A | I },
	/* memory: never executable, see below */
	{ SCMP_SYS(munmap), ALL }, { SCMP_SYS(mremap), ALL }, { SCMP_SYS(madvise), ALL }, { SCMP_SYS(brk), ALL },
	{ SCMP_SYS(mlock), ALL },
	/* threads: clone below; without any, a library's locks and signal masks are left */
	{ SCMP_SYS(set_robust_list), A | I | F | N | S }, { SCMP_SYS(rseq), A | I | F | N | S }, { SCMP_SYS(exit), A | I | F | N | S },
	{ SCMP_SYS(sched_yield), A | I | F | N | S }, { SCMP_SYS(sched_getaffinity), A | I | F | N | S },
	{ SCMP_SYS(sched_getparam), I | S }, { SCMP_SYS(sched_getscheduler), I | S },
	{ SCMP_SYS(gettid), I | S }, { SCMP_SYS(getpid), ALL }, { SCMP_SYS(futex), ALL },
	{ SCMP_SYS(rt_sigprocmask), ALL }, { SCMP_SYS(rt_sigaction), ALL }, { SCMP_SYS(rt_sigreturn), ALL },
	{ SCMP_SYS(restart_syscall), ALL }, { SCMP_SYS(exit_group), ALL },
	/* time, chance, facts */
	{ SCMP_SYS(clock_gettime), ALL }, { SCMP_SYS(gettimeofday), ALL }, { SCMP_SYS(clock_nanosleep), ALL },
	{ SCMP_SYS(getrandom), ALL }, { SCMP_SYS(uname), A | I | F | T | N | S },
	{ SCMP_SYS(sysinfo), ALL }, /* qsort() asks how much memory there is */
	/* files: Landlock and modes say which */
	{ SCMP_SYS(fsync), A | F }, /* soft: its wrapping key's file, which is open */
	{ SCMP_SYS(openat), A }, { SCMP_SYS(fdatasync), A }, { SCMP_SYS(ftruncate), A }, { SCMP_SYS(fallocate), A },
	{ SCMP_SYS(unlink), A }, { SCMP_SYS(unlinkat), A }, { SCMP_SYS(mkdir), A }, { SCMP_SYS(getdents64), A },
	{ SCMP_SYS(access), A }, { SCMP_SYS(faccessat), A }, { SCMP_SYS(readlink), A }, { SCMP_SYS(readlinkat), A },
	{ SCMP_SYS(lseek), A | N | S }, /* the C library reads the time zone, where Landlock does not keep it out */
	{ SCMP_SYS(lstat), A }, { SCMP_SYS(stat), A | N }, { SCMP_SYS(fchmod), A }, { SCMP_SYS(geteuid), A | F },
	/* the Workload API, the network: which kind of socket, see below; a pair is within the process */
	{ SCMP_SYS(connect), I | N }, { SCMP_SYS(setsockopt), I | N }, { SCMP_SYS(getsockname), I | N },
	{ SCMP_SYS(getpeername), I | N }, { SCMP_SYS(sendmmsg), N }, { SCMP_SYS(socketpair), N },
	/* sanitizers look at their own process and report */
	{ SCMP_SYS(openat), S }, { SCMP_SYS(readlink), S }, { SCMP_SYS(readlinkat), S }, { SCMP_SYS(getdents64), S },
	{ SCMP_SYS(ptrace), S }, { SCMP_SYS(wait4), S }, { SCMP_SYS(clone), S }, { SCMP_SYS(prctl), S },
	{ SCMP_SYS(sigaltstack), S }, { SCMP_SYS(tgkill), S }, { SCMP_SYS(kill), S }, { SCMP_SYS(ioctl), S },
	{ SCMP_SYS(mmap), S }, { SCMP_SYS(mprotect), S }, { SCMP_SYS(arch_prctl), S }, { SCMP_SYS(getppid), S },
	{ SCMP_SYS(prlimit64), S }, { SCMP_SYS(stat), S }, { SCMP_SYS(lstat), S }, { SCMP_SYS(access), S },
	{ SCMP_SYS(process_vm_readv), S },
};

/* Conditions on argument n of a call.  EQUALS_32 leaves out the bits that the kernel does not read, so that setting
 * them does not get around a denial. */
#define EQUALS(n, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 })
#define DIFFERS(n, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_NE, (scmp_datum_t)(value), 0 })
#define EXCEEDS(n, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_GT, (scmp_datum_t)(value), 0 })
#define MASKED(n, mask, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value) })
#define EQUALS_32(n, value) MASKED(n, 0xffffffffu, value)

/* What libraries try and do without: an errno instead of an end. */
static const struct { int number; unsigned roles; int error; } refused[] = {
	{ SCMP_SYS(openat), I | F | T | C, EACCES }, { SCMP_SYS(open), ALL, EACCES }, { SCMP_SYS(access), I | F | T | C | N, EACCES },
	{ SCMP_SYS(readlink), I | F | T | C | N, EACCES }, { SCMP_SYS(stat), I | F | T | C, EACCES },
	{ SCMP_SYS(fchown), A, EPERM }, { SCMP_SYS(ioctl), ALL & ~A, ENOTTY }, { SCMP_SYS(sched_setscheduler), ALL, EPERM },
	{ SCMP_SYS(socketpair), I, EACCES }, { SCMP_SYS(prctl), I | N, EPERM },
	{ SCMP_SYS(statx), ALL, ENOSYS },
	{ SCMP_SYS(getcpu), ALL, ENOSYS },
};

/* Not those that make the kernel send signals to somebody (F_SETOWN, F_SETSIG). */
static const int fcntl_commands[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK,
	F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_ADD_SEALS, F_GET_SEALS };

/* p11: what no PKCS#11 module has business with.  keyreeved: the same but for what it and the roles do before they
 * enter their own sandbox, since every role inherits its filter. */
static const struct {
	int number;
	unsigned roles;
} denied[] = {
	{ SCMP_SYS(execve), P | K }, { SCMP_SYS(execveat), P }, { SCMP_SYS(fork), P | K }, { SCMP_SYS(vfork), P | K },
	{ SCMP_SYS(ptrace), P | K }, { SCMP_SYS(process_vm_readv), P | K }, { SCMP_SYS(process_vm_writev), P | K },
	{ SCMP_SYS(pidfd_getfd), P | K }, { SCMP_SYS(pidfd_open), P | K }, { SCMP_SYS(pidfd_send_signal), P | K },
	{ SCMP_SYS(kcmp), P | K }, { SCMP_SYS(io_uring_setup), P | K }, { SCMP_SYS(io_uring_enter), P | K },
	{ SCMP_SYS(io_uring_register), P | K }, { SCMP_SYS(bpf), P | K }, { SCMP_SYS(perf_event_open), P | K },
	{ SCMP_SYS(userfaultfd), P | K }, { SCMP_SYS(keyctl), P | K }, { SCMP_SYS(add_key), P | K },
	{ SCMP_SYS(request_key), P | K }, { SCMP_SYS(mount), P | K }, { SCMP_SYS(umount2), P | K },
	{ SCMP_SYS(move_mount), P | K }, { SCMP_SYS(open_tree), P | K }, { SCMP_SYS(fsopen), P | K },
	{ SCMP_SYS(fsmount), P | K }, { SCMP_SYS(fsconfig), P | K }, { SCMP_SYS(fspick), P | K },
	{ SCMP_SYS(mount_setattr), P | K }, { SCMP_SYS(pivot_root), P | K }, { SCMP_SYS(chroot), P | K },
	{ SCMP_SYS(unshare), P | K }, { SCMP_SYS(setns), P | K }, { SCMP_SYS(init_module), P | K },
	{ SCMP_SYS(finit_module), P | K }, { SCMP_SYS(delete_module), P | K }, { SCMP_SYS(kexec_load), P | K },
	{ SCMP_SYS(kexec_file_load), P | K }, { SCMP_SYS(reboot), P | K }, { SCMP_SYS(swapon), P | K },
	{ SCMP_SYS(swapoff), P | K }, { SCMP_SYS(acct), P | K }, { SCMP_SYS(settimeofday), P | K },
	{ SCMP_SYS(clock_settime), P | K }, { SCMP_SYS(adjtimex), P | K }, { SCMP_SYS(clock_adjtime), P | K },
	{ SCMP_SYS(personality), P | K }, { SCMP_SYS(quotactl), P | K }, { SCMP_SYS(open_by_handle_at), P | K },
	{ SCMP_SYS(name_to_handle_at), P | K }, { SCMP_SYS(setuid), P | K }, { SCMP_SYS(setgid), P | K },
	{ SCMP_SYS(setresuid), P | K }, { SCMP_SYS(setresgid), P | K }, { SCMP_SYS(setreuid), P | K },
	{ SCMP_SYS(setregid), P | K }, { SCMP_SYS(setgroups), P | K }, { SCMP_SYS(setfsuid), P | K },
	{ SCMP_SYS(setfsgid), P | K }, { SCMP_SYS(capset), P }, { SCMP_SYS(seccomp), P }, { SCMP_SYS(iopl), P | K },
	{ SCMP_SYS(ioperm), P | K }, { SCMP_SYS(modify_ldt), P | K }, { SCMP_SYS(syslog), P | K },
	{ SCMP_SYS(vhangup), P | K }, { SCMP_SYS(lookup_dcookie), P | K }, { SCMP_SYS(move_pages), P | K },
	{ SCMP_SYS(migrate_pages), P | K }, { SCMP_SYS(process_madvise), P | K }, { SCMP_SYS(tkill), P | K },
	{ SCMP_SYS(rt_sigqueueinfo), P | K }, { SCMP_SYS(rt_tgsigqueueinfo), P | K }, { SCMP_SYS(fanotify_init), P | K },
	{ SCMP_SYS(mknod), P | K }, { SCMP_SYS(mknodat), P | K },
};
/* clang-format on */

/* The list of what is tried and refused must not say again what the role is allowed. */
static bool is_allowed(int number, unsigned columns)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i].number == number && (allowed[i].roles & columns) != 0)
			return true;
	return false;
}

/* A TPM that was lost is opened again: the one path that Landlock leaves open. */
static bool opens_device(enum sandbox_role role, const struct sandbox_options *o)
{
	return role == SANDBOX_TPM && o->write[0] != NULL;
}

static int add_table(scmp_filter_ctx ctx, unsigned columns, bool opens)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		if ((allowed[i].roles & columns) != 0)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i].number, 0);
	if (opens && rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && rc == 0; i++)
		if ((refused[i].roles & columns) != 0 && !is_allowed(refused[i].number, columns) &&
			!(opens && refused[i].number == SCMP_SYS(openat)))
			rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)refused[i].error), refused[i].number, 0);
	return rc;
}

/* Threads yes, processes no: clone's flags can be read, clone3's cannot, so that one does not exist here. */
static int add_threads(scmp_filter_ctx ctx, bool are_allowed)
{
	int rc = 0;

	if (are_allowed)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, MASKED(0, CLONE_THREAD, CLONE_THREAD));
	return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* No memory that is executable is ever made. */
static int add_memory(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, MASKED(2, PROT_EXEC, 0));

	return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, MASKED(2, PROT_EXEC, 0));
}

static int add_fcntl(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(fcntl_commands) / sizeof(fcntl_commands[0]) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, EQUALS(1, fcntl_commands[i]));
	return rc;
}

/* The agent may ask the kernel about the process behind a pidfd; any other ioctl is none. */
static int add_pidfd_info(scmp_filter_ctx ctx, enum sandbox_role role)
{
	int rc = 0;

	if (role != SANDBOX_AGENT || IS_SANITIZED)
		return 0;
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, EQUALS(1, PIDFD_GET_INFO));
	return rc != 0 ? rc
		       : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, DIFFERS(1, PIDFD_GET_INFO));
}

/* Its own limits a library may read, nobody else's. */
static int add_limits(scmp_filter_ctx ctx, enum sandbox_role role)
{
	if (role != SANDBOX_IDP || IS_SANITIZED)
		return 0;
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, EQUALS(0, 0));
}

/* Both kinds of the internet; what the C library tries beside them, local and netlink, answers an errno. */
static int add_internet(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, EXCEEDS(0, AF_INET6));

	for (int family = 0; family <= AF_INET6 && rc == 0; family++)
		rc = seccomp_rule_add(ctx,
			family == AF_INET || family == AF_INET6 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES),
			SCMP_SYS(socket), 1, EQUALS(0, family));
	return rc;
}

/* Which kinds a role may make; those that it tries without being allowed answer an errno. */
static int add_sockets(scmp_filter_ctx ctx, enum sandbox_role role, const struct sandbox_options *o)
{
	const bool local = role == SANDBOX_IDP || (role == SANDBOX_TPM && o->needs_unix_sockets);
	int rc = 0;

	if (role == SANDBOX_FETCH)
		return add_internet(ctx);
	if (!local)
		return role != SANDBOX_TPM ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, EQUALS(0, AF_UNIX));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, EXCEEDS(0, AF_UNIX));
	if (rc == 0 && role == SANDBOX_TPM)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	return rc;
}

/* fetch reads what the C library knows of names, and the Web's authorities; it changes nothing. */
static int add_reading(scmp_filter_ctx ctx, enum sandbox_role role)
{
	if (role != SANDBOX_FETCH || IS_SANITIZED)
		return 0;
	return seccomp_rule_add(
		ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, MASKED(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
}

static int build_allow_list(scmp_filter_ctx ctx, enum sandbox_role role, const struct sandbox_options *o)
{
	unsigned columns = 1u << role | (IS_SANITIZED ? (unsigned)S : 0u);
	int rc = add_table(ctx, columns, opens_device(role, o));

	if (rc == 0)
		rc = add_threads(ctx, limits[role].makes_threads || IS_SANITIZED);
	if (rc == 0)
		rc = add_memory(ctx);
	if (rc == 0)
		rc = add_fcntl(ctx);
	if (rc == 0)
		rc = add_pidfd_info(ctx, role);
	if (rc == 0)
		rc = add_reading(ctx, role);
	if (rc == 0)
		rc = add_limits(ctx, role);
	return rc != 0 ? rc : add_sockets(ctx, role, o);
}

/* Nobody else's process: neither ended, nor followed, nor starved; nor is our own opened to others.  keyreeved makes
 * and ends processes, but none in name spaces of its own. */
static int deny_others(scmp_filter_ctx ctx, unsigned column)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct {
		int number;
		unsigned roles, count;
		struct scmp_arg_cmp arguments[2];
	} rows[] = {
		{ SCMP_SYS(clone), P, 1, { MASKED(0, CLONE_THREAD, 0) } },
		{ SCMP_SYS(clone), K, 1, { MASKED(0, CLONE_NEWUSER, CLONE_NEWUSER) } },
		{ SCMP_SYS(clone), K, 1, { MASKED(0, CLONE_NEWNS, CLONE_NEWNS) } },
		{ SCMP_SYS(clone), K, 1, { MASKED(0, CLONE_NEWPID, CLONE_NEWPID) } },
		{ SCMP_SYS(clone), K, 1, { MASKED(0, CLONE_NEWNET, CLONE_NEWNET) } },
		{ SCMP_SYS(kill), P, 1, { DIFFERS(0, self) } },
		{ SCMP_SYS(tgkill), P, 1, { DIFFERS(0, self) } },
		{ SCMP_SYS(prlimit64), P | K, 1, { DIFFERS(0, 0) } },
		{ SCMP_SYS(prctl), P, 1, { EQUALS_32(0, PR_SET_DUMPABLE) } },
		{ SCMP_SYS(prctl), K, 2, { EQUALS_32(0, PR_SET_DUMPABLE), DIFFERS(1, 0) } },
		{ SCMP_SYS(prctl), P | K, 1, { EQUALS_32(0, PR_SET_PTRACER) } },
		{ SCMP_SYS(prctl), P | K, 1, { EQUALS_32(0, PR_SET_SECCOMP) } },
		{ SCMP_SYS(fcntl), P | K, 1, { EQUALS_32(1, F_SETOWN) } },
		{ SCMP_SYS(fcntl), P | K, 1, { EQUALS_32(1, F_SETOWN_EX) } },
		{ SCMP_SYS(fcntl), P | K, 1, { EQUALS_32(1, F_SETSIG) } },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == 0; i++)
		if ((rows[i].roles & column) != 0)
			rc = seccomp_rule_add_array(
				ctx, SCMP_ACT_ERRNO(EPERM), rows[i].number, rows[i].count, rows[i].arguments);
	return rc;
}

/* Local sockets and the internet only where the configuration says so; netlink, packets, vsock and the rest never.
 * What is above AF_INET6 includes whatever has a bit above the 32 that the kernel reads. */
static int deny_sockets(scmp_filter_ctx ctx, enum sandbox_role role, const struct sandbox_options *o)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, EXCEEDS(0, AF_INET6));

	for (int family = AF_UNIX; family <= AF_INET6 && rc == 0; family++) {
		if (family == AF_UNIX && (o->needs_unix_sockets || role == SANDBOX_KEYREEVED))
			continue;
		if ((family == AF_INET || family == AF_INET6) && o->needs_network)
			continue;
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, EQUALS(0, family));
	}
	return rc;
}

static int build_deny_list(scmp_filter_ctx ctx, enum sandbox_role role, const struct sandbox_options *o)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]) && rc == 0; i++)
		if ((denied[i].roles & 1u << role) != 0)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), denied[i].number, 0);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = deny_others(ctx, 1u << role);
	return rc != 0 ? rc : deny_sockets(ctx, role, o);
}

static struct status filter_enter(enum sandbox_role role, const struct sandbox_options *o)
{
	const bool is_deny_list = role == SANDBOX_P11 || role == SANDBOX_KEYREEVED;
	scmp_filter_ctx ctx = seccomp_init(is_deny_list ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
	int rc;

	ENSURE(ctx != NULL, SANDBOX);
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: rows cost little */
	if (rc == 0)
		rc = is_deny_list ? build_deny_list(ctx, role, o) : build_allow_list(ctx, role, o);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? OK : FAIL_RC(SANDBOX, rc);
}

/* Filters that are in force already; 0 where /proc does not say. */
static unsigned filters_now(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	static const char field[] = "Seccomp_filters:";
	char line[256];
	unsigned count = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, field, sizeof(field) - 1) == 0)
			count = (unsigned)strtoul(line + sizeof(field) - 1, NULL, 10);
	(void)fclose(file); /* was only read */
	return count;
}

struct status sandbox_enter(
	enum sandbox_role role, const struct sandbox_options *options, struct sandbox_report *ret_report)
{
	/* A sanitizer needs files that Landlock would close. */
	const int abi = IS_SANITIZED ? 0 : landlock_abi();
	struct sandbox_report report = { .landlock_abi = abi };

	ENSURE(role > SANDBOX_NONE && role < SANDBOX_ROLE_COUNT, SANDBOX);
	ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, SANDBOX);
	report.filter_count = filters_now() + 1;
	TRY(lower_limits(role));
	TRY(drop_capabilities());
	if (abi > 0)
		TRY(landlock_enter(role, options, abi));
	TRY(filter_enter(role, options));
	if (ret_report != NULL)
		*ret_report = report;
	return OK;
}
