/* SPDX-License-Identifier: Apache-2.0
 *
 * What people and editors read of the table: the reference page (docs/configuration.md), the manual page
 * (keyreeve.yaml.5) and the JSON Schema. */
#include "agent/config.h"

#include <stdio.h>

#include "agent/policy_case.h"

/* ---- reference page -------------------------------------------------------------------------------------------- */

static void words_put(struct buf *to, const struct config_word *words)
{
	for (const struct config_word *word = words; word->word != NULL; word++)
		buf_printf(to, "%s`%s`%s", word == words ? "" : ", ", word->word,
			word->is_later ? " (not supported yet)" : "");
}

static void unit_put(struct buf *to, uint64_t value, enum config_type type)
{
	unsigned long long number = value;

	if (type == CONFIG_TYPE_SECONDS && number > 0 && number % 86400 == 0)
		buf_printf(to, "%llud", number / 86400);
	else if (type == CONFIG_TYPE_SECONDS)
		buf_printf(to, number % 60 == 0 && number > 0 ? "%llum" : "%llus",
			number % 60 == 0 && number > 0 ? number / 60 : number);
	else if (type == CONFIG_TYPE_SIZE || type == CONFIG_TYPE_FLOW)
		buf_printf(to, number % (1 << 20) == 0 ? "%lluMiB%s" : "%lluKiB%s",
			number % (1 << 20) == 0 ? number >> 20 : number >> 10, type == CONFIG_TYPE_FLOW ? "/s" : "");
	else
		buf_printf(to, number > 0xffffff ? "0x%llX" : "%llu", number);
}

static void range_put(struct buf *to, const struct config_field *field, const char *what)
{
	buf_printf(to, "%s, ", what);
	unit_put(to, field->min, field->type);
	buf_put_text(to, " to ");
	unit_put(to, field->max, field->type);
}

/* Types that say the same of every field. */
static const char *const type_texts[CONFIG_TYPE_NEVER + 1] = {
	[CONFIG_TYPE_PATH] = "absolute path",
	[CONFIG_TYPE_BOOL] = "`true`, `false`",
	[CONFIG_TYPE_CLOCK] = "time of day, `00:00` to `24:00`",
	[CONFIG_TYPE_MOMENT] = "moment in UTC, `2026-11-23` or `2026-11-23T15:04:05Z`",
	[CONFIG_TYPE_RATES] = "list of a number per second, `50/s`, and a number per day, `20000/d`",
	[CONFIG_TYPE_MODE] = "octal mode",
	[CONFIG_TYPE_ENV] = "map of texts",
	[CONFIG_TYPE_MAP] = "map, see below",
	[CONFIG_TYPE_LATER] = "not supported yet",
};

static void type_put(struct buf *to, const struct config_field *field)
{
	switch (field->type) {
	case CONFIG_TYPE_TEXT:
		buf_printf(to, "text, at most %llu bytes", (unsigned long long)field->max);
		return;
	case CONFIG_TYPE_WORD:
		words_put(to, field->words);
		return;
	case CONFIG_TYPE_BITS:
	case CONFIG_TYPE_WORDS:
		buf_put_text(to, "list of ");
		words_put(to, field->words);
		return;
	case CONFIG_TYPE_NUMBER:
		range_put(to, field, "number");
		return;
	case CONFIG_TYPE_SECONDS:
		range_put(to, field, "time");
		return;
	case CONFIG_TYPE_SIZE:
		range_put(to, field, "size");
		return;
	case CONFIG_TYPE_FLOW:
		range_put(to, field, "size per second");
		return;
	case CONFIG_TYPE_TEXTS:
		buf_printf(to, "text, or list of at most %llu", (unsigned long long)field->max);
		return;
	case CONFIG_TYPE_LIST:
		buf_printf(to, "list of at most %llu, see below", (unsigned long long)field->max);
		return;
	case CONFIG_TYPE_PATH:
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_RATES:
	case CONFIG_TYPE_MODE:
	case CONFIG_TYPE_ENV:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_LATER:
		buf_put_text(to, type_texts[field->type]);
		return;
	case CONFIG_TYPE_NUMBER_HIDDEN:
	case CONFIG_TYPE_NEVER:
		return;
	}
}

static bool is_shown(const struct config_field *field)
{
	return field->type != CONFIG_TYPE_NUMBER_HIDDEN && field->type != CONFIG_TYPE_NEVER;
}

