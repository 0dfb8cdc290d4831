/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ops.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

/* clang-format off */
static const struct op ops[] = {
	/* opcode                   name                      core   who         verb                body       lane              makes  listed sync   decode, begin, finish */
	{ OPCODE_PING,                "Ping",                 true,  WHO_ANYONE, VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_empty, begin_nothing, finish_ping },
	{ OPCODE_LIST_PROVIDERS,      "ListProviders",        true,  WHO_ANYONE, VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_empty, begin_nothing, finish_list_providers },
	{ OPCODE_LIST_OPCODES,        "ListOpcodes",          true,  WHO_ANYONE, VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_list_opcodes, begin_list_opcodes, finish_list_opcodes },
	{ OPCODE_LIST_AUTHENTICATORS, "ListAuthenticators",   true,  WHO_ANYONE, VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_empty, begin_nothing, finish_list_authenticators },
	{ OPCODE_LIST_KEYS,           "ListKeys",             true,  WHO_TENANT, VERB_LIST,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_empty, begin_nothing, finish_list_keys },
	{ OPCODE_LIST_CLIENTS,        "ListClients",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  true,  decode_empty, begin_nothing, finish_list_clients },
	{ OPCODE_DELETE_CLIENT,       "DeleteClient",         true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_GENERATE, false, true,  true,  decode_delete_client, begin_delete_client, NULL },
	{ OPCODE_PSA_GENERATE_KEY,    "PsaGenerateKey",       false, WHO_TENANT, VERB_GENERATE,      64 * KIB,  OP_LANE_GENERATE, true,  true,  true,  decode_generate, begin_generate, NULL },
	{ OPCODE_PSA_DESTROY_KEY,     "PsaDestroyKey",        false, WHO_TENANT, VERB_DESTROY,       64 * KIB,  OP_LANE_DEVICE,   false, true,  true,  decode_key, begin_destroy, NULL },
	{ OPCODE_PSA_EXPORT_PUBLIC_KEY, "PsaExportPublicKey", false, WHO_TENANT, VERB_EXPORT_PUBLIC, 64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_key, begin_nothing, finish_export_public },
	{ OPCODE_PSA_SIGN_HASH,       "PsaSignHash",          false, WHO_TENANT, VERB_SIGN,          64 * KIB,  OP_LANE_DEVICE,   false, true,  false, decode_sign_hash, begin_sign, finish_sign },
	{ OPCODE_PSA_VERIFY_HASH,     "PsaVerifyHash",        false, WHO_TENANT, VERB_VERIFY,        64 * KIB,  OP_LANE_COMPUTE,  false, true,  false, decode_verify_hash, begin_verify, NULL },
	{ OPCODE_PSA_SIGN_MESSAGE,    "PsaSignMessage",       false, WHO_TENANT, VERB_SIGN,          1 * MIB,   OP_LANE_DEVICE,   false, true,  false, decode_sign_message, begin_sign, finish_sign },
	{ OPCODE_PSA_VERIFY_MESSAGE,  "PsaVerifyMessage",     false, WHO_TENANT, VERB_VERIFY,        1 * MIB,   OP_LANE_COMPUTE,  false, true,  false, decode_verify_message, begin_verify, NULL },
	{ OPCODE_PSA_GENERATE_RANDOM, "PsaGenerateRandom",    false, WHO_ANYONE, VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, true,  false, decode_random, begin_random, NULL },
	{ OPCODE_ADMIN_STATUS,        "AdminStatus",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_nothing, begin_nothing, finish_admin_status },
	{ OPCODE_ADMIN_KEYS,          "AdminKeys",            true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_keys, begin_nothing, finish_admin_keys },
	{ OPCODE_ADMIN_SUSPEND,       "AdminSuspend",         true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_hold, begin_admin_suspend, NULL },
	{ OPCODE_ADMIN_RESUME,        "AdminResume",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_hold, begin_admin_resume, NULL },
	{ OPCODE_ADMIN_SPACES,        "AdminSpaces",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_spaces, begin_nothing, finish_admin_spaces },
	{ OPCODE_ADMIN_LINK,          "AdminLink",            true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_link, begin_admin_link, NULL },
	{ OPCODE_ADMIN_UNLINK,        "AdminUnlink",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_link, begin_admin_link, NULL },
	{ OPCODE_ADMIN_REVOKE,        "AdminRevoke",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_revoke, begin_admin_revoke, NULL },
	{ OPCODE_ADMIN_UNREVOKE,      "AdminUnrevoke",        true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_revoke, begin_admin_unrevoke, NULL },
	{ OPCODE_ADMIN_REVOCATIONS,   "AdminRevocations",     true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_revocations, begin_nothing, finish_admin_revocations },
	{ OPCODE_ADMIN_CLOCK,         "AdminClock",           true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_nothing, begin_admin_clock, NULL },
	{ OPCODE_ADMIN_STRENGTH,      "AdminStrength",        true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_strength, begin_admin_strength, NULL },
	{ OPCODE_ADMIN_CONFIRM,       "AdminConfirm",         true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_owner, begin_admin_confirm, NULL },
	{ OPCODE_ADMIN_PURGE,         "AdminPurge",           true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_GENERATE, false, false, true,  decode_admin_owner, begin_admin_purge, NULL },
	{ OPCODE_ADMIN_PINS,          "AdminPins",            true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_slice, begin_nothing, finish_admin_pins },
	{ OPCODE_ADMIN_QUOTAS,        "AdminQuotas",          true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_slice, begin_nothing, finish_admin_quotas },
	{ OPCODE_ADMIN_PENALTIES,     "AdminPenalties",       true,  WHO_ADMIN,  VERB_NONE,          64 * KIB,  OP_LANE_NONE,     false, false, true,  decode_admin_slice, begin_nothing, finish_admin_penalties },
};
/* clang-format on */

/* What the protocol knows and we do not serve, and what nobody knows. */
static const struct op unserved = { .name = "unserved" };

const struct op *op_find(uint32_t opcode, bool has_private)
{
	if (opcode_is_private(opcode) && !has_private)
		return &unserved;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].opcode == opcode)
			return &ops[i];
	return &unserved;
}

const struct op *op_rows(size_t *ret_count)
{
	*ret_count = sizeof(ops) / sizeof(ops[0]);
	return ops;
}
