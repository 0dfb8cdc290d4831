/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/rc.h"

#include "tests/support/unit.h"

/* Layers: 0 the TPM, 11 a resource manager's own, 12 the TPM through one. */
enum {
	LAYER_ESYS = 7 << 16,
	LAYER_SYS = 8 << 16,
	LAYER_MU = 9 << 16,
	LAYER_TCTI = 10 << 16,
	LAYER_RM = 11 << 16,
	LAYER_RM_TPM = 12 << 16
};

/* clang-format off */
static const struct row {
	uint32_t rc;
	enum status_code status;
	enum rc_reaction reaction;
	bool alarm;
} rows[] = {
	/* not started, or already started */
	{ 0x100, STATUS_DEVICE_GONE,        RC_REOPEN, false },
	/* no object slot, no session slot, no session handle */
	{ 0x902, STATUS_DEVICE_MEMORY,      RC_ROOM,   false },
	{ 0x903, STATUS_DEVICE_MEMORY,      RC_REOPEN, false },
	{ 0x904, STATUS_DEVICE_MEMORY,      RC_ROOM,   false },
	{ 0x905, STATUS_DEVICE_MEMORY,      RC_REOPEN, false },
	{ 0x901, STATUS_DEVICE_MEMORY,      RC_REOPEN, false },
	/* not loaded: a handle, a session */
	{ 0x910, STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false },
	{ 0x911, STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false },
	{ 0x918, STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false },
	{ 0x18b, STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false },
	/* integrity, whichever parameter it is found in */
	{ 0x1df, STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false },
	{ 0x2df, STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false },
	{ 0x09f, STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false },
	{ 0x155, STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false },
	{ 0x2e5, STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false },
	/* authorizations: without and with dictionary attack protection */
	{ 0x9a2, STATUS_DEVICE_AUTH,        RC_REFUSE, false },
	{ 0x98e, STATUS_DEVICE_AUTH,        RC_REFUSE, true },
	{ 0x921, STATUS_DEVICE_AUTH,        RC_REFUSE, true },
	{ 0x98f, STATUS_DEVICE_FAILED,      RC_REOPEN, false },
	/* room for persistent things */
	{ 0x14b, STATUS_DEVICE_FULL,        RC_REFUSE, false },
	/* busy */
	{ 0x922, STATUS_DEVICE_FAILED,      RC_WAIT,   false },
	{ 0x923, STATUS_DEVICE_FAILED,      RC_WAIT,   false },
	{ 0x908, STATUS_DEVICE_FAILED,      RC_WAIT,   false },
	{ 0x90a, STATUS_DEVICE_FAILED,      RC_WAIT,   false },
	{ 0x920, STATUS_DEVICE_FAILED,      RC_WAIT,   false },
	/* COMMAND_CODE */
	{ 0x143, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2c1, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2c3, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x1c4, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2c7, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2d2, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2d6, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	{ 0x2e6, STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false },
	/* failure mode: only a reset helps, and that is not ours to do */
	{ 0x101, STATUS_DEVICE_FAILED,      RC_REFUSE, false },
	/* nobody foresaw it */
	{ 0x17f, STATUS_DEVICE_FAILED,      RC_REOPEN, false },
	{ 0x184, STATUS_DEVICE_FAILED,      RC_REOPEN, false },
	{ 0x185, STATUS_DEVICE_FAILED,      RC_REOPEN, false },
	{ 0x001, STATUS_DEVICE_FAILED,      RC_REOPEN, false },
	{ 0x01000000, STATUS_DEVICE_FAILED, RC_REOPEN, false },
	{ 0x010009a2, STATUS_DEVICE_FAILED, RC_REOPEN, false },
	/* the same through a resource manager */
	{ LAYER_RM_TPM | 0x902, STATUS_DEVICE_MEMORY,    RC_ROOM,   false },
	{ LAYER_RM     | 0x902, STATUS_DEVICE_MEMORY,    RC_ROOM,   false },
	{ LAYER_RM_TPM | 0x1df, STATUS_DEVICE_INTEGRITY, RC_REFUSE, false },
	{ LAYER_RM_TPM | 0x910, STATUS_DEVICE_KEY_GONE,  RC_REOPEN, false },
	/* the libraries: bad answer, no answer, no memory */
	{ LAYER_ESYS | 27, STATUS_DEVICE_FAILED, RC_REOPEN, false },
	{ LAYER_SYS | 17,  STATUS_DEVICE_FAILED, RC_REOPEN, false },
	{ LAYER_MU | 19,   STATUS_DEVICE_FAILED, RC_REOPEN, false },
	{ LAYER_TCTI | 10, STATUS_DEVICE_GONE,   RC_REOPEN, false },
	{ LAYER_TCTI | 8,  STATUS_DEVICE_GONE,   RC_REOPEN, false },
	{ LAYER_ESYS | 23, STATUS_NO_MEMORY,     RC_REFUSE, false },
	{ LAYER_TCTI | 23, STATUS_NO_MEMORY,     RC_REFUSE, false },
};
/* clang-format on */

static void each_code_has_its_status_and_its_reaction(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rc_meaning got = rc_read(rows[i].rc);

		if (got.status != rows[i].status || got.reaction != rows[i].reaction || got.alarm != rows[i].alarm)
			fail_msg("0x%x: %s, reaction %d, alarm %d", (unsigned)rows[i].rc, status_name(got.status),
				(int)got.reaction, got.alarm);
	}
}

static void success_is_success_and_nothing_else_is(void **state)
{
	(void)state;
	assert_int_equal(rc_read(0).status, STATUS_OK);
	for (uint32_t rc = 1; rc < 0x1000; rc++) {
		assert_int_not_equal(rc_read(rc).status, STATUS_OK);
		assert_int_not_equal(rc_read(LAYER_RM_TPM | rc).status, STATUS_OK);
		assert_int_not_equal(rc_read(LAYER_ESYS | rc).status, STATUS_OK);
		assert_int_not_equal(rc_read(rc << 16).status, STATUS_OK);
	}
}

static void only_a_handle_error_means_that_nothing_lives_there(void **state)
{
	(void)state;
	assert_true(rc_is_absent(0x18b));
	assert_true(rc_is_absent(LAYER_RM_TPM | 0x18b));
	assert_false(rc_is_absent(0));
	assert_false(rc_is_absent(0x910));
	assert_false(rc_is_absent(0x1df));
	assert_false(rc_is_absent(LAYER_TCTI | 0x18b));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_code_has_its_status_and_its_reaction),
	cmocka_unit_test(success_is_success_and_nothing_else_is),
	cmocka_unit_test(only_a_handle_error_means_that_nothing_lives_there),
};

UNIT_MAIN(tests)
