/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeved gives a role before GO, hostile: well-framed messages (the frames are ipc.c's), from the first to the
 * last as a role reads them, and then each section of the configuration through its decoder.
 *
 *   byte 0   1: the first message is among the rest, not the build id
 *   then messages: type, 1: a descriptor, length of part 0, length of part 1 (two bytes, high first), the parts */
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/role.h"
#include "crypto/worker_config.h"
#include "spiffe/endpoint.h"

enum { HEAD = 5, NO_HELLO = 1, WITH_FD = 1, CONFIG_MAX = 16 * 1024, SECTION_MAX = 2048, PLANTED_PATH = 24 };

/* The lowest number that is free: a descriptor that was lost moves it. */
static int free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	FUZZ_CHECK(fd >= 0 && close(fd) == 0);
	return fd;
}

/* ---- mutations ---------------------------------------------------------------------------------- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* The section of one message, its place chosen by `seed`: at its length of two bytes. */
static bool section_find(struct bytes input, unsigned seed, size_t *ret_at)
{
	const size_t skip = seed / 4 % 4;
	bool found = false;
	size_t count = 0;

	for (size_t at = 1; at + HEAD <= input.len && count <= skip;) {
		const size_t first = input.data[at + 2], section = at + HEAD + first,
			     len = (size_t)input.data[at + 3] << 8 | input.data[at + 4];

		if (len > 0 && section + len <= input.len) {
			*ret_at = at;
			found = true;
			count++;
		}
		at = section + len;
	}
	return found;
}

/* Every other time a section changes and the lengths around it with it; else anything does. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint8_t section[SECTION_MAX];
	size_t at = 0, from, len, changed, inner = 0;
	uint32_t text;

	if (seed % 2 != 0 || !section_find(bytes_of(data, size), seed, &at))
		return LLVMFuzzerMutate(data, size, max_size);
	from = at + HEAD + data[at + 2];
	len = (size_t)data[at + 3] << 8 | data[at + 4];
	if (len > sizeof(section) || size - len + sizeof(section) > max_size)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(section, data + from, len);
	text = (uint32_t)(len - sizeof(text));
	if (len > sizeof(text) && memcmp(section, &text, sizeof(text)) == 0)
		inner = sizeof(text); /* idp's: one sized value, which stays one */
	changed = inner + LLVMFuzzerMutate(section + inner, len - inner, sizeof(section) - inner);
	text = (uint32_t)(changed - sizeof(text));
	if (inner > 0)
		memcpy(section, &text, sizeof(text));
	memmove(data + from + changed, data + from + len, size - from - len);
	memcpy(data + from, section, changed);
	data[at + 3] = (uint8_t)(changed >> 8);
	data[at + 4] = (uint8_t)changed;
	return size - len + changed;
}

/* ---- the sections ------------------------------------------------------------------------------- */