static void row_put(struct buf *to, const struct config_field *field)
{
	buf_printf(to, "| `%s` | ", field->name);
	type_put(to, field);
	if (field->is_required)
		buf_put_text(to, " | required | ");
	else
		buf_printf(to, field->standard != NULL ? " | `%s` | " : " | | ",
			field->standard != NULL ? field->standard : "");
	if (field->only != 0)
		buf_printf(to, "*%s only.* ", config_provider_type_name((uint32_t)__builtin_ctz(field->only)));
	buf_printf(to, "%s |\n", field->text);
}

enum { PATH_BYTES = 128, FIELD_TEXT_MAX = 4096 };

/* "tenants[].rules[]" */
static void path_below(char ret_path[PATH_BYTES], const char *path, const struct config_field *field)
{
	(void)snprintf(ret_path, PATH_BYTES, "%s%s%s%s", path, path[0] != '\0' ? "." : "", field->name,
		field->type == CONFIG_TYPE_LIST ? "[]" : "");
}

/* A section per map, the maps inside it after it.  As deep as the table. */
static void section_put(struct buf *to, const struct config_shape *shape, const char *path)
{
	buf_printf(to, "\n## %s\n\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n",
		path[0] != '\0' ? path : "Top level");
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		if (is_shown(field))
			row_put(to, field);
	for (const struct config_field *field = shape->fields; field->name != NULL; field++) {
		char inner[PATH_BYTES];

		if (field->shape == NULL)
			continue;
		path_below(inner, path, field);
		section_put(to, field->shape, inner);
	}
}

/* The two pages say this alike. */
static const char introduction[] = "`keyreeved --config FILE` reads one YAML document of maps, lists and scalars, at "
				   "most 4 MiB. Anchors, aliases, tags, "
				   "directives, keys twice, unknown keys and what is not built yet are errors with "
				   "line and column; `keyreeved --check` "
				   "lists them all. A value that begins with `*` must be quoted. Times are `150s`, "
				   "`10m`, `1h`, `90d`; sizes are bytes or `KiB`, "
				   "`MiB`, `GiB`, and per second `1MiB/s`; modes are octal.\n\n"
				   "Where a field is a list, one value may stand without brackets.\n";
static const char *const verb_groups[][2] = {
	{ "`use`", "`sign` (SignHash, SignMessage), `verify`, `encrypt`, `decrypt`, `agree`, `mac`" },
	{ "`read`", "`list`, `export-public`, `can-do`" },
	{ "`create`", "`generate`, `import`" },
	{ "`destroy`, `export`, `attest`", "themselves" },
};
enum { VERB_GROUPS = sizeof(verb_groups) / sizeof(verb_groups[0]) };
static const char on_verbs[] = "Ping, the lists of providers, opcodes and authenticators, random bytes and hashes need "
			       "no rule. A rule that denies "
			       "beats one that allows; once a rule allows, what no rule allows is denied; without "
			       "rules the owner may do everything "
			       "but export. `keyreeve policy explain` shows which rule decides.\n";

void config_reference_put(struct buf *to)
{
	buf_put_text(to,
		"# Configuration\n\n"
		"Written by `keyreeve-config --reference` from the table that also reads the file; do not edit.\n\n");
	buf_put_text(to, introduction);
	section_put(to, &config_shape_root, "");
	buf_put_text(to, "\n## Verbs\n\n| Group | Verbs |\n|---|---|\n");
	for (size_t i = 0; i < VERB_GROUPS; i++)
		buf_printf(to, "| %s | %s |\n", verb_groups[i][0], verb_groups[i][1]);
	buf_put_text(to, "\n");
	buf_put_text(to, on_verbs);
	buf_put_text(to,
		"\n# Policy tests\n\n`keyreeve policy test FILE` reads cases with the decisions that are expected, "
		"from a file of the same YAML beside the configuration.\n");
	section_put(to, &policy_cases_shape, "PolicyTest");
}

/* ---- manual page ----------------------------------------------------------------------------------------------- */

/* Text of the reference page as man(7): `x` is bold, *x* italic, an empty line a paragraph, and nothing else special.
 */
static void man_text(struct buf *to, struct bytes text)
{
	bool is_bold = false, is_italic = false, begins = true;

	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.data[i];

		if (begins && (c == '.' || c == '\''))
			buf_put_text(to, "\\&");
		begins = c == '\n';
		if (c == '`')
			buf_put_text(to, (is_bold = !is_bold) ? "\\fB" : "\\fP");
		else if (c == '*' && !is_bold)
			buf_put_text(to, (is_italic = !is_italic) ? "\\fI" : "\\fP");
		else if (c == '-' && is_bold)
			buf_put_text(to, "\\-");
		else if (c == '\\')
			buf_put_text(to, "\\e");
		else if (c == '\n' && i + 1 < text.len && text.data[i + 1] == '\n')
			buf_put_text(to, "\n.PP");
		else
			buf_put_u8(to, (uint8_t)c);
	}
}

