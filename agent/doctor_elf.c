/* SPDX-License-Identifier: Apache-2.0
 *
 * Which libraries a module pulls in, read out of the files as the loader would: ELF's dynamic section, RUNPATH, the
 * loader's cache, its own directories. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/doctor_parts.h"
#include "base/own.h"

enum {
	HEADERS_MAX = 64,		/* program headers of one file; a dozen is usual */
	DYNAMIC_MAX = 4096,		/* entries of its dynamic section; some forty are usual */
	STRINGS_MAX = 16 * 1024 * 1024, /* bytes of its string table; C++ libraries have some */
	LIBRARIES_MAX = 128,		/* of one module; gRPC, the largest we know, has 76 */
	CACHE_MAX = 32 * 1024 * 1024,
};

struct elf {
	ElfW(Phdr) headers[HEADERS_MAX];
	size_t header_count, dynamic_count;
	ElfW(Dyn) * dynamic; /* owned */
	char *strings;	     /* owned; NUL-terminated */
	size_t string_len;
};

static void elf_done(struct elf *elf)
{
	free(elf->dynamic);
	free(elf->strings);
}

/* Exactly len bytes at an offset, with a NUL behind; NULL when they are not there. */
static void *read_at(int fd, uint64_t offset, size_t len)
{
	char *data = malloc(len + 1);

	if (data == NULL || offset > INT64_MAX || pread(fd, data, len, (off_t)offset) != (ssize_t)len) {
		free(data);
		return NULL;
	}
	data[len] = '\0';
	return data;
}

static bool read_headers(int fd, struct elf *elf)
{
	ElfW(Ehdr) head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || head.e_type != ET_DYN ||
		head.e_phentsize != sizeof(ElfW(Phdr)) || head.e_phnum > HEADERS_MAX)
		return false;
	elf->header_count = head.e_phnum;
	return pread(fd, elf->headers, head.e_phnum * sizeof(ElfW(Phdr)), (off_t)head.e_phoff) ==
	       (ssize_t)(head.e_phnum * sizeof(ElfW(Phdr)));
}

static bool read_dynamic(int fd, struct elf *elf)
{
	for (size_t i = 0; i < elf->header_count; i++) {
		const ElfW(Phdr) *header = &elf->headers[i];

		if (header->p_type != PT_DYNAMIC)
			continue;
		if (header->p_filesz > DYNAMIC_MAX * sizeof(ElfW(Dyn)))
			return false;
		elf->dynamic_count = header->p_filesz / sizeof(ElfW(Dyn));
		elf->dynamic = read_at(fd, header->p_offset, header->p_filesz);
		return elf->dynamic != NULL;
	}
	return false;
}

static uint64_t tagged(const struct elf *elf, int64_t tag)
{
	for (size_t i = 0; i < elf->dynamic_count && elf->dynamic[i].d_tag != DT_NULL; i++)
		if (elf->dynamic[i].d_tag == tag)
			return elf->dynamic[i].d_un.d_val;
	return 0;
}

/* Where an address of the loaded file lies in the file. */
static bool offset_of(const struct elf *elf, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < elf->header_count; i++) {
		const ElfW(Phdr) *header = &elf->headers[i];

		if (header->p_type != PT_LOAD || address < header->p_vaddr ||
			address - header->p_vaddr >= header->p_filesz)
			continue;
		*ret_offset = address - header->p_vaddr + header->p_offset;
		return true;
	}
	return false;
}

static bool elf_read(const char *path, struct elf *ret_elf)
{
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t offset;

	if (fd < 0 || !read_headers(fd, ret_elf) || !read_dynamic(fd, ret_elf))
		return false;
	ret_elf->string_len = tagged(ret_elf, DT_STRSZ);
	if (ret_elf->string_len > STRINGS_MAX || !offset_of(ret_elf, tagged(ret_elf, DT_STRTAB), &offset))
		return false;
	ret_elf->strings = read_at(fd, offset, ret_elf->string_len);
	return ret_elf->strings != NULL;
}

static const char *string_at(const struct elf *elf, uint64_t at)
{
	return at < elf->string_len ? elf->strings + at : "";
}

/* ---- where the loader looks ---------------------------------------------------------------------------------------
 */

/* As glibc writes /etc/ld.so.cache; offsets of texts count from the header. */
struct cache_head {
	char magic[20];
	uint32_t count, string_bytes, unused[5];
};
struct cache_entry {
	int32_t flags;
	uint32_t name, path, os_version;
	uint64_t capabilities;
};
_Static_assert(sizeof(struct cache_head) == 48 && sizeof(struct cache_entry) == 24, "the cache's layout");

