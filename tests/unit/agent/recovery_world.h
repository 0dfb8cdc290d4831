/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's parts that recovery needs, and no more: store, log, index, durability thread, a loop, and two lanes.
 * Lane "hsm" keeps objects that outlive a crash, lane "soft" does not; their workers are played within the loop's turn
 * and do what the test says.  A world can be closed and opened again on what lies in its directory. */
#ifndef TESTS_UNIT_AGENT_RECOVERY_WORLD_H
#define TESTS_UNIT_AGENT_RECOVERY_WORLD_H

#include "tests/unit/keystore/fixture.h"

#include "agent/agent.h"

enum { WORLD_HSM = 0, WORLD_SOFT, WORLD_LANES, WORLD_OBJECTS_MAX = 16, WORLD_LOG_MAX = 64 * 1024 };
/* disk_mark(): an object is gone from hsm; its first byte is added. */
enum { WORLD_MARK_CLEANED = 0x300 };

struct world_worker {
	struct ipc *ipc; /* its end; NULL while there is none */
	struct worker_page *page;
	bool is_mute;			    /* hears, but does not answer */
	enum status_code clean_fails;	    /* what it answers to CLEAN; OK: done */
	unsigned cleans;		    /* CLEANs heard */
	uint8_t cleaned[WORLD_OBJECTS_MAX]; /* the first bytes of their hardware ids */
};

struct world {
	struct fixture f; /* the state directory; the log is in f.directory/audit */
	char audit[80];
	struct agent *agent; /* NULL while closed */
	struct keystore *store;
	struct world_worker workers[WORLD_LANES];
	bool objects[256];		  /* what hsm holds, by the first byte of the hardware id */
	bool (*is_over)(struct world *w); /* ends world_run() */
	size_t jobs_out;
	unsigned ticks;
	unsigned fail_allocation; /* in recovery_load(), this one; 0: none */
	bool has_failed;	  /* it did */
	char log[WORLD_LOG_MAX];  /* after world_read_log() */
};

/* An empty directory; a world that is open is closed by world_done(). */
void world_init(struct world *w);
void world_done(struct world *w);

/* As the agent starts: store, keys, log, journal, durability thread; no worker yet.  before_log runs when the store is
 * open and the log is not, may be NULL. */
struct status world_open(struct world *w, void (*before_log)(struct world *w));
/* The end of the process, in order. */
void world_close(struct world *w);

/* A worker comes and says hello when the loop runs; it goes. */
void world_connect(struct world *w, size_t lane);
void world_disconnect(struct world *w, size_t lane);
/* Until is_over says so after a turn; fails the test when that takes too long. */
void world_run(struct world *w, bool (*is_over)(struct world *w));
bool world_is_up(struct world *w);   /* both lanes */
bool world_is_idle(struct world *w); /* every job submitted with world_submit() is back */

/* Job to the durability thread, counted. */
void world_submit(struct world *w, struct durable_job *job);

/* A key of fixture_space() on a lane; hardware id: all bytes `object`. */
struct key_record world_key(const struct keystore *store, size_t lane, const char *name, uint8_t object);
/* Who asked, in what follows; zero: "spiffe://prod.example/a". */
void world_caller(struct identity who);
/* Its intent, with the record that a request of that identity would leave; record is the caller's buffer. */
struct intent world_intent(const struct key_record *key, enum intent_op op, struct buf *record);
/* Such a request, as far as recovery looks at it; kept until the next call. */
struct request *world_request(struct world *w, const struct key_record *key);

/* What was there before: rows, and lines up to number `lines`; while closed. */
void world_put_key(struct world *w, const struct key_record *key);
int64_t world_put_intent(struct world *w, const struct key_record *key, enum intent_op op, uint64_t seq);
void world_put_lines(struct world *w, unsigned lines);

/* All segments, in order, into w->log. */
void world_read_log(struct world *w);
/* Lines that contain all of these (NULL: any). */
unsigned world_count_lines(const struct world *w, const char *one, const char *two, const char *three);
/* The entry of a name, NULL when it is free. */
struct keyindex_entry *world_entry(struct world *w, const char *name);
/* What the store holds; while closed. */
void world_count_rows(struct world *w, size_t *ret_keys, size_t *ret_intents);

#endif