static void man_field(struct buf *to, const struct config_field *field)
{
	struct buf text = buf_make(FIELD_TEXT_MAX);

	type_put(&text, field);
	if (field->is_required)
		buf_put_text(&text, "; required");
	else if (field->standard != NULL)
		buf_printf(&text, "; by default `%s`", field->standard);
	buf_put_text(&text, ".\n");
	if (field->only != 0)
		buf_printf(&text, "*%s only.* ", config_provider_type_name((uint32_t)__builtin_ctz(field->only)));
	buf_printf(&text, "%s\n", field->text);
	buf_printf(to, ".TP\n.B %s\n", field->name);
	man_text(to, buf_bytes(&text));
	if (buf_check(&text).code != STATUS_OK)
		to->bad = true;
	buf_done(&text);
}

static void man_section(struct buf *to, const struct config_shape *shape, const char *path)
{
	buf_printf(to, ".SH \"%s\"\n", path[0] != '\0' ? path : "TOP LEVEL");
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		if (is_shown(field))
			man_field(to, field);
	for (const struct config_field *field = shape->fields; field->name != NULL; field++) {
		char inner[PATH_BYTES];

		if (field->shape == NULL)
			continue;
		path_below(inner, path, field);
		man_section(to, field->shape, inner);
	}
}

void config_man_put(struct buf *to)
{
	buf_put_text(to, ".\\\" SPDX-License-Identifier: Apache-2.0\n"
			 ".TH KEYREEVE.YAML 5 \"\" \"keyreeve\" \"File Formats\"\n"
			 ".SH NAME\nkeyreeve.yaml \\- configuration of keyreeved\n"
			 ".SH SYNOPSIS\n.I /etc/keyreeve/keyreeve.yaml\n.SH DESCRIPTION\n");
	man_text(to, bytes_from_text(introduction));
	man_section(to, &config_shape_root, "");
	buf_put_text(to, ".SH VERBS\n");
	for (size_t i = 0; i < VERB_GROUPS; i++) {
		buf_put_text(to, ".TP\n");
		man_text(to, bytes_from_text(verb_groups[i][0]));
		buf_put_text(to, "\n");
		man_text(to, bytes_from_text(verb_groups[i][1]));
		buf_put_text(to, "\n");
	}
	buf_put_text(to, ".PP\n");
	man_text(to, bytes_from_text(on_verbs));
	buf_put_text(to, ".SH SEE ALSO\n.BR keyreeved (8),\n.BR keyreeve-config (8),\n.BR keyreeve (1)\n");
}

/* ---- JSON Schema ----------------------------------------------------------------------------------------------- */

static void json_text(struct buf *to, const char *text)
{
	buf_put_u8(to, '"');
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buf_put_u8(to, '\\');
		buf_put_u8(to, (uint8_t)*c);
	}
	buf_put_u8(to, '"');
}

static void json_words(struct buf *to, const struct config_word *words)
{
	const char *separator = "";

	buf_put_text(to, "{\"enum\": [");
	for (; words->word != NULL; words++) {
		if (words->is_later)
			continue;
		buf_put_text(to, separator);
		json_text(to, words->word);
		separator = ", ";
	}
	buf_put_text(to, "]}");
}

/* One of them, or a list. */
static void json_one_or_many(struct buf *to, const struct config_field *field)
{
	buf_put_text(to, "\"oneOf\": [");
	for (int many = 0; many < 2; many++) {
		buf_put_text(to, many ? ", {\"type\": \"array\", \"items\": " : "");
		if (field->words != NULL)
			json_words(to, field->words);
		else
			buf_put_text(to, "{\"type\": \"string\"}");
		if (many)
			buf_printf(to, field->max > 0 ? ", \"minItems\": 1, \"maxItems\": %llu}" : ", \"minItems\": 1}",
				(unsigned long long)field->max);
	}
	buf_put_text(to, "]");
}

static void json_shape(struct buf *to, const struct config_shape *shape);

