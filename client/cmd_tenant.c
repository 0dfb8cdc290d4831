/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve tenant list | link | unlink | strength | confirm | purge: on the admin socket. */
#include <string.h>

#include "client/cli.h"
#include "client/keyreeve_admin.h"
#include "wire/opcode.h"

/* ---- list -------------------------------------------------------------------------------------------- */

static const struct {
	unsigned flag;
	const char *text;
} space_flags[] = {
	{ KEYREEVE_SPACE_TENANT_SUSPENDED, "tenant-suspended" },
	{ KEYREEVE_SPACE_LOCKED, "locked" },
};
enum { FLAGS = sizeof(space_flags) / sizeof(space_flags[0]) };

static json_t *space_json(const struct keyreeve_admin_space *space)
{
	json_t *o = json_object(), *state = json_array(), *links = json_array();

	json_object_set_new(o, "tenant", cli_json_text(space->tenant));
	if (space->owner != NULL) {
		json_object_set_new(o, "owner", cli_json_text(space->owner));
		json_object_set_new(o, "keys", json_integer((json_int_t)space->keys));
		json_object_set_new(o, "strength", json_string(auth_row((uint32_t)space->strength)->name));
		for (size_t i = 0; i < space->link_count; i++)
			json_array_append_new(links, cli_json_text(space->links[i]));
		json_object_set_new(o, "links", links);
	} else {
		json_decref(links);
	}
	if (space->account[0] != '\0')
		json_object_set_new(o, "account", cli_json_text(space->account));
	for (size_t i = 0; i < FLAGS; i++)
		if ((space->flags & space_flags[i].flag) != 0)
			json_array_append_new(state, json_string(space_flags[i].text));
	json_object_set_new(o, "state", state);
	return o;
}

static void space_print(const struct keyreeve_admin_space *space)
{
	int used = cli_put(stdout, space->tenant);

	(void)printf("%*s", used < 20 ? 20 - used : 0, "");
	if (space->owner != NULL) {
		(void)printf(
			"  %6llu  %-9s  ", (unsigned long long)space->keys, auth_row((uint32_t)space->strength)->name);
		(void)cli_put(stdout, space->owner);
	}
	if (space->account[0] != '\0') {
		(void)fputs("  account ", stdout);
		(void)cli_put(stdout, space->account);
	}
	for (size_t i = 0; i < FLAGS; i++)
		if ((space->flags & space_flags[i].flag) != 0)
			(void)printf("  %s", space_flags[i].text);
	for (size_t i = 0; i < space->link_count; i++) {
		(void)fputs("  sees ", stdout);
		(void)cli_put(stdout, space->links[i]);
	}
	(void)putchar('\n');
}

static enum keyreeve_result spaces_page(struct cli *cli, struct cli_list *list)
{
	struct keyreeve_admin_spaces *before = list->context, page = { .count = 0 };
	enum keyreeve_result result =
		keyreeve_admin_spaces(cli->handle, cli->tenant, before->next != NULL ? before : NULL, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, space_json(&page.items[i]));
		else
			space_print(&page.items[i]);
	}
	keyreeve_admin_spaces_free(before);
	*before = page;
	list->has_more = page.next != NULL;
	return result;
}

int cmd_tenant_list(struct cli *cli, const char *const *argument)
{
	struct keyreeve_admin_spaces before = { .count = 0 };
	int code;

	(void)argument;
	code = cli_list(cli, "tenant list", "TENANT                  KEYS  NEEDS      OWNER", spaces_page, &before);
	keyreeve_admin_spaces_free(&before);
	return code;
}

/* ---- link and unlink --------------------------------------------------------------------------------- */

static int link_done(struct cli *cli, const char *const *argument, bool is_linked)
{
	if (cli->json) {
		json_t *o = json_object();

		json_object_set_new(o, is_linked ? "linked" : "unlinked", cli_json_text(argument[0]));
		json_object_set_new(o, "to", cli_json_text(argument[1]));
		return cli_json(o);
	}
	(void)printf("%s %s the keys of %s\n", argument[0], is_linked ? "sees" : "does not see", argument[1]);
	return 0;
}

int cmd_tenant_link(struct cli *cli, const char *const *argument)
{
	int code = cli_open_admin(cli);

	if (code != 0)
		return code;
	if (keyreeve_admin_link(cli->handle, argument[0], argument[1], cli->weaker_too) != KEYREEVE_OK)
		return cli_failed(cli, "tenant link");
	return link_done(cli, argument, true);
}

int cmd_tenant_unlink(struct cli *cli, const char *const *argument)
{
	int code = cli_open_admin(cli);

	if (code != 0)
		return code;
	if (keyreeve_admin_unlink(cli->handle, argument[0], argument[1]) != KEYREEVE_OK)
		return cli_failed(cli, "tenant unlink");
	return link_done(cli, argument, false);
}

/* ---- strength ---------------------------------------------------------------------------------------- */

static enum keyreeve_auth auth_parse(const char *name)
{
	for (uint32_t type = 1; type < AUTH_TYPE_COUNT; type++)
		if (strcmp(auth_row(type)->name, name) == 0)
			return (enum keyreeve_auth)type;
	return KEYREEVE_AUTH_NONE;
}

int cmd_tenant_strength(struct cli *cli, const char *const *argument)
{
	enum keyreeve_auth auth = auth_parse(argument[1]);
	int code;

	if (auth == KEYREEVE_AUTH_NONE)
		return cli_refuse(cli, KEYREEVE_INVALID, argument[1], "no such way to authenticate",
			"direct, unix-peer, issuer or jwt-svid");
	code = cli_open_admin(cli);
	if (code != 0)
		return code;
	if (keyreeve_admin_strength(cli->handle, argument[0], auth) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json) {
		json_t *o = json_object();

		json_object_set_new(o, "owner", cli_json_text(argument[0]));
		json_object_set_new(o, "strength", json_string(argument[1]));
		return cli_json(o);
	}
	(void)printf("the keys of %s need %s at least\n", argument[0], argument[1]);
	return 0;
}

/* ---- confirm and purge ------------------------------------------------------------------------------- */

int cmd_tenant_confirm(struct cli *cli, const char *const *argument)
{
	int code = cli_open_admin(cli);

	if (code != 0)
		return code;
	if (keyreeve_admin_confirm(cli->handle, argument[0]) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json)
		return cli_json_named("confirmed", argument[0]);
	(void)printf("the keys of %s belong to the account of today\n", argument[0]);
	return 0;
}

int cmd_tenant_purge(struct cli *cli, const char *const *argument)
{
	int code = cli_open_admin(cli);

	if (code != 0)
		return code;
	if (keyreeve_admin_purge(cli->handle, argument[0]) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json)
		return cli_json_named("purged", argument[0]);
	(void)printf("destroyed all keys of %s\n", argument[0]);
	return 0;
}
