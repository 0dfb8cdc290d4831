/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/own.h"

enum {
	BUCKETS = 32768,	 /* a power of two, of pins and of identities each */
	BUCKETS_A_SECOND = 4096, /* looked through for the dead: all in eight seconds */
};

/* An account that holds tokens of an identity.  Counted: each pin that it was first with, and each place. */
struct holder {
	struct holder *next;
	unsigned refs;
	uid_t uid;
	gid_t gid;
	uint32_t label_len;
	char label[];
};

/* Who has tokens. */
struct owner {
	struct owner *next; /* of its bucket */
	struct holder *holders;
	unsigned holder_count;
	size_t pin_count;
	uint64_t conflicts, alarm_at_s; /* monotonic; 0: no alarm yet */
	uint64_t hash;
	uint8_t authenticator;
	size_t name_len;
	uint8_t name[];
};

/* A principal that may use the token. */
struct place {
	struct place *next;
	struct holder *holder;
	struct principal_process process;
	uint64_t cgroup;
	int pidfd; /* owned; -1: its end is not seen, or not asked */
};

struct pin {
	struct pin *next; /* of its bucket */
	struct owner *owner;
	struct holder *first; /* NULL: nobody was accepted yet */
	struct place *places;
	uint32_t place_count;
	bool tells_instances;
	uint64_t refused, conflicts, alarm_at_s;
	int64_t until_s;
	uint64_t until_mono_s;
	uint8_t hash[BIND_HASH_BYTES];
};

struct binds {
	const struct principal_facts *facts; /* borrowed */
	struct hash_seed seed;
	size_t descriptors_max, places;
	size_t swept; /* next bucket to look through */
	struct bind_counts counts;
	struct pin *pins[BUCKETS];
	struct owner *owners[BUCKETS];
};

/* ---- owners and holders ----------------------------------------------------------------------------------------- */

static bool is_account(const struct holder *holder, const struct principal *who)
{
	return holder->uid == who->uid && holder->gid == who->gid &&
	       bytes_equal(bytes_of(holder->label, holder->label_len), principal_label(who));
}

static struct holder *holder_find(const struct owner *owner, const struct principal *who)
{
	struct holder *holder = owner->holders;

	while (holder != NULL && !is_account(holder, who))
		holder = holder->next;
	return holder;
}

/* One more reference. */
static struct status holder_get(struct owner *owner, const struct principal *who, struct holder **ret_holder)
{
	struct holder *holder = holder_find(owner, who);

	if (holder == NULL) {
		ENSURE(owner->holder_count < CONFIG_PRINCIPALS_MAX, BIND_FULL);
		holder = malloc(sizeof(*holder) + who->label_len);
		ENSURE(holder != NULL, NO_MEMORY);
		*holder = (struct holder){
			.next = owner->holders, .uid = who->uid, .gid = who->gid, .label_len = who->label_len
		};
		memcpy(holder->label, who->label, who->label_len);
		owner->holders = holder;
		owner->holder_count++;
	}
	holder->refs++;
	*ret_holder = holder;
	return OK;
}

static void holder_put(struct owner *owner, struct holder *holder)
{
	struct holder **link = &owner->holders;

	if (holder == NULL || --holder->refs > 0)
		return;
	while (*link != holder)
		link = &(*link)->next;
	*link = holder->next;
	owner->holder_count--;
	free(holder);
}

static struct owner **owner_bucket(struct binds *binds, uint64_t hash)
{
	return &binds->owners[hash & (BUCKETS - 1)];
}

static struct status owner_get(struct binds *binds, const struct bind_token *token, struct owner **ret_owner)
{
	uint64_t hash = hash_keyed(&binds->seed, token->authenticator, token->identity);
	struct owner **bucket = owner_bucket(binds, hash), *owner = *bucket;

	while (owner != NULL && (owner->hash != hash || owner->authenticator != token->authenticator ||
					!bytes_equal(bytes_of(owner->name, owner->name_len), token->identity)))
		owner = owner->next;
	if (owner == NULL) {
		owner = malloc(sizeof(*owner) + token->identity.len);
		ENSURE(owner != NULL, NO_MEMORY);
		*owner = (struct owner){ .next = *bucket,
			.hash = hash,
			.authenticator = token->authenticator,
			.name_len = token->identity.len };
		if (token->identity.len > 0)
			memcpy(owner->name, token->identity.data, token->identity.len);
		*bucket = owner;
		binds->counts.identities++;
	}
	*ret_owner = owner;
	return OK;
}

