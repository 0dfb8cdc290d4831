/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in a libexec folder under a role's name and executes what the lines of the file NAME.launch beside it say:
 * first variables of the environment, a line "--", then the program and its arguments.  keyreeved starts roles by
 * descriptor with an empty environment, which no script outlives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_MAX = 64, PATH_BYTES = 4096 };

int main(void)
{
	static char line[LINES_MAX][PATH_BYTES];
	char *environment[LINES_MAX + 1] = { NULL }, *arguments[LINES_MAX + 1] = { NULL }, **to = environment;
	char path[PATH_BYTES] = "";
	FILE *file;

	if (readlink("/proc/self/exe", path, sizeof(path) - sizeof(".launch")) < 0)
		return 126;
	(void)strcat(path, ".launch");
	file = fopen(path, "re");
	for (size_t i = 0; file != NULL && i < LINES_MAX && fgets(line[i], PATH_BYTES, file) != NULL; i++) {
		line[i][strcspn(line[i], "\n")] = '\0';
		if (to != arguments && strcmp(line[i], "--") == 0)
			to = arguments;
		else
			*to++ = line[i];
	}
	if (arguments[0] != NULL)
		(void)execve(arguments[0], arguments, environment);
	perror(path);
	return 127;
}
