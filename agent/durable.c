/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/durable.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum {
	GROUP_MS = 5,	      /* uses are on disk this long after their answer, at most */
	TEND_MS = 1000,	      /* look for disk space */
	BATCH_JOBS_MAX = 256, /* of AUDIT_LINE_MAX each they fit AUDIT_BATCH_MAX */
	FORGET_MAX = 4096,    /* intents whose line is on disk, waiting for a transaction to delete them in */
};

struct durable {
	struct loop *loop; /* borrowed */
	struct keystore *store;
	struct audit_log *log;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct durable_job *queue, **queue_tail; /* under lock */
	bool sleeping, stopping;		 /* under lock */
	uint64_t sync_at_us;			 /* under lock; when lines that are not on disk must be; 0 none */
	struct durable_job *turn, **turn_tail;	 /* the loop's, not yet handed over */
	/* the thread's own, as the store is; lines, lined and the log are the loop's while the thread sleeps */
	int64_t forget[FORGET_MAX];
	size_t forget_count;
	struct bytes lines[BATCH_JOBS_MAX];
	struct durable_job *lined[BATCH_JOBS_MAX]; /* the job of each line */
};

/* ---- store -------------------------------------------------------------------------------------- */

static void job_failed(struct durable_job *job, struct status st)
{
	struct fault fault;

	fault_take(&fault);
	job->result = st.code;
	job->native = fault.native;
}

static struct status apply_facts(struct durable *d, const struct durable_job *job)
{
	for (size_t i = 0; i < job->change_count; i++) {
		const struct fact_change *change = &job->changes[i];

		if (change->is_out)
			TRY(keystore_fact_delete(d->store, &change->fact));
		else
			TRY(keystore_fact_put(d->store, &change->fact));
	}
	return OK;
}

/* A key's row, and what was remembered of it: a key that is made later under its name has its own past. */
static struct status key_out(struct durable *d, const struct keystore_id *key)
{
	static const enum fact_kind kinds[] = { FACT_KEY_USE, FACT_KEY_SUSPENDED };

	TRY(keystore_key_delete(d->store, key));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct fact fact = { .kind = kinds[i], .id = bytes_of(key->bytes, KEYSTORE_ID_BYTES) };

		TRY(keystore_fact_delete(d->store, &fact));
	}
	return OK;
}

static struct status apply(struct durable *d, struct durable_job *job, uint64_t number)
{
	switch (job->kind) {
	case DURABLE_LINE:
		return OK;
	case DURABLE_INTENT:
		return keystore_intent_put(d->store, &job->intent, &job->intent_id);
	case DURABLE_CREATE:
		TRY(keystore_key_put(d->store, job->record));
		return keystore_intent_number(d->store, job->intent_id, number);
	case DURABLE_DESTROY:
		TRY(key_out(d, &job->key));
		return keystore_intent_number(d->store, job->intent_id, number);
	case DURABLE_FORGET:
		return keystore_intent_delete(d->store, job->intent_id);
	case DURABLE_STATE:
		return keystore_kv_put(d->store, job->state_name, job->state);
	case DURABLE_STATE_READ:
		return keystore_kv_get(d->store, job->state_name, job->state_read);
	case DURABLE_PARENT:
		return keystore_namespace_put(d->store, job->parent);
	case DURABLE_FACTS:
		return apply_facts(d, job);
	}
	return FAIL(STORE_IO);
}

/* One job of the transaction; if it fails, it fails alone. */
static void apply_alone(struct durable *d, struct durable_job *job, uint64_t *number)
{
	struct status st;

	/* A record that did not fit its line is no record, and uses no number; nor is one that nobody awaits. */
	if (job->line.bad || atomic_load(&job->outcome) == DURABLE_GIVEN_UP) {
		job->result = STATUS_AUDIT_IO;
		return;
	}
	st = keystore_savepoint(d->store);
	if (st.code == STATUS_OK) {
		st = apply(d, job, *number);
		if (st.code != STATUS_OK)
			keystore_rewind(d->store);
		else
			st = keystore_release(d->store);
	}
	if (st.code != STATUS_OK) {
		job_failed(job, st);
		return;
	}
	if (job->line.len > 0)
		job->number = (*number)++;
}