/* One without pins is nobody. */
static void owner_tidy(struct binds *binds, struct owner *owner)
{
	struct owner **link = owner_bucket(binds, owner->hash);

	if (owner->pin_count > 0)
		return;
	while (*link != owner)
		link = &(*link)->next;
	*link = owner->next;
	binds->counts.identities--;
	free(owner);
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static enum principal_scope scope_of(const struct config_bind *rule)
{
	if (rule->binding != BINDING_FIRST_USE || rule->instances == CONFIG_UNSET)
		return PRINCIPAL_ACCOUNT;
	return rule->instance == INSTANCE_CGROUP ? PRINCIPAL_CGROUP : PRINCIPAL_PROCESS;
}

static bool place_fits(const struct place *place, enum principal_scope scope, const struct principal *who)
{
	if (!is_account(place->holder, who))
		return false;
	if (scope == PRINCIPAL_PROCESS)
		return principal_process_equal(&place->process, &who->process);
	return scope == PRINCIPAL_ACCOUNT || (who->cgroup != 0 && place->cgroup == who->cgroup);
}

static struct place *place_find(const struct pin *pin, enum principal_scope scope, const struct principal *who)
{
	struct place *place = pin->places;

	while (place != NULL && !place_fits(place, scope, who))
		place = place->next;
	return place;
}

/* Without one to spare the place stays taken as long as the token lives. */
static void place_follow(struct binds *binds, struct place *place, const struct principal *who)
{
	if (who->pidfd < 0 || binds->counts.descriptors >= binds->descriptors_max)
		return;
	place->pidfd = fcntl(who->pidfd, F_DUPFD_CLOEXEC, 0);
	binds->counts.descriptors += place->pidfd >= 0;
}

static void place_unfollow(struct binds *binds, struct place *place)
{
	binds->counts.descriptors -= place->pidfd >= 0;
	own_close(&place->pidfd);
}

static struct status place_add(
	struct binds *binds, struct pin *pin, enum principal_scope scope, const struct principal *who)
{
	struct place *place;
	struct status st;

	ENSURE(pin->place_count < BIND_PLACES_OF_TOKEN && binds->places < BIND_PLACES_MAX, BIND_FULL);
	place = calloc(1, sizeof(*place));
	ENSURE(place != NULL, NO_MEMORY);
	*place = (struct place){ .next = pin->places, .process = who->process, .cgroup = who->cgroup, .pidfd = -1 };
	st = holder_get(pin->owner, who, &place->holder);
	if (st.code != STATUS_OK) {
		free(place);
		return st;
	}
	if (scope != PRINCIPAL_ACCOUNT)
		place_follow(binds, place, who);
	pin->places = place;
	pin->place_count++;
	binds->places++;
	if (pin->first == NULL) {
		pin->first = place->holder;
		pin->first->refs++;
	}
	return OK;
}

static void place_remove(struct binds *binds, struct pin *pin, struct place **link)
{
	struct place *place = *link;

	*link = place->next;
	pin->place_count--;
	binds->places--;
	holder_put(pin->owner, place->holder);
	place_unfollow(binds, place);
	free(place);
}

/* The end of a process frees its place. */
static void places_free_ended(struct binds *binds, struct pin *pin)
{
	struct place **link = &pin->places;

	while (*link != NULL)
		if (principal_process_ended(&(*link)->process, (*link)->pidfd))
			place_remove(binds, pin, link);
		else
			link = &(*link)->next;
}

/* ---- pins ------------------------------------------------------------------------------------------------------- */

static struct pin **pin_bucket(struct binds *binds, const uint8_t *hash)
{
	return &binds->pins[hash_keyed(&binds->seed, 0, bytes_of(hash, BIND_HASH_BYTES)) & (BUCKETS - 1)];
}

static size_t share(const struct binds *binds)
{
	if (binds->counts.pins >= BIND_PINS_MAX)
		return 0;
	return binds->counts.pins < BIND_PINS_FREE ? BIND_PINS_OF_IDENTITY : BIND_PINS_OF_MODEST;
}

static struct status pin_make(struct binds *binds, struct pin **bucket, const struct bind_token *token,
	const struct bind_time *now, struct pin **ret_pin)
{
	struct owner *owner = NULL;
	struct pin *pin;

	TRY(owner_get(binds, token, &owner));
	if (owner->pin_count >= share(binds)) {
		binds->counts.full++;
		owner_tidy(binds, owner);
		return FAIL(BIND_FULL);
	}
	pin = calloc(1, sizeof(*pin));
	if (pin == NULL) {
		owner_tidy(binds, owner);
		return FAIL(NO_MEMORY);
	}
	*pin = (struct pin){ .next = *bucket, .owner = owner, .until_s = token->until_s };
	pin->until_mono_s = now->mono_s;
	if (token->until_s > now->wall_s)
		pin->until_mono_s += (uint64_t)(token->until_s - now->wall_s);
	memcpy(pin->hash, token->hash, sizeof(pin->hash));
	*bucket = pin;
	owner->pin_count++;
	binds->counts.pins++;
	*ret_pin = pin;
	return OK;
}

static struct status pin_get(
	struct binds *binds, const struct bind_token *token, const struct bind_time *now, struct pin **ret_pin)
{
	struct pin **bucket = pin_bucket(binds, token->hash), *pin = *bucket;

	while (pin != NULL && memcmp(pin->hash, token->hash, sizeof(pin->hash)) != 0)
		pin = pin->next;
	if (pin == NULL)
		return pin_make(binds, bucket, token, now, ret_pin);
	*ret_pin = pin;
	return OK;
}

static void pin_remove(struct binds *binds, struct pin **link)
{
	struct pin *pin = *link;
	struct owner *owner = pin->owner;

	*link = pin->next;
	while (pin->places != NULL)
		place_remove(binds, pin, &pin->places);
	holder_put(owner, pin->first);
	owner->pin_count--;
	owner_tidy(binds, owner);
	binds->counts.pins--;
	free(pin);
}

void binds_second(struct binds *binds, const struct bind_time *now)
{
	for (size_t i = 0; i < BUCKETS_A_SECOND; i++) {
		struct pin **link = &binds->pins[binds->swept++ & (BUCKETS - 1)];

		while (*link != NULL)
			if ((*link)->until_s < now->wall_s && (*link)->until_mono_s < now->mono_s)
				pin_remove(binds, link);
			else
				link = &(*link)->next;
	}
}

struct status binds_new(const struct principal_facts *facts, size_t descriptors, struct binds **ret_binds)
{
	AUTO(own_free) struct binds *binds = calloc(1, sizeof(*binds));

	ENSURE(binds != NULL, NO_MEMORY);
	TRY(hash_seed(&binds->seed));
	binds->facts = facts;
	binds->descriptors_max = descriptors;
	*ret_binds = TAKE(binds);
	return OK;
}

void binds_free(struct binds *binds)
{
	if (binds == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (binds->pins[i] != NULL)
			pin_remove(binds, &binds->pins[i]);
	free(binds);
}

/* ---- the question ----------------------------------------------------------------------------------------------- */

bool bind_is_declared(const struct config_principal *declared, uint32_t count, const struct principal *who,
	const struct principal_facts *facts)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct config_principal *one = &declared[i];

		if ((one->uid == CONFIG_UNSET || one->uid == who->uid) &&
			(one->gid == CONFIG_UNSET || one->gid == who->gid) &&
			(one->label == NULL || bytes_equal(bytes_from_text(one->label), principal_label(who))) &&
			(one->cgroup == NULL || principal_in_cgroup(who, facts, one->cgroup)))
			return true;
	}
	return false;
}

