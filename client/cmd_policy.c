/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve policy explain | check: executes keyreeve-config, which alone parses configurations.  Needs no daemon. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli.h"

#define CONFIG_DEFAULT "/etc/keyreeve/keyreeve.yaml"
enum { POLICY_ARGUMENTS = 32 };

/* bin/keyreeve to libexec/keyreeve/keyreeve-config, in the build tree as after installation. */
static bool program_path(char ret_path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(self, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	return snprintf(ret_path, PATH_MAX, "%.3000s/libexec/keyreeve/keyreeve-config", self) < PATH_MAX;
}

static int usage(void)
{
	(void)fputs("usage: keyreeve policy explain [FILE] --as ID --op OPERATION [--key NAME] [--provider NAME]\n"
		    "                               [--lifetime SECONDS] [--age SECONDS]\n"
		    "       keyreeve policy check [FILE]\n"
		    "FILE is " CONFIG_DEFAULT " unless named.\n",
		stderr);
	return KEYREEVE_INVALID;
}

/* argv: "explain" or "check", then its arguments. */
int cmd_policy(int argc, char **argv)
{
	char path[PATH_MAX], explain[] = "--explain", check[] = "--check", file[] = CONFIG_DEFAULT;
	char *arguments[POLICY_ARGUMENTS];
	int used = 0, from = 1;

	if (argc < 1 || argc > POLICY_ARGUMENTS - 4)
		return usage();
	arguments[used++] = path;
	if (strcmp(argv[0], "explain") == 0)
		arguments[used++] = explain;
	else if (strcmp(argv[0], "check") == 0)
		arguments[used++] = check;
	else
		return usage();
	arguments[used++] = argc > 1 && argv[1][0] != '-' ? argv[from++] : file;
	while (from < argc)
		arguments[used++] = argv[from++];
	arguments[used] = NULL;
	if (!program_path(path)) {
		(void)fprintf(stderr, "keyreeve: policy: cannot find out where this program lies\n");
		return KEYREEVE_FAILED;
	}
	(void)execv(path, arguments);
	(void)fprintf(stderr, "keyreeve: %s: %s\n  is keyreeve installed completely?\n", path, strerror(errno));
	return KEYREEVE_FAILED;
}