static bool holds_intent(const struct durable_job *job)
{
	return (job->kind == DURABLE_CREATE || job->kind == DURABLE_DESTROY) && job->intent_id != 0;
}

static bool changes_store(const struct durable_job *job)
{
	return job->kind != DURABLE_LINE;
}

static void fail_all(struct durable_job *batch, struct status st)
{
	struct fault fault;

	fault_take(&fault);
	for (struct durable_job *job = batch; job != NULL; job = job->next)
		if (changes_store(job) && job->result == STATUS_OK) {
			job->result = st.code;
			job->native = fault.native;
		}
}

static struct status transact(struct durable *d, struct durable_job *batch, uint64_t *number)
{
	TRY(keystore_begin(d->store));
	for (size_t i = 0; i < d->forget_count; i++) {
		struct status st = keystore_intent_delete(d->store, d->forget[i]);

		if (st.code != STATUS_OK) {
			keystore_rollback(d->store);
			return st;
		}
	}
	for (struct durable_job *job = batch; job != NULL; job = job->next)
		if (changes_store(job))
			apply_alone(d, job, number);
	TRY(keystore_commit(d->store));
	d->forget_count = 0;
	return OK;
}

static void store_batch(struct durable *d, struct durable_job *batch)
{
	uint64_t number = audit_log_next(d->log);
	struct status st = transact(d, batch, &number);

	if (st.code != STATUS_OK)
		fail_all(batch, st);
}

/* The change is in the store, its line is not in the log.  A record goes out again; a record that is gone owes its
 * line.  The intent stays for the agent, without the number that another line gets now. */
static void undo(struct durable *d, struct durable_job *job)
{
	struct status st = keystore_begin(d->store);

	if (st.code == STATUS_OK && job->kind == DURABLE_CREATE)
		st = keystore_key_delete(d->store, &job->record->id);
	if (st.code == STATUS_OK)
		st = keystore_intent_number(d->store, job->intent_id, 0);
	if (st.code == STATUS_OK)
		st = keystore_commit(d->store);
	if (st.code != STATUS_OK) {
		keystore_rollback(d->store);
		log_error("a change without its line could not be undone now; recovery does it at the next start (%s)",
			status_name(st.code));
	}
}

/* ---- lines -------------------------------------------------------------------------------------- */

static void lines_failed(struct durable *d, struct durable_job *batch, struct status st, bool only_synced)
{
	struct fault fault;

	fault_take(&fault);
	for (struct durable_job *job = batch; job != NULL; job = job->next) {
		if (job->line.len == 0 || job->result != STATUS_OK || (only_synced && !job->sync))
			continue;
		job->result = st.code;
		job->native = fault.native;
		if (holds_intent(job))
			undo(d, job);
	}
}

/* Lines of jobs that changed the store come first: their numbers are in the transaction. */
static size_t gather(struct durable *d, struct durable_job *batch, bool *ret_sync)
{
	size_t count = 0;

	*ret_sync = false;
	for (int round = 0; round < 2; round++)
		for (struct durable_job *job = batch; job != NULL; job = job->next) {
			if (changes_store(job) != (round == 0) || job->line.len == 0 || job->result != STATUS_OK)
				continue;
			if (job->line.bad) { /* as in apply_alone() */
				job->result = STATUS_AUDIT_IO;
				continue;
			}
			d->lines[count] = buf_bytes(&job->line);
			d->lined[count++] = job;
			*ret_sync = *ret_sync || job->sync;
		}
	return count;
}

/* Its line is on disk: is the key there, or was it given up meanwhile? */
static bool settle(struct durable_job *job)
{
	enum durable_outcome open = DURABLE_OPEN;

	return job->kind != DURABLE_CREATE || atomic_compare_exchange_strong(&job->outcome, &open, DURABLE_DONE);
}

bool durable_give_up(struct durable_job *job)
{
	enum durable_outcome open = DURABLE_OPEN;

	return job->kind == DURABLE_CREATE && atomic_compare_exchange_strong(&job->outcome, &open, DURABLE_GIVEN_UP);
}

