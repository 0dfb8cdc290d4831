/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/replay.h"

enum { BEGAN = 1790000000, NOW = BEGAN + 100 };

static uint8_t jti[REPLAY_HASH_BYTES];

static struct replay_token token_of(uint32_t number)
{
	memset(jti, 0, sizeof(jti));
	memcpy(jti, &number, sizeof(number));
	return (struct replay_token){ .domain = BYTES_LITERAL("prod.example"),
		.has_jti = true,
		.jti_hash = jti,
		.has_start = true,
		.start_s = NOW - 10,
		.forget_s = NOW + 60 };
}

static void a_token_is_used_once_while_it_is_good(void **state)
{
	struct replay_token token = token_of(1);
	struct replays *all;

	(void)state;
	assert_ok(replays_new(BEGAN, &all));
	assert_ok(replays_use(all, &token, NOW));
	assert_fails(replays_use(all, &token, NOW), TOKEN_USED);
	assert_fails(replays_use(all, &token, NOW + 59), TOKEN_USED);
	token.forget_s = NOW + 120; /* the same jti in another token */
	assert_fails(replays_use(all, &token, NOW + 59), TOKEN_USED);
	token = token_of(2);
	assert_ok(replays_use(all, &token, NOW));
	token.domain = BYTES_LITERAL("other.example");
	assert_ok(replays_use(all, &token, NOW));
	assert_int_equal(replays_count(all), 3);
	replays_free(all);
}

static void without_jti_or_from_before_this_run_it_is_refused(void **state)
{
	struct replay_token token = token_of(1);
	struct replays *all;

	(void)state;
	assert_ok(replays_new(BEGAN, &all));
	token.has_jti = false;
	assert_fails(replays_use(all, &token, NOW), TOKEN_JTI);
	token = token_of(1);
	token.start_s = BEGAN;
	assert_fails(replays_use(all, &token, NOW), TOKEN_USED);
	token.start_s = BEGAN + 1;
	token.has_start = false;
	assert_fails(replays_use(all, &token, NOW), TOKEN_USED);
	token.has_start = true;
	assert_ok(replays_use(all, &token, NOW));
	replays_free(all);
}

static void a_full_table_refuses_and_forgets_only_what_has_expired(void **state)
{
	struct replay_token token;
	struct replays *all;

	(void)state;
	assert_ok(replays_new(BEGAN, &all));
	for (uint32_t i = 0; i < REPLAY_MAX; i++) {
		token = token_of(i);
		token.forget_s = i % 2 == 0 ? NOW + 60 : NOW + 120;
		assert_ok(replays_use(all, &token, NOW));
	}
	token = token_of(REPLAY_MAX);
	assert_fails(replays_use(all, &token, NOW), TOKEN_TABLE);
	token = token_of(7);
	assert_fails(replays_use(all, &token, NOW), TOKEN_USED);
	for (uint32_t i = 0; i < REPLAY_MAX / 2; i++) { /* as many as have expired */
		token = token_of(REPLAY_MAX + i);
		token.forget_s = NOW + 120;
		assert_ok(replays_use(all, &token, NOW + 60));
	}
	token = token_of(2 * REPLAY_MAX);
	assert_fails(replays_use(all, &token, NOW + 60), TOKEN_TABLE);
	token = token_of(7);
	assert_fails(replays_use(all, &token, NOW + 60), TOKEN_USED);
	replays_free(all);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_token_is_used_once_while_it_is_good),
	cmocka_unit_test(without_jti_or_from_before_this_run_it_is_refused),
	cmocka_unit_test(a_full_table_refuses_and_forgets_only_what_has_expired),
};

UNIT_MAIN(tests)