/* At most one alarm in BIND_ALARM_S; what happened meanwhile is counted in the next. */
static bool alarm_is_due(uint64_t *conflicts, uint64_t *alarm_at_s, uint64_t mono_s, uint64_t *ret_conflicts)
{
	++*conflicts;
	if (*alarm_at_s != 0 && mono_s < *alarm_at_s + BIND_ALARM_S)
		return false;
	*ret_conflicts = *conflicts;
	*conflicts = 0;
	*alarm_at_s = mono_s > 0 ? mono_s : 1;
	return true;
}

/* Somebody else has the token as well. */
static void conflict(struct binds *binds, struct pin *pin, const struct bind_time *now, struct bind_verdict *verdict)
{
	pin->refused++;
	binds->counts.refused++;
	verdict->has_first = pin->first != NULL;
	verdict->uid = pin->first != NULL ? pin->first->uid : 0;
	verdict->gid = pin->first != NULL ? pin->first->gid : 0;
	if (alarm_is_due(&pin->conflicts, &pin->alarm_at_s, now->mono_s, &verdict->conflicts))
		verdict->alarm = BIND_ALARM_TOKEN;
}

/* Another account holds other tokens of this identity: where nobody declared both, that is news. */
static void count_holders(
	struct owner *owner, const struct principal *who, const struct bind_time *now, struct bind_verdict *verdict)
{
	const struct holder *other = owner->holders;

	while (other != NULL && is_account(other, who))
		other = other->next;
	if (other == NULL || verdict->alarm != BIND_QUIET)
		return;
	verdict->has_first = true;
	verdict->uid = other->uid;
	verdict->gid = other->gid;
	if (alarm_is_due(&owner->conflicts, &owner->alarm_at_s, now->mono_s, &verdict->conflicts))
		verdict->alarm = BIND_ALARM_IDENTITY;
}

/* Room for one more instance, or none. */
static struct status instance_add(
	struct binds *binds, struct pin *pin, const struct config_bind *rule, const struct principal *who)
{
	enum principal_scope scope = scope_of(rule);

