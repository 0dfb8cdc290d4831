/* SPDX-License-Identifier: Apache-2.0
 *
 * LD_PRELOAD for programs that run under valgrind: libseccomp, Landlock and limits do nothing, since valgrind needs
 * system calls, files and memory that no role may have.  Everything else of the program is what is shipped. */
#include <dlfcn.h>
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- libseccomp: a filter that is never made ------------------------------------------------------------ */

scmp_filter_ctx seccomp_init(uint32_t action)
{
	static int filter;

	(void)action;
	return &filter;
}

void seccomp_release(scmp_filter_ctx filter)
{
	(void)filter;
}

int seccomp_attr_set(scmp_filter_ctx filter, enum scmp_filter_attr attribute, uint32_t value)
{
	(void)filter;
	(void)attribute;
	(void)value;
	return 0;
}

int seccomp_rule_add(scmp_filter_ctx filter, uint32_t action, int number, unsigned int count, ...)
{
	(void)filter;
	(void)action;
	(void)number;
	(void)count;
	return 0;
}

int seccomp_rule_add_array(
	scmp_filter_ctx filter, uint32_t action, int number, unsigned int count, const struct scmp_arg_cmp *arguments)
{
	(void)arguments;
	return seccomp_rule_add(filter, action, number, count);
}

int seccomp_load(const scmp_filter_ctx filter)
{
	(void)filter;
	return 0;
}

/* ---- the kernel's ----------------------------------------------------------------------------------------- */

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limits)
{
	(void)resource;
	(void)limits;
	return 0;
}

/* A kernel without Landlock. */
long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long argument[6];
	va_list args;

	if (number >= SYS_landlock_create_ruleset && number <= SYS_landlock_restrict_self) {
		errno = ENOSYS;
		return -1;
	}
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(args, long);
	va_end(args);
	return real(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}