/* The line says that there is a key; this one says that there is none. */
static void withdraw(struct durable *d, struct durable_job *job)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	AUTO(buf_done) struct buf line = buf_make(AUDIT_LINE_MAX);
	struct status st;

	undo(d, job);
	job->result = STATUS_AUDIT_IO;
	job->native = 0;
	record.event = "undone";
	record.detail = "the audit log was too slow: the client was refused, the key is gone";
	record.record = job->record->id.bytes;
	audit_line_put(&line, NULL, &record);
	st = audit_log_append(d->log, buf_bytes(&line));
	if (st.code == STATUS_OK)
		st = audit_log_sync(d->log);
	if (st.code != STATUS_OK)
		log_error("an undone create has no line of its own (%s)", status_name(st.code));
}

static void line_batch(struct durable *d, struct durable_job *batch)
{
	bool sync;
	size_t count = gather(d, batch, &sync);
	uint64_t number = audit_log_next(d->log);
	struct status st;

	if (count == 0)
		return;
	st = audit_log_append_all(d->log, d->lines, count);
	if (st.code != STATUS_OK) {
		lines_failed(d, batch, st, false);
		return;
	}
	for (size_t i = 0; i < count; i++)
		d->lined[i]->number = number + i;
	st = sync ? audit_log_sync(d->log) : OK;
	if (st.code != STATUS_OK) {
		lines_failed(d, batch, st, true);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!settle(d->lined[i]))
			withdraw(d, d->lined[i]);
		else if (sync && holds_intent(d->lined[i]) && d->forget_count < FORGET_MAX)
			d->forget[d->forget_count++] = d->lined[i]->intent_id;
}

/* ---- the thread --------------------------------------------------------------------------------- */

static void answer(struct durable *d, struct durable_job *batch)
{
	struct post *head = &batch->post, *tail = head;

	for (struct durable_job *job = batch->next; job != NULL; job = job->next) {
		tail->next = &job->post;
		tail = &job->post;
	}
	post_push_chain(d->loop, head, tail);
}

static void run_batch(struct durable *d, struct durable_job *batch)
{
	bool store = d->forget_count > FORGET_MAX / 2;

	for (struct durable_job *job = batch; job != NULL; job = job->next)
		store = store || changes_store(job);
	if (store)
		store_batch(d, batch);
	line_batch(d, batch);
	answer(d, batch);
}

static struct timespec timespec_of(uint64_t mono_us)
{
	return (struct timespec){ .tv_sec = (time_t)(mono_us / US_PER_S),
		.tv_nsec = (long)(mono_us % US_PER_S) * (1000000000L / US_PER_S) };
}

/* Until there is a job, or something is due.  With the lock. */
static void sleep_a_while(struct durable *d, uint64_t tend_at_us)
{
	d->sleeping = true;
	while (d->queue == NULL && !d->stopping) {
		uint64_t due = d->sync_at_us != 0 && d->sync_at_us < tend_at_us ? d->sync_at_us : tend_at_us;
		struct timespec until = timespec_of(due);

		if (clock_mono_us() >= due)
			break;
		(void)pthread_cond_timedwait(&d->work, &d->lock, &until);
	}
	d->sleeping = false;
}

/* At most BATCH_JOBS_MAX jobs; NULL when there is nothing to do but what is due. */
static struct durable_job *take_batch(struct durable *d, uint64_t tend_at_us, bool *ret_stop)
{
	struct durable_job *batch, **end;
	size_t count = 0;

	pthread_mutex_lock(&d->lock);
	sleep_a_while(d, tend_at_us);
	batch = d->queue;
	for (end = &d->queue; *end != NULL && count < BATCH_JOBS_MAX; end = &(*end)->next)
		count++;
	d->queue = *end;
	*end = NULL;
	if (d->queue == NULL)
		d->queue_tail = &d->queue;
	*ret_stop = batch == NULL && d->stopping;
	pthread_mutex_unlock(&d->lock);
	return batch;
}

static void sync_lines(struct durable *d)
{
	if (audit_log_sync(d->log).code != STATUS_OK)
		log_error("audit log could not be synced: every identified request is refused until a restart");
	if (d->forget_count > 0)
		store_batch(d, NULL);
}

/* When what was written last must be on disk: GROUP_MS after the first line that is not. */
static void note_unsynced(struct durable *d)
{
	bool unsynced = audit_log_unsynced(d->log) || d->forget_count > 0;

	if (!unsynced)
		d->sync_at_us = 0;
	else if (d->sync_at_us == 0)
		d->sync_at_us = clock_mono_us() + GROUP_MS * US_PER_MS;
}

