/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked for once, what is remembered, and what is bounded: agent/resolve_table.c, resolve_use.c and host_table.c, which know
 * no clock.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "agent/host_table.h"
#include "agent/resolve_table.h"
#include "agent/resolve_use.h"
#include "lib/error.h"

#define MS 1000000ull
#define S 1000000000ull

static const struct ipv4 A = {{10, 0, 0, 2}}, B = {{10, 0, 0, 4}};

static struct resolve_table *table;
static uint64_t done[64];
static size_t done_count;

static struct mapping_key key(uint32_t number)
{
	return (struct mapping_key){.vni = 77, .address = {10, 1, (uint8_t)(number >> 8), (uint8_t)number}};
}

static void start(void)
{
	static const struct resolve_bounds bounds = {.in_flight = 8, .per_source = 4, .negatives = 4};

	done_count = 0;
	table = resolve_table_new(&bounds);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
}

static void on_done(void *context, uint64_t id)
{
	(void)context;
	if (done_count < ARRAY_LEN(done))
		done[done_count++] = id;
}

static enum resolve_step ask(uint64_t now_ns, uint32_t number, struct ipv4 source, uint64_t id)
{
	struct mapping_key wanted = key(number);

	return resolve_table_ask(table, now_ns, &wanted, source, id);
}

static int end(uint64_t now_ns, uint32_t number, enum resolve_outcome outcome, struct ipv4 *source)
{
	struct mapping_key wanted = key(number);
	struct ipv4 next;

	return resolve_table_end(table, now_ns, &wanted, outcome, source ? source : &next, on_done, NULL);
}

static const struct resolve_counters *counters(void)
{
	return resolve_table_counters(table);
}

static void one_request(void)
{
	start();
	CU_ASSERT_EQUAL(ask(0, 1, A, 11), RESOLVE_STEP_ASK);
	CU_ASSERT_EQUAL(ask(1, 1, A, 12), RESOLVE_STEP_WAIT);
	CU_ASSERT_EQUAL(ask(2, 1, B, 13), RESOLVE_STEP_WAIT);
	CU_ASSERT_EQUAL(ask(2, 1, B, 0), RESOLVE_STEP_WAIT);
	CU_ASSERT_EQUAL(resolve_table_in_flight(table), 1);
	CU_ASSERT_EQUAL(end(3, 1, RESOLVE_FOUND, NULL), 0);
	CU_ASSERT(done_count == 3 && done[0] == 11 && done[1] == 12 && done[2] == 13);
	CU_ASSERT_EQUAL(resolve_table_in_flight(table), 0);
	CU_ASSERT(counters()->asked == 1 && counters()->joined == 2 && counters()->found == 1);
	/* What was found is not remembered here: it is a mapping. */
	CU_ASSERT_EQUAL(ask(4, 1, A, 0), RESOLVE_STEP_ASK);
	CU_ASSERT_EQUAL(counters()->refreshed, 1);
	CU_ASSERT_EQUAL(end(5, 1, RESOLVE_FOUND, NULL), 0);
	CU_ASSERT_EQUAL(end(6, 1, RESOLVE_FOUND, NULL), -ENOENT);
	CU_ASSERT(counters()->late == 1 && done_count == 3);
	resolve_table_free(table);
}

static void negatives(void)
{
	static const struct {
		enum resolve_outcome outcome;
		uint64_t for_ns;
	} cases[] = {{RESOLVE_ABSENT, RESOLVE_ABSENT_NS}, {RESOLVE_REFUSED, RESOLVE_ABSENT_NS},
		{RESOLVE_FAILED, RESOLVE_FAILED_NS}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start();
		ask(0, 1, A, 1);
		CU_ASSERT_EQUAL(end(10, 1, cases[i].outcome, NULL), 0);
		CU_ASSERT_EQUAL(ask(9 + cases[i].for_ns, 1, A, 2), RESOLVE_STEP_KNOWN);
		CU_ASSERT_EQUAL(ask(11, 2, A, 3), RESOLVE_STEP_ASK);
		/* A refusal is one node's. */
		CU_ASSERT_EQUAL(ask(12, 1, B, 4),
			cases[i].outcome == RESOLVE_REFUSED ? RESOLVE_STEP_ASK : RESOLVE_STEP_KNOWN);
		if (cases[i].outcome == RESOLVE_REFUSED)
			end(13, 1, RESOLVE_FOUND, NULL);
		CU_ASSERT_EQUAL(ask(10 + cases[i].for_ns, 1, A, 5), RESOLVE_STEP_ASK);
		resolve_table_free(table);
	}
}

