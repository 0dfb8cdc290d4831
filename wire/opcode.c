/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/opcode.h"

#include <stdlib.h>
#include <string.h>

struct opcode_row {
	uint32_t number;
	const char *name;
	bool is_core;
};

#define OPCODE_ROW(number, name, text, core) { number, text, core },
static const struct opcode_row opcodes[] = { OPCODE_ROWS(OPCODE_ROW) };
static const struct opcode_row private_opcodes[] = { OPCODE_PRIVATE_ROWS(OPCODE_ROW) };
#undef OPCODE_ROW

static const struct opcode_row *row_find(const struct opcode_row *rows, size_t count, uint32_t opcode)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == opcode)
			return &rows[i];
	return NULL;
}

static const struct opcode_row *private_find(uint32_t opcode)
{
	return row_find(private_opcodes, sizeof(private_opcodes) / sizeof(private_opcodes[0]), opcode);
}

static const struct opcode_row *known_find(uint32_t opcode)
{
	return row_find(opcodes, sizeof(opcodes) / sizeof(opcodes[0]), opcode);
}

static const struct opcode_row *opcode_find(uint32_t opcode)
{
	const struct opcode_row *row = known_find(opcode);

	return row != NULL ? row : private_find(opcode);
}

bool opcode_is_known(uint32_t opcode)
{
	return known_find(opcode) != NULL;
}

bool opcode_is_private(uint32_t opcode)
{
	return private_find(opcode) != NULL;
}

bool opcode_is_core(uint32_t opcode)
{
	const struct opcode_row *row = opcode_find(opcode);

	return row != NULL && row->is_core;
}

const char *opcode_name(uint32_t opcode)
{
	const struct opcode_row *row = opcode_find(opcode);

	return row != NULL ? row->name : NULL;
}

/* clang-format off */
static const struct provider_row providers[PROVIDER_ID_COUNT] = {
	[PROVIDER_ID_CORE]            = { "47049873-2a43-4845-9d72-831eab668784", "Lists and administration", "", "core",
		{ KEYREEVE_VERSION_MAJOR, KEYREEVE_VERSION_MINOR, KEYREEVE_VERSION_PATCH } },
	[PROVIDER_ID_SOFTWARE]        = { "1c1139dc-ad7c-47dc-ad6b-db6fdb466552", "Keys in software, sealed at rest", "Arm", "software", { 0, 1, 0 } },
	[PROVIDER_ID_PKCS11]          = { "30e39502-eba6-4d60-a4af-c518b7f5e38f", "Keys in a PKCS #11 token", "OASIS Standard.", "pkcs11", { 0, 1, 0 } },
	[PROVIDER_ID_TPM]             = { "1e4954a4-ff21-46d3-ab0c-661eeb667e1d", "Keys of a TPM 2.0", "Trusted Computing Group (TCG)", "tpm", { 0, 1, 0 } },
	[PROVIDER_ID_TRUSTED_SERVICE] = { "71129441-508a-4da6-b6e8-7b98a777e4c0", "Keys in a trusted service", "Arm", "trusted-service", { 0, 1, 0 } },
	[PROVIDER_ID_CAL]             = { "b8ba81e2-e9f7-4bdd-b096-a29d0019960c", "Keys in a secure element", "Arm", "cryptoauthlib", { 0, 1, 0 } },
};

static const struct auth_row auths[AUTH_TYPE_COUNT] = {
	[AUTH_TYPE_NONE]      = { "No identity", "none", { 0, 1, 0 } },
	[AUTH_TYPE_DIRECT]    = { "Takes the name that the client states, among clients that trust each other", "direct", { 0, 1, 0 } },
	[AUTH_TYPE_JWT]       = { "Verifies a token of a configured issuer", "issuer", { 0, 1, 0 } },
	[AUTH_TYPE_UNIX_PEER] = { "Compares the stated uid with the kernel's credentials of the peer", "unix-peer", { 0, 1, 0 } },
	[AUTH_TYPE_JWT_SVID]  = { "Verifies a SPIFFE JWT-SVID", "jwt-svid", { 0, 1, 0 } },
};
/* clang-format on */

const struct provider_row *provider_row(uint32_t id)
{
	return id < PROVIDER_ID_COUNT ? &providers[id] : NULL;
}

bool provider_from_text(const char *text, uint8_t *ret_id)
{
	for (unsigned id = 0; id < PROVIDER_ID_COUNT; id++) {
		const char number[2] = { (char)('0' + id), '\0' };

		if (strcmp(text, providers[id].name) == 0 || strcmp(text, number) == 0) {
			*ret_id = (uint8_t)id;
			return true;
		}
	}
	return false;
}

const struct auth_row *auth_row(uint32_t type)
{
	return type < AUTH_TYPE_COUNT ? &auths[type] : NULL;
}