static const char *const json_types[CONFIG_TYPE_NEVER + 1] = {
	[CONFIG_TYPE_BOOL] = "\"type\": \"boolean\"",
	[CONFIG_TYPE_SECONDS] = "\"type\": \"string\", \"pattern\": \"^[0-9]+[smhd]$\"",
	[CONFIG_TYPE_CLOCK] = "\"type\": \"string\", \"pattern\": \"^([01][0-9]|2[0-4]):[0-5][0-9]$\"",
	[CONFIG_TYPE_MOMENT] =
		"\"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$\"",
	[CONFIG_TYPE_SIZE] = "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9]+([KMG]iB)?$\"",
	[CONFIG_TYPE_FLOW] = "\"type\": \"string\", \"pattern\": \"^[0-9]+([KMG]iB)?/s$\"",
	[CONFIG_TYPE_RATES] =
		("\"oneOf\": [{\"type\": \"string\", \"pattern\": \"^[0-9]+/[sd]$\"}, {\"type\": \"array\", "
		 "\"items\": {\"type\": \"string\", \"pattern\": \"^[0-9]+/[sd]$\"}, \"minItems\": 1, "
		 "\"maxItems\": 2}]"),
	[CONFIG_TYPE_MODE] = "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-7]+$\"",
};

/* One of the words, by itself. */
static void json_word(struct buf *to, const struct config_field *field)
{
	buf_put_text(to, "\"allOf\": [");
	json_words(to, field->words);
	buf_put_text(to, "]");
}

static void json_type(struct buf *to, const struct config_field *field)
{
	unsigned long long low = field->min, high = field->max;

	switch (field->type) {
	case CONFIG_TYPE_TEXT:
		if (field->words != NULL)
			json_word(to, field);
		else
			buf_printf(to, "\"type\": \"string\", \"minLength\": %llu, \"maxLength\": %llu", low, high);
		return;
	case CONFIG_TYPE_PATH:
		buf_printf(to, "\"type\": \"string\", \"pattern\": \"^/\", \"maxLength\": %llu", high);
		return;
	case CONFIG_TYPE_WORD:
		json_word(to, field);
		return;
	case CONFIG_TYPE_BITS:
	case CONFIG_TYPE_WORDS:
	case CONFIG_TYPE_TEXTS:
		json_one_or_many(to, field);
		return;
	case CONFIG_TYPE_NUMBER:
		buf_printf(to,
			"\"oneOf\": [{\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu}, "
			"{\"type\": \"string\", \"pattern\": \"^(0x[0-9A-Fa-f]+|[0-9]+)$\"}]",
			low, high);
		return;
	case CONFIG_TYPE_ENV:
		buf_printf(to,
			"\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}, \"maxProperties\": "
			"%llu",
			high);
		return;
	case CONFIG_TYPE_MAP:
		json_shape(to, field->shape);
		return;
	case CONFIG_TYPE_LIST:
		buf_printf(to, "\"type\": \"array\", \"minItems\": %llu, \"maxItems\": %llu, \"items\": {", low, high);
		json_shape(to, field->shape);
		buf_put_text(to, "}");
		return;
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_SECONDS:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_FLOW:
	case CONFIG_TYPE_RATES:
	case CONFIG_TYPE_MODE:
		buf_put_text(to, json_types[field->type]);
		return;
	case CONFIG_TYPE_NUMBER_HIDDEN:
	case CONFIG_TYPE_LATER:
	case CONFIG_TYPE_NEVER:
		return;
	}
}

static void json_required(struct buf *to, const struct config_shape *shape)
{
	const char *separator = "";

	buf_put_text(to, ", \"required\": [");
	for (const struct config_field *field = shape->fields; field->name != NULL; field++) {
		if (!field->is_required)
			continue;
		buf_put_text(to, separator);
		json_text(to, field->name);
		separator = ", ";
	}
	buf_put_text(to, "]");
}

static void json_shape(struct buf *to, const struct config_shape *shape)
{
	const char *separator = "";

	buf_put_text(to, "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
	for (const struct config_field *field = shape->fields; field->name != NULL; field++) {
		if (!is_shown(field) || field->type == CONFIG_TYPE_LATER)
			continue;
		buf_printf(to, "%s\n", separator);
		json_text(to, field->name);
		buf_put_text(to, ": {");
		json_type(to, field);
		buf_put_text(to, ", \"description\": ");
		json_text(to, field->text);
		buf_put_text(to, "}");
		separator = ",";
	}
	buf_put_text(to, "}");
	json_required(to, shape);
}

void config_schema_put(struct buf *to)
{
	buf_put_text(to, "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"keyreeve\", ");
	json_shape(to, &config_shape_root);
	buf_put_text(to, "}\n");
}