static void *thread_main(void *arg)
{
	struct durable *d = arg;
	uint64_t tend_at_us = clock_mono_us() + TEND_MS * US_PER_MS;
	bool stop = false, is_due;

	while (!stop) {
		struct durable_job *batch = take_batch(d, tend_at_us, &stop);

		if (batch != NULL)
			run_batch(d, batch);
		is_due = d->sync_at_us != 0 && clock_mono_us() >= d->sync_at_us;
		if (is_due)
			sync_lines(d);
		if (clock_mono_us() >= tend_at_us) {
			audit_log_tend(d->log);
			tend_at_us = clock_mono_us() + TEND_MS * US_PER_MS;
		}
		pthread_mutex_lock(&d->lock);
		if (is_due)
			d->sync_at_us = 0; /* what failed is tried again, not at once */
		note_unsynced(d);
		pthread_mutex_unlock(&d->lock);
	}
	sync_lines(d);
	return NULL;
}

struct status durable_start(
	struct loop *loop, struct keystore *store, struct audit_log *log, struct durable **ret_durable)
{
	struct durable *d = calloc(1, sizeof(*d));
	pthread_condattr_t monotonic;

	ENSURE(d != NULL, NO_MEMORY);
	d->loop = loop;
	d->store = store;
	d->log = log;
	d->queue_tail = &d->queue;
	d->turn_tail = &d->turn;
	(void)pthread_mutex_init(&d->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&d->work, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (pthread_create(&d->thread, NULL, thread_main, d) != 0) {
		free(d);
		return FAIL(NO_MEMORY);
	}
	*ret_durable = d;
	return OK;
}

void durable_stop(struct durable *d)
{
	if (d == NULL)
		return;
	(void)durable_turn(d, false);
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
	(void)pthread_join(d->thread, NULL);
	keystore_close(d->store);
	audit_log_close(d->log);
	(void)pthread_mutex_destroy(&d->lock);
	(void)pthread_cond_destroy(&d->work);
	free(d);
}

void durable_submit(struct durable *d, struct durable_job *job)
{
	job->next = NULL;
	job->result = STATUS_OK;
	job->native = 0;
	atomic_store(&job->outcome, DURABLE_OPEN);
	*d->turn_tail = job;
	d->turn_tail = &job->next;
}

static void hand_over(struct durable *d)
{
	bool wake;

	pthread_mutex_lock(&d->lock);
	*d->queue_tail = d->turn;
	d->queue_tail = d->turn_tail;
	wake = d->sleeping;
	pthread_mutex_unlock(&d->lock);
	if (wake)
		pthread_cond_signal(&d->work);
}

/* Lines that need no disk, few enough, and room for them in the segment: nothing here can wait for long. */
static bool is_light(const struct durable *d)
{
	size_t count = 0;

	for (const struct durable_job *job = d->turn; job != NULL; job = job->next)
		if (changes_store(job) || job->sync || ++count > BATCH_JOBS_MAX)
			return false;
	return audit_log_space(d->log) == AUDIT_READY && !audit_log_is_full(d->log);
}

/* The loop writes them itself while the thread sleeps, which spares both a wake-up.  False: it is awake. */
static bool write_here(struct durable *d)
{
	bool wake;

	pthread_mutex_lock(&d->lock);
	if (!d->sleeping || d->queue != NULL || d->stopping || !is_light(d)) {
		pthread_mutex_unlock(&d->lock);
		return false;
	}
	line_batch(d, d->turn);
	wake = d->sync_at_us == 0;
	note_unsynced(d);
	pthread_mutex_unlock(&d->lock);
	if (wake)
		pthread_cond_signal(&d->work); /* it learns when to sync */
	return true;
}

bool durable_turn(struct durable *d, bool may_write)
{
	struct durable_job *batch = d->turn;
	bool written;

	if (batch == NULL)
		return false;
	written = may_write && write_here(d);
	if (!written)
		hand_over(d);
	d->turn = NULL;
	d->turn_tail = &d->turn;
	while (written && batch != NULL) {
		struct durable_job *next = batch->next; /* done() may free it or submit it again */

		batch->post.done(&batch->post);
		batch = next;
	}
	return written;
}

enum audit_space durable_space(const struct durable *d)
{
	return audit_log_space(d->log);
}