static void check_worker(struct bytes section)
{
	struct buf once = buf_make(CONFIG_MAX), twice = buf_make(CONFIG_MAX);
	struct worker_config config, again;

	if (worker_config_get(section, &config).code == STATUS_OK) {
		FUZZ_CHECK(config.name[0] != '\0' && memchr(config.name, '\0', sizeof(config.name)) != NULL);
		FUZZ_CHECK(memchr(config.tcti, '\0', sizeof(config.tcti)) != NULL);
		FUZZ_CHECK(memchr(config.module, '\0', sizeof(config.module)) != NULL);
		FUZZ_CHECK(memchr(config.token, '\0', sizeof(config.token)) != NULL);
		FUZZ_CHECK(memchr(config.serial, '\0', sizeof(config.serial)) != NULL);
		FUZZ_CHECK(memchr(config.wrap, '\0', sizeof(config.wrap)) != NULL);
		FUZZ_CHECK(config.type > WORKER_CONFIG_NONE && config.type < WORKER_CONFIG_TYPE_COUNT);
		FUZZ_CHECK(config.verify_after_sign < WORKER_VERIFY_COUNT);
		FUZZ_CHECK(worker_config_put(&once, &config).code == STATUS_OK);
		FUZZ_CHECK(worker_config_get(buf_bytes(&once), &again).code == STATUS_OK);
		FUZZ_CHECK(worker_config_put(&twice, &again).code == STATUS_OK);
		FUZZ_CHECK(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	}
	buf_done(&once);
	buf_done(&twice);
}

static void check_idp(struct bytes section)
{
	struct endpoint_section s = { 0 };
	struct endpoint e;
	struct status st = endpoint_section_get(section, &s);

	e = s.endpoint;
	if (st.code != STATUS_OK) {
		FUZZ_CHECK(e.kind == ENDPOINT_NONE);
		return;
	}
	fuzz_plant_count(strlen(e.path), PLANTED_PATH);
	FUZZ_CHECK(e.kind == ENDPOINT_UNIX && e.server_uid != ENDPOINT_ANYBODY);
	FUZZ_CHECK(e.path[0] == '/' && e.path[1] != '\0' && memchr(e.path, '\0', sizeof(e.path)) != NULL);
}

/* ---- the messages ------------------------------------------------------------------------------- */

static void check_start(struct role_start *start)
{
	struct bytes section = fuzz_copy(buf_bytes(&start->config));

	FUZZ_CHECK(start->item_count <= ROLE_ITEMS_MAX);
	for (size_t i = 0; i < start->item_count; i++) {
		char name[ROLE_NAME_BYTES];
		int fd;

		FUZZ_CHECK(memchr(start->items[i].name, '\0', ROLE_NAME_BYTES) != NULL && start->items[i].fd >= 0);
		if (i % 2 != 0)
			continue; /* the rest is role_end()'s to close */
		memcpy(name, start->items[i].name, sizeof(name));
		fd = role_take_fd(start, name);
		FUZZ_CHECK(fd >= 0 && close(fd) == 0);
		if (start->items[i].fd >= 0) /* an item before it has the same name */
			break;
	}
	check_worker(section);
	check_idp(section);
	fuzz_free(section);
}

static void send_messages(struct ipc *to, struct reader *r, bool with_hello)
{
	struct ipc_message hello = ipc_message_of(ROLE_HELLO, 0);

	hello.part[0] = ipc_build_id();
	if (with_hello)
		FUZZ_CHECK(ipc_send(to, &hello).code == STATUS_OK);
	while (r->left.len > 0 && !r->bad) {
		struct ipc_message message = ipc_message_of(reader_u8(r), 0);
		const bool with_fd = (reader_u8(r) & WITH_FD) != 0;
		const size_t first = reader_u8(r), high = reader_u8(r), second = high << 8 | reader_u8(r);

		message.part[0] = reader_bytes(r, first < r->left.len ? first : r->left.len);
		message.part[1] = reader_bytes(r, second < r->left.len ? second : r->left.len);
		message.fd = with_fd ? STDERR_FILENO : -1;
		if (ipc_send(to, &message).code != STATUS_OK)
			break; /* its queue is full: the role reads what there is */
	}
	(void)!ipc_flush(to).code; /* what the socket does not take is cut off */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(bytes_of(data, size));
	const int before = free_fd();
	struct role_start start;
	struct ipc *keyreeved;
	int ends[2];

	if (size == 0)
		return 0;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	FUZZ_CHECK(ipc_new(ends[0], &keyreeved).code == STATUS_OK);
	send_messages(keyreeved, &r, (reader_u8(&r) & NO_HELLO) == 0);
	FUZZ_CHECK(shutdown(ends[0], SHUT_WR) == 0);
	if (role_receive(ends[1], &start).code == STATUS_OK) {
		check_start(&start);
		role_end(&start);
	}
	ipc_free(keyreeved);
	FUZZ_CHECK(free_fd() == before);
	return 0;
}