	pin->tells_instances = true;
	if (scope == PRINCIPAL_PROCESS)
		ENSURE(principal_process_known(&who->process), BIND_UNKNOWN);
	else
		ENSURE(who->cgroup != 0, BIND_UNKNOWN);
	if (pin->place_count >= rule->instances)
		places_free_ended(binds, pin);
	ENSURE(pin->place_count < rule->instances, BIND_INSTANCES);
	return place_add(binds, pin, scope, who);
}

static struct status ask_first_use(
	struct binds *binds, struct pin *pin, const struct config_bind *rule, const struct principal *who)
{
	struct place *place;

	ENSURE(pin->first == NULL || is_account(pin->first, who), BIND_SCOPE);
	place = place_find(pin, scope_of(rule), who);
	if (place == NULL)
		return scope_of(rule) == PRINCIPAL_ACCOUNT ? place_add(binds, pin, PRINCIPAL_ACCOUNT, who)
							   : instance_add(binds, pin, rule, who);
	/* a cgroup stays as long as the process of it that came last */
	if (scope_of(rule) == PRINCIPAL_CGROUP && !principal_process_equal(&place->process, &who->process)) {
		place->process = who->process;
		place_unfollow(binds, place);
		place_follow(binds, place, who);
	}
	return OK;
}

/* Whoever it is passes, and is counted as far as there is room. */
static bool note(struct binds *binds, struct pin *pin, const struct principal *who)
{
	if (place_find(pin, PRINCIPAL_ACCOUNT, who) != NULL)
		return false;
	(void)place_add(binds, pin, PRINCIPAL_ACCOUNT, who); /* not counted, then */
	return true;
}

static bool proves_two_holders(enum status_code code)
{
	return code == STATUS_BIND_SCOPE || code == STATUS_BIND_INSTANCES || code == STATUS_BIND_DECLARED;
}

static struct status ask(struct binds *binds, struct pin *pin, const struct config_bind *rule,
	const struct principal *who, const struct bind_time *now, struct bind_verdict *verdict)
{
	uint32_t before = pin->place_count;
	struct status st = OK;

	switch ((enum config_binding)rule->binding) {
	case BINDING_FIRST_USE:
		st = ask_first_use(binds, pin, rule, who);
		break;
	case BINDING_DECLARED:
		if (!bind_is_declared(rule->declared, rule->declared_count, who, binds->facts))
			st = FAIL(BIND_DECLARED);
		else
			(void)note(binds, pin, who); /* several may be declared */
		break;
	case BINDING_WATCH:
		(void)note(binds, pin, who);
		if (pin->first != NULL && !is_account(pin->first, who))
			conflict(binds, pin, now, verdict);
		break;
	case BINDING_NONE:
		return OK;
	}
	if (proves_two_holders(st.code))
		conflict(binds, pin, now, verdict);
	if (pin->place_count > before && rule->binding != BINDING_DECLARED && is_account(pin->first, who))
		count_holders(pin->owner, who, now, verdict);
	verdict->principals = pin->owner->holder_count;
	return st;
}

struct status bind_check(struct binds *binds, const struct config_bind *rule, const struct bind_token *token,
	const struct principal *who, const struct bind_time *now, struct bind_verdict *ret_verdict)
{
	struct pin *pin = NULL;

	*ret_verdict = (struct bind_verdict){ 0 };
	if (rule->binding == BINDING_NONE)
		return OK;
	TRY(pin_get(binds, token, now, &pin));
	return ask(binds, pin, rule, who, now, ret_verdict);
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static struct bind_view view_of(const struct pin *pin)
{
	struct bind_view view = { .hash = pin->hash,
		.authenticator = pin->owner->authenticator,
		.identity = bytes_of(pin->owner->name, pin->owner->name_len),
		.has_first = pin->first != NULL,
		.instances = pin->tells_instances ? pin->place_count : 0,
		.refused = pin->refused,
		.until_s = pin->until_s };

	if (pin->first != NULL) {
		view.uid = pin->first->uid;
		view.gid = pin->first->gid;
		view.label = bytes_of(pin->first->label, pin->first->label_len);
		view.principals = pin->tells_instances ? 1 : pin->place_count;
	}
	return view;
}

void binds_visit(const struct binds *binds, int64_t now_s, bind_visit_fn *visit, void *context)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct pin *pin = binds->pins[i]; pin != NULL; pin = pin->next) {
			struct bind_view view = view_of(pin);

			if (pin->until_s >= now_s && !visit(context, &view))
				return;
		}
}

void binds_count(const struct binds *binds, struct bind_counts *ret_counts)
{
	*ret_counts = binds->counts;
}
