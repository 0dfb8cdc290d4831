/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/turns.h"

#include <stdlib.h>

/* Lines of a uid and uids are lists from which the first is taken and to whose end it goes back. */
struct turns_line {
	struct turns_line *next;
	struct turns_uid *of;
	struct principal_process process;
	struct turn *first, **last;
};

struct turns_uid {
	struct turns_uid *next;
	uid_t uid;
	struct turns_line *lines, **last;
	bool is_running; /* the first of one of its lines is being looked at */
};

struct turns {
	struct turns_uid *uids, **last;
	size_t uid_count, waiting, running;
};

struct status turns_new(struct turns **ret_turns)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	ENSURE(turns != NULL, NO_MEMORY);
	turns->last = &turns->uids;
	*ret_turns = turns;
	return OK;
}

void turns_free(struct turns *turns)
{
	if (turns == NULL)
		return;
	while (turns->uids != NULL) {
		struct turns_uid *uid = turns->uids;

		turns->uids = uid->next;
		while (uid->lines != NULL) {
			struct turns_line *line = uid->lines;

			uid->lines = line->next;
			free(line);
		}
		free(uid);
	}
	free(turns);
}

/* ---- queueing -----------------------------------------------------------------------------------------------------
 */

static struct turns_uid *uid_get(struct turns *turns, uid_t uid)
{
	struct turns_uid *of = turns->uids;

	while (of != NULL && of->uid != uid)
		of = of->next;
	if (of != NULL)
		return of;
	of = calloc(1, sizeof(*of));
	if (of == NULL)
		return NULL;
	of->uid = uid;
	of->last = &of->lines;
	*turns->last = of;
	turns->last = &of->next;
	turns->uid_count++;
	return of;
}

static struct turns_line *line_get(struct turns_uid *of, const struct principal_process *process)
{
	struct turns_line *line = of->lines;

	/* Processes that are not known are one. */
	while (line != NULL && !(line->process.id == process->id && line->process.start == process->start))
		line = line->next;
	if (line != NULL)
		return line;
	line = calloc(1, sizeof(*line));
	if (line == NULL)
		return NULL;
	line->of = of;
	line->process = *process;
	line->last = &line->first;
	*of->last = line;
	of->last = &line->next;
	return line;
}

static void uid_drop(struct turns *turns, struct turns_uid *of)
{
	struct turns_uid **link = &turns->uids;

	while (*link != of)
		link = &(*link)->next;
	*link = of->next;
	if (turns->last == &of->next)
		turns->last = link;
	turns->uid_count--;
	free(of);
}

static void line_drop(struct turns *turns, struct turns_line *line)
{
	struct turns_uid *of = line->of;
	struct turns_line **link = &of->lines;

	while (*link != line)
		link = &(*link)->next;
	*link = line->next;
	if (of->last == &line->next)
		of->last = link;
	free(line);
	if (of->lines == NULL)
		uid_drop(turns, of);
}

struct status turns_submit(struct turns *turns, struct turn *turn, const struct principal *who)
{
	struct turns_uid *of = uid_get(turns, who->uid);
	struct turns_line *line = of != NULL ? line_get(of, &who->process) : NULL;

	if (of != NULL && of->lines == NULL)
		uid_drop(turns, of);
	ENSURE(line != NULL, NO_MEMORY);
	*turn = (struct turn){ .line = line };
	*line->last = turn;
	line->last = &turn->next;
	turns->waiting++;
	return OK;
}

/* ---- taking turns -------------------------------------------------------------------------------------------------
 */

static void uid_last(struct turns *turns)
{
	struct turns_uid *of = turns->uids;

	if (of->next == NULL)
		return;
	turns->uids = of->next;
	of->next = NULL;
	*turns->last = of;
	turns->last = &of->next;
}

static void line_last(struct turns_uid *of)
{
	struct turns_line *line = of->lines;

	if (line->next == NULL)
		return;
	of->lines = line->next;
	line->next = NULL;
	*of->last = line;
	of->last = &line->next;
}

struct turn *turns_next(struct turns *turns, bool (*may_run)(void *context, uid_t uid), void *context)
{
	if (turns->waiting == 0 || turns->running == TURNS_RUNNING)
		return NULL;
	for (size_t i = turns->uid_count; i > 0; i--) {
		struct turns_uid *of = turns->uids;
		struct turns_line *line = of->lines;

		uid_last(turns);
		if (of->is_running || !may_run(context, of->uid))
			continue;
		line_last(of);
		of->is_running = true;
		turns->running++;
		turns->waiting--;
		return line->first;
	}
	return NULL;
}

void turns_done(struct turns *turns, struct turn *turn)
{
	struct turns_line *line = turn->line;

	line->first = turn->next;
	if (line->first == NULL)
		line->last = &line->first;
	line->of->is_running = false;
	turns->running--;
	*turn = (struct turn){ 0 };
	if (line->first == NULL)
		line_drop(turns, line);
}

size_t turns_waiting(const struct turns *turns)
{
	return turns->waiting;
}
