/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"

/* What a library says of itself, by a function without arguments; by name, so that nothing is linked for it. */
static const struct {
	const char *soname; /* how it begins */
	const char *product, *function;
} libraries[] = {
	{ "libc.so", "glibc", "gnu_get_libc_version" },
	{ "libm.so", "glibc", "gnu_get_libc_version" },
	{ "ld-linux", "glibc", "gnu_get_libc_version" },
	{ "libgrpc_unsecure.so", "gRPC core", "grpc_version_string" },
	{ "libgpr.so", "gRPC core", "grpc_version_string" },
	{ "libprotobuf-c.so", "protobuf-c", "protobuf_c_version" },
	{ "libjansson.so", "Jansson", "jansson_version_str" },
	{ "libsqlite3.so", "SQLite", "sqlite3_libversion" },
	{ "libyaml-", "libyaml", "yaml_get_version_string" },
};

/* seccomp_version()'s; its header belongs to the sandbox. */
struct seccomp_numbers {
	unsigned major, minor, micro;
};

/* ---- what the loader knows ------------------------------------------------------------------------------ */

struct self {
	const ElfW(Dyn) * dynamic; /* borrowed from the loader */
	const char *strings;
};

/* The first object is the program. */
static int self_find(struct dl_phdr_info *info, size_t size, void *context)
{
	struct self *self = context;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			self->dynamic = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (const ElfW(Dyn) *entry = self->dynamic; entry != NULL && entry->d_tag != DT_NULL; entry++) {
		uintptr_t at = entry->d_un.d_ptr;

		if (entry->d_tag == DT_STRTAB) /* an address already, or still an offset: as the architecture has it */
			self->strings = (const char *)(at < info->dlpi_addr ? at + info->dlpi_addr : at);
	}
	return 1;
}

struct file {
	const char *soname;
	char path[PATH_MAX]; /* without links; empty: not found */
};

static int file_find(struct dl_phdr_info *info, size_t size, void *context)
{
	struct file *file = context;
	const char *slash = strrchr(info->dlpi_name, '/');

	(void)size;
	if (slash == NULL || strcmp(slash + 1, file->soname) != 0)
		return 0;
	if (realpath(info->dlpi_name, file->path) == NULL)
		file->path[0] = '\0';
	return 1;
}

/* ---- one library ---------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* dlsym() gives an object's pointer; POSIX has it that a function's has the same form.  NULL: not linked. */
static void function_find(const char *name, void *ret_function)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	memcpy(ret_function, &found, sizeof(found));
}

static bool said_put(struct buf *to, const char *soname)
{
	const struct seccomp_numbers *(*seccomp)(void);
	const char *(*openssl)(int);

	function_find("OpenSSL_version", &openssl);
	if (begins(soname, "libcrypto.so") && openssl != NULL) {
		buf_put_text(to, openssl(0));
		return true;
	}
	function_find("seccomp_version", &seccomp);
	if (begins(soname, "libseccomp.so") && seccomp != NULL) {
		buf_printf(to, "libseccomp %u.%u.%u", seccomp()->major, seccomp()->minor, seccomp()->micro);
		return true;
	}
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		const char *(*version)(void);

		if (!begins(soname, libraries[i].soname))
			continue;
		function_find(libraries[i].function, &version);
		if (version != NULL)
			buf_printf(to, "%s %s", libraries[i].product, version());
		return version != NULL;
	}
	return false;
}

/* tpm2-tss, libp11 and others do not tell: "libp11.so.3" is a link to "libp11.so.3.5.0". */
static void file_put(struct buf *to, const char *soname)
{
	struct file file = { .soname = soname };
	const char *number;

	(void)dl_iterate_phdr(file_find, &file);
	number = strstr(file.path, ".so.");
	buf_printf(to, "file %s", number != NULL ? number + strlen(".so.") : "without a version");
}

void program_version_put(struct buf *to, const char *program)
{
	struct self self = { 0 };

	buf_printf(to, "%s %s (build %s)\n", program, KEYREEVE_VERSION, KEYREEVE_BUILD);
	(void)dl_iterate_phdr(self_find, &self);
	if (self.strings == NULL)
		return;
	for (const ElfW(Dyn) *entry = self.dynamic; entry->d_tag != DT_NULL; entry++) {
		const char *soname = self.strings + entry->d_un.d_val;

		if (entry->d_tag != DT_NEEDED)
			continue;
		buf_printf(to, "%-22s ", soname);
		if (!said_put(to, soname))
			file_put(to, soname);
		buf_put_text(to, "\n");
	}
}