struct search {
	doctor_library_fn *visit;
	void *context;
	char *cache; /* owned; NULL none */
	size_t cache_len;
	char *seen[LIBRARIES_MAX]; /* owned: real paths, the first read_count looked into */
	size_t seen_count, read_count;
	bool is_full;
};

static void search_done(struct search *search)
{
	free(search->cache);
	for (size_t i = 0; i < search->seen_count; i++)
		free(search->seen[i]);
}

static void read_cache(struct search *search)
{
	static const char magic[20] = { "glibc-ld.so.cache1.1" };
	AUTO(own_close) int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct cache_head) || st.st_size > CACHE_MAX)
		return;
	search->cache = read_at(fd, 0, (size_t)st.st_size);
	search->cache_len = (size_t)st.st_size;
	if (search->cache != NULL && memcmp(search->cache, magic, sizeof(magic)) != 0) {
		free(search->cache);
		search->cache = NULL;
	}
}

/* Kept when it is there and was not before. */
static bool found(struct search *search, const char *path, const char *name)
{
	AUTO(own_free) char *real = realpath(path, NULL);

	if (real == NULL)
		return false;
	search->visit(search->context, path, name);
	for (size_t i = 0; i < search->seen_count; i++)
		if (strcmp(search->seen[i], real) == 0)
			return true;
	if (search->seen_count == LIBRARIES_MAX)
		search->is_full = true;
	else
		search->seen[search->seen_count++] = TAKE(real);
	return true;
}

static bool found_in_cache(struct search *search, const char *name)
{
	struct cache_head head;
	bool is_there = false;

	if (search->cache == NULL)
		return false;
	memcpy(&head, search->cache, sizeof(head));
	if (head.count > (search->cache_len - sizeof(head)) / sizeof(struct cache_entry))
		return false;
	for (uint32_t i = 0; i < head.count; i++) {
		struct cache_entry entry;

		memcpy(&entry, search->cache + sizeof(head) + i * sizeof(entry), sizeof(entry));
		if (entry.name < search->cache_len && entry.path < search->cache_len &&
			strcmp(search->cache + entry.name, name) == 0)
			is_there |= found(search, search->cache + entry.path, name);
	}
	return is_there;
}

/* RPATH and RUNPATH: directories between colons; $ORIGIN is that of the file that has them. */
static bool found_in_path(struct search *search, const char *directories, const char *owner, const char *name)
{
	const char *const slash = strrchr(owner, '/');
	bool is_there = false;

	while (directories[0] != '\0') {
		size_t len = strcspn(directories, ":");
		size_t skip = strncmp(directories, "$ORIGIN", 7) == 0	  ? 7
			      : strncmp(directories, "${ORIGIN}", 9) == 0 ? 9
									  : 0;
		char path[PATH_MAX];
		int wrote = snprintf(path, sizeof(path), "%.*s%.*s/%s", skip > 0 ? (int)(slash - owner) : 0, owner,
			(int)(len - skip), directories + skip, name);

		if (len > 0 && wrote > 0 && (size_t)wrote < sizeof(path))
			is_there |= found(search, path, name);
		directories += len + (directories[len] == ':');
	}
	return is_there;
}

static void look_for(struct search *search, const struct elf *elf, const char *owner, const char *name)
{
	bool is_there;

	if (name[0] == '/') {
		is_there = found(search, name, name);
	} else {
		is_there = found_in_path(search, string_at(elf, tagged(elf, DT_RPATH)), owner, name);
		is_there |= found_in_path(search, string_at(elf, tagged(elf, DT_RUNPATH)), owner, name);
		is_there |= found_in_cache(search, name);
		is_there = is_there || found_in_path(search, "/lib64:/usr/lib64:/lib:/usr/lib", "/", name);
	}
	if (!is_there)
		search->visit(search->context, NULL, name);
}

static bool look_into(struct search *search, const char *path)
{
	AUTO(elf_done) struct elf elf = { .header_count = 0 };

	if (!elf_read(path, &elf))
		return false;
	for (size_t i = 0; i < elf.dynamic_count && elf.dynamic[i].d_tag != DT_NULL; i++)
		if (elf.dynamic[i].d_tag == DT_NEEDED)
			look_for(search, &elf, path, string_at(&elf, elf.dynamic[i].d_un.d_val));
	return true;
}

bool doctor_libraries(const char *module, doctor_library_fn *visit, void *context)
{
	AUTO(search_done) struct search search = { .visit = visit, .context = context };

	read_cache(&search);
	if (!look_into(&search, module))
		return false;
	while (search.read_count < search.seen_count && !search.is_full)
		(void)look_into(
			&search, search.seen[search.read_count++]); /* one of another machine has none to load */
	return !search.is_full;
}