static void oldest_goes(void)
{
	start();
	for (uint32_t i = 0; i < 5; i++) {
		ask(i, i, A, 1);
		end(i, i, RESOLVE_ABSENT, NULL);
	}
	CU_ASSERT_EQUAL(resolve_table_negatives(table), 4);
	CU_ASSERT_EQUAL(ask(10, 0, A, 1), RESOLVE_STEP_ASK);
	CU_ASSERT_EQUAL(ask(10, 1, A, 1), RESOLVE_STEP_KNOWN);
	/* The same again takes no second place. */
	end(10, 0, RESOLVE_ABSENT, NULL);
	CU_ASSERT_EQUAL(resolve_table_negatives(table), 4);
	resolve_table_forget(table);
	CU_ASSERT_EQUAL(resolve_table_negatives(table), 0);
	CU_ASSERT_EQUAL(ask(11, 1, A, 1), RESOLVE_STEP_ASK);
	resolve_table_free(table);
}

static void room(void)
{
	start();
	for (uint32_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(ask(0, i, A, 1), RESOLVE_STEP_ASK);
	CU_ASSERT_EQUAL(ask(0, 4, A, 1), RESOLVE_STEP_FULL);
	/* Who asks much takes nothing from others, up to the bound of all. */
	CU_ASSERT_EQUAL(ask(0, 3, A, 2), RESOLVE_STEP_WAIT);
	for (uint32_t i = 10; i < 14; i++)
		CU_ASSERT_EQUAL(ask(0, i, B, 1), RESOLVE_STEP_ASK);
	CU_ASSERT_EQUAL(ask(0, 20, (struct ipv4){{10, 0, 0, 9}}, 1), RESOLVE_STEP_FULL);
	CU_ASSERT_EQUAL(counters()->full, 2);
	end(1, 0, RESOLVE_ABSENT, NULL);
	CU_ASSERT_EQUAL(ask(1, 4, A, 1), RESOLVE_STEP_ASK);
	/* What met a bound is not remembered. */
	end(1, 4, RESOLVE_FOUND, NULL);
	CU_ASSERT_EQUAL(ask(2, 20, (struct ipv4){{10, 0, 0, 9}}, 1), RESOLVE_STEP_ASK);
	resolve_table_free(table);
}

static void refused_to_one(void)
{
	struct ipv4 next = {{0}};

	start();
	ask(0, 1, A, 1);
	ask(0, 1, B, 2);
	ask(0, 1, A, 3);
	CU_ASSERT_EQUAL(end(5, 1, RESOLVE_REFUSED, &next), 1);
	CU_ASSERT(ipv4_equal(next, B) && done_count == 2);
	CU_ASSERT((done[0] == 1 && done[1] == 3) || (done[0] == 3 && done[1] == 1));
	CU_ASSERT_EQUAL(resolve_table_due(table), 5 + RESOLVE_TIMEOUT_NS);
	CU_ASSERT_EQUAL(end(6, 1, RESOLVE_FOUND, NULL), 0);
	CU_ASSERT(done_count == 3 && done[2] == 2);
	/* Nobody waits, but it was another that was refused. */
	CU_ASSERT_EQUAL(ask(7, 1, A, 4), RESOLVE_STEP_KNOWN);
	resolve_table_free(table);
}

static void timeouts(void)
{
	struct mapping_key first = key(1), out;

	start();
	CU_ASSERT_EQUAL(resolve_table_due(table), UINT64_MAX);
	ask(0, 1, A, 1);
	ask(5, 2, A, 2);
	CU_ASSERT_EQUAL(resolve_table_due(table), RESOLVE_TIMEOUT_NS);
	CU_ASSERT_EQUAL(resolve_table_overdue(table, RESOLVE_TIMEOUT_NS - 1, &out), -ENOENT);
	CU_ASSERT_EQUAL(resolve_table_overdue(table, RESOLVE_TIMEOUT_NS, &out), 0);
	CU_ASSERT(!memcmp(&out, &first, sizeof(out)));
	CU_ASSERT_EQUAL(end(RESOLVE_TIMEOUT_NS, 1, RESOLVE_FAILED, NULL), 0);
	CU_ASSERT_EQUAL(resolve_table_overdue(table, RESOLVE_TIMEOUT_NS, &out), -ENOENT);
	CU_ASSERT(counters()->timed_out == 1 && counters()->failed == 1);
	/* It could not even be asked. */
	ask(10, 3, A, 3);
	out = key(3);
	resolve_table_fail(table, &out);
	CU_ASSERT_EQUAL(resolve_table_due(table), 0);
	CU_ASSERT_EQUAL(resolve_table_overdue(table, 11, &out), 0);
	CU_ASSERT_EQUAL(counters()->timed_out, 1);
	resolve_table_free(table);
}

static void invalidated(void)
{
	struct mapping_key first = key(1);
	struct ipv4 again = {{0}};

	start();
	ask(0, 1, A, 1);
	CU_ASSERT(resolve_table_expects(table, &first));
	resolve_table_invalidate(table, &first);
	CU_ASSERT(!resolve_table_expects(table, &first));
	/* That answer may be from before. */
	CU_ASSERT_EQUAL(end(1, 1, RESOLVE_FOUND, &again), 1);
	CU_ASSERT(ipv4_equal(again, A) && done_count == 0 && resolve_table_expects(table, &first));
	CU_ASSERT_EQUAL(end(2, 1, RESOLVE_ABSENT, NULL), 0);
	CU_ASSERT_EQUAL(done_count, 1);
	CU_ASSERT_EQUAL(ask(3, 1, A, 2), RESOLVE_STEP_KNOWN);
	resolve_table_invalidate(table, &first);
	CU_ASSERT_EQUAL(ask(4, 1, A, 3), RESOLVE_STEP_ASK);
	/* No answer at all is none, doubted or not. */
	resolve_table_invalidate(table, &first);
	CU_ASSERT_EQUAL(end(5, 1, RESOLVE_FAILED, NULL), 0);
	resolve_table_free(table);
}

static void gone_once(void)
{
	static const uint8_t there[OVNET_PREFIX_LEN] = {0xfd, 0, 0, 1}, elsewhere[OVNET_PREFIX_LEN] = {0xfd, 0, 0, 2};
	struct mapping_key first = key(1), second = key(2);

	start();
	CU_ASSERT(resolve_table_gone(table, 10, &first, there));
	CU_ASSERT(!resolve_table_gone(table, 11, &first, there));
	CU_ASSERT(resolve_table_gone(table, 11, &first, elsewhere));
	CU_ASSERT(resolve_table_gone(table, 11, &second, there));
	CU_ASSERT(!resolve_table_gone(table, 9 + RESOLVE_GONE_AGAIN_NS, &first, there));
	CU_ASSERT(resolve_table_gone(table, 10 + RESOLVE_GONE_AGAIN_NS, &first, there));
	resolve_table_free(table);
}

/* Ten thousand steps of anybody: nothing is told twice, nothing is lost, no bound is passed. */
static unsigned told[4096];

static void count_told(void *context, uint64_t id)
{
	(void)context;
	told[id]++;
}

static void any_order(void)
{
	uint64_t state = 0x2545f4914f6cdd1dull, id = 0;
	bool waits[4096] = {false};

	start();
	memset(told, 0, sizeof(told));
	for (uint64_t now_ns = 0; now_ns < 4000; now_ns++) {
		struct mapping_key wanted = key((uint32_t)(unit_random(&state) % 12));
		struct ipv4 source = {{10, 0, 0, (uint8_t)(unit_random(&state) % 3)}};
		uint64_t what = unit_random(&state) % 8;
		enum resolve_step step;

		if (what < 4) {
			step = resolve_table_ask(table, now_ns * 10 * MS, &wanted, source, ++id);
			waits[id] = step == RESOLVE_STEP_ASK || step == RESOLVE_STEP_WAIT;
		} else if (what < 7) {
			resolve_table_end(table, now_ns * 10 * MS, &wanted,
				(enum resolve_outcome)(unit_random(&state) % 4), &source, count_told, NULL);
		} else {
			resolve_table_invalidate(table, &wanted);
		}
		CU_ASSERT(resolve_table_in_flight(table) <= 8 && resolve_table_negatives(table) <= 4);
	}
	for (uint32_t i = 0; i < 12; i++) {
		struct mapping_key left = key(i);
		struct ipv4 source;

		while (resolve_table_end(table, 4000 * 10 * MS, &left, RESOLVE_FAILED, &source, count_told, NULL) == 1)
			;
	}
	CU_ASSERT_EQUAL(resolve_table_in_flight(table), 0);
	for (uint64_t i = 1; i <= id; i++)
		CU_ASSERT_EQUAL(told[i], waits[i]);
	resolve_table_free(table);
}

/* ---- use */

static struct mapping_key due[8];
static size_t due_count;

static void on_due(void *context, const struct mapping_key *which, struct ipv4 source)
{
	(void)context;
	CU_ASSERT(ipv4_equal(source, A));
	if (due_count < ARRAY_LEN(due))
		due[due_count++] = *which;
}

static size_t look(struct resolve_uses *uses, uint64_t now_ns)
{
	due_count = 0;
	resolve_use_due(uses, now_ns, on_due, NULL);
	return due_count;
}

static void in_use(void)
{
	struct resolve_uses *uses = resolve_uses_new();
	struct mapping_key used = key(1), idle = key(2), stranger = key(3);

	CU_ASSERT_PTR_NOT_NULL_FATAL(uses);
	resolve_use_note(uses, &used, 100 * S, 108 * S);
	resolve_use_note(uses, &idle, 100 * S, 108 * S);
	resolve_use_mark(uses, &used, A, 100 * S);
	/* From before it was resolved: of a former use. */
	resolve_use_mark(uses, &idle, A, 100 * S - 1);
	resolve_use_mark(uses, &stranger, A, 101 * S);
	CU_ASSERT_EQUAL(look(uses, 105 * S - 1), 0);
	CU_ASSERT_EQUAL(look(uses, 107 * S), 1);
	CU_ASSERT(!memcmp(&due[0], &used, sizeof(used)));
	CU_ASSERT_EQUAL(look(uses, 107 * S), 1);
	CU_ASSERT(resolve_use_was_told(uses, &used) && !resolve_use_was_told(uses, &stranger));
	/* Answered: due again when it is used again. */
	resolve_use_note(uses, &used, 107 * S, 115 * S);
	CU_ASSERT_EQUAL(look(uses, 114 * S), 0);
	CU_ASSERT(!resolve_use_was_told(uses, &idle));
	resolve_use_mark(uses, &used, A, 108 * S);
	CU_ASSERT_EQUAL(look(uses, 114 * S), 1);
	resolve_use_forget(uses, &used);
	CU_ASSERT_EQUAL(look(uses, 114 * S), 0);
	resolve_uses_free(uses);
}

static void splayed(void)
{
	struct resolve_uses *uses = resolve_uses_new();
	size_t last = 0, steps = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(uses);
	for (uint32_t i = 0; i < 8; i++) {
		struct mapping_key each = key(i);

		resolve_use_note(uses, &each, 0, 800 * S);
		resolve_use_mark(uses, &each, A, 1);
	}
	CU_ASSERT_EQUAL(look(uses, 500 * S - 1), 0);
	for (uint64_t now_s = 500; now_s <= 700; now_s += 10) {
		size_t count = look(uses, now_s * S);

		CU_ASSERT(count >= last);
		steps += count != last;
		last = count;
	}
	CU_ASSERT(last == 8 && steps >= 4);
	resolve_uses_free(uses);
}

static void inherited(void)
{
	struct resolve_uses *uses = resolve_uses_new();
	struct mapping_key used = key(1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(uses);
	resolve_use_inherit(uses, &used, 100 * S, 900 * S);
	CU_ASSERT(!resolve_use_was_told(uses, &used));
	CU_ASSERT_EQUAL(look(uses, 101 * S), 0);
	resolve_use_mark(uses, &used, A, 1);
	CU_ASSERT_EQUAL(look(uses, 101 * S), 1);
	resolve_uses_free(uses);
}

/* ---- hosts */

static struct engine_host host(uint8_t number, uint8_t secret, uint8_t length)
{
	struct engine_host made = {
		.host = number,
		.locator = {.octet = {0xfd, 0, 0, 1, 0, 0, 0, number}, .length = length},
	};

	memset(made.key, secret, sizeof(made.key));
	if (length == 72)
		made.locator.octet[8] = 3 << 2;
	return made;
}

static struct substrate at(uint8_t number, uint8_t slot)
{
	return (struct substrate){{0xfd, 0, 0, 1, 0, 0, 0, number, (uint8_t)(slot << 2), 0, 0, 77, 10, 0, 0, 3}};
}

static void hosts(void)
{
	struct host_table *known = host_table_new(2);
	struct engine_host first = host(1, 11, 64), narrow = host(2, 12, 72), third = host(3, 13, 64), out, former;
	struct substrate address = at(1, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(known);
	CU_ASSERT_EQUAL(host_table_set(known, 0, &first, 10, &former), 0);
	CU_ASSERT_EQUAL(host_table_set(known, 0, &narrow, 20, &former), 0);
	CU_ASSERT_EQUAL(host_table_at(known, 9, &address, &out), 0);
	CU_ASSERT_EQUAL(out.host, 1);
	CU_ASSERT_EQUAL(host_table_of(known, 9, narrow.key, &out), 0);
	CU_ASSERT_EQUAL(out.host, 2);
	address = at(2, 3);
	CU_ASSERT_EQUAL(host_table_at(known, 9, &address, &out), 0);
	address = at(2, 4);
	CU_ASSERT_EQUAL(host_table_at(known, 9, &address, &out), -ENOENT);
	/* Full; one that is past its end makes room, and is not found before that either. */
	CU_ASSERT_EQUAL(host_table_set(known, 9, &third, 30, &former), -ENOSPC);
	address = at(1, 0);
	CU_ASSERT_EQUAL(host_table_at(known, 10, &address, &out), -ENOENT);
	CU_ASSERT_EQUAL(host_table_set(known, 10, &third, 30, &former), 0);
	CU_ASSERT_EQUAL(host_table_count(known), 2);
	/* Never back. */
	CU_ASSERT_EQUAL(host_table_set(known, 11, &third, 12, &former), 0);
	CU_ASSERT_EQUAL(host_table_of(known, 29, third.key, &out), 0);
	CU_ASSERT_EQUAL(host_table_sweep(known, 25, &out), 0);
	CU_ASSERT_EQUAL(out.host, 2);
	CU_ASSERT_EQUAL(host_table_sweep(known, 25, &out), -ENOENT);
	CU_ASSERT(host_table_del(known, &third.locator) == 0 && host_table_del(known, &third.locator) == -ENOENT);
	CU_ASSERT_EQUAL(host_table_count(known), 0);
	host_table_free(known);
}

static void hosts_change(void)
{
	struct host_table *known = host_table_new(8);
	struct engine_host first = host(1, 11, 64), keyed = host(1, 12, 64), moved = host(2, 12, 64), out, former;
	struct substrate address = at(1, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(known);
	host_table_set(known, 0, &first, 10, &former);
	CU_ASSERT_EQUAL(host_table_set(known, 0, &keyed, 10, &former), 1);
	CU_ASSERT_EQUAL(former.key[0], 11);
	CU_ASSERT_EQUAL(host_table_of(known, 1, first.key, &out), -ENOENT);
	/* The same key at another place: it is not where it was. */
	CU_ASSERT_EQUAL(host_table_set(known, 0, &moved, 10, &former), 1);
	CU_ASSERT_EQUAL(former.locator.octet[7], 1);
	CU_ASSERT_EQUAL(host_table_at(known, 1, &address, &out), -ENOENT);
	CU_ASSERT_EQUAL(host_table_count(known), 1);
	host_table_free(known);
}

static const struct unit_test tests[] = {
	{"one request is in flight for an address", one_request},
	{"answers in the negative are remembered for a while", negatives},
	{"the oldest of them goes", oldest_goes},
	{"what is in flight is bounded, for each node and for all", room},
	{"what is refused to one node is not refused to others", refused_to_one},
	{"what takes too long has failed", timeouts},
	{"an invalidation overtakes what is in flight", invalidated},
	{"a place is doubted once in a while", gone_once},
	{"any order: each question is told once", any_order},
	{"what is in use is asked for again before it ends", in_use},
	{"each at a time of its own", splayed},
	{"what was there at the start is asked for soon", inherited},
	{"learned hosts have a place, a key and an end", hosts},
	{"learned hosts that change", hosts_change},
};

int main(void)
{
	return unit_run("resolve", tests, ARRAY_LEN(tests));
}
