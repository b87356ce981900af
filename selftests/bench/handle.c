/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a handle costs: handle [ratio | PREFIXES...]
 *
 * First, for each number of prefixes and two ways in which they may lie, how long one search takes in each layout that could
 * hold them: by halving a sorted list, the same below a table of the first 16 bits, a tree of 256 branches with bitmaps, and
 * policy/addresses.c (Eytzinger). Warm: each search waits for the one before it. Cold: after 32 MB of other memory were
 * written. Then the whole decision of a first packet (both sides' answers, joined, and made rules) by a policy that names
 * the handle: its median, and what 100,000 prefixes make it against 10; `ratio` prints nothing else, for the benchmark.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/time.h"
#include "policy/policy.h"

#define QUESTIONS 65536 /* a power of two */
#define ROUNDS 7
#define COLD 401
#define OTHER_OCTETS (32u << 20)
#define DECISIONS 20001

struct span {
	uint32_t low, high;
};

/* Bits of what is in it, bits of what has a node of its own, and where those nodes begin. */
struct branch {
	uint64_t full[4], more[4];
	uint32_t first;
	uint8_t before[4];
};

static struct span *spans;
static size_t span_count;
static uint32_t *table;
static struct branch *branches;
static size_t branch_count, branch_room;
static struct policy_addresses *addresses;
static uint32_t questions[QUESTIONS];
static uint64_t state = 88172645463325252ull;
static bool quiet; /* only the ratio is wanted */

static uint64_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 2685821657736338717ull;
}

static struct ipv4 address_of(uint32_t number)
{
	return (struct ipv4){
		{(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static void PRINTF_LIKE(1, 2) told(const char *format, ...)
{
	va_list arguments;

	if (quiet)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

static void *room(void *what)
{
	if (!what) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return what;
}

/* ---- layouts */

static bool halve(size_t low, size_t high, uint32_t wanted)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans[middle].low <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low && wanted <= spans[low - 1].high;
}

static bool by_halving(uint32_t wanted)
{
	return halve(0, span_count, wanted);
}

static bool by_table(uint32_t wanted)
{
	return halve(table[wanted >> 16], table[(wanted >> 16) + 1], wanted);
}

static void table_make(void)
{
	size_t at = 0;

	table = room(calloc(65537, sizeof(*table)));
	for (uint64_t first = 0; first <= 65536; first++) {
		while (at < span_count && spans[at].low < first << 16)
			at++;
		table[first] = (uint32_t)at;
	}
}

static uint32_t branches_add(size_t count)
{
	size_t at = branch_count;

	while (branch_count + count > branch_room) {
		branch_room = branch_room ? branch_room * 2 : 64;
		branches = room(reallocarray(branches, branch_room, sizeof(*branches)));
	}
	memset(branches + at, 0, count * sizeof(*branches));
	branch_count += count;
	return (uint32_t)at;
}

/* The spans from..to of the 256 blocks of 1 << shift addresses that begin at `start`. */
static void branch_make(uint32_t place, size_t from, size_t to, uint32_t start, unsigned shift)
{
	struct branch made = {0};
	size_t begin[256], end[256], count = 0;
	uint8_t block[256];

	for (unsigned i = 0; i < 256; i++) {
		uint64_t low = (uint64_t)start + ((uint64_t)i << shift), high = low + (1ull << shift) - 1;
		size_t last;

		while (from < to && spans[from].high < low)
			from++;
		if (from == to || spans[from].low > high)
			continue;
		if (spans[from].low <= low && spans[from].high >= high) {
			made.full[i / 64] |= 1ull << i % 64;
			continue;
		}
		for (last = from; last < to && spans[last].low <= high;)
			last++;
		made.more[i / 64] |= 1ull << i % 64;
		begin[count] = from;
		end[count] = last;
		block[count++] = (uint8_t)i;
	}
	for (unsigned word = 0, sum = 0; word < 4; word++) {
		made.before[word] = (uint8_t)sum;
		sum += (unsigned)__builtin_popcountll(made.more[word]);
	}
	made.first = count ? branches_add(count) : 0;
	branches[place] = made;
	for (size_t i = 0; i < count; i++)
		branch_make(made.first + (uint32_t)i, begin[i], end[i], start + ((uint32_t)block[i] << shift),
			shift - 8);
}

static bool by_tree(uint32_t wanted)
{
	const struct branch *branch = branches;

	for (unsigned shift = 24;; shift -= 8) {
		unsigned block = wanted >> shift & 255, word = block / 64;
		uint64_t bit = 1ull << block % 64;

		if (branch->full[word] & bit)
			return true;
		if (!(branch->more[word] & bit))
			return false;
		branch = branches + branch->first + branch->before[word] +
			 __builtin_popcountll(branch->more[word] & (bit - 1));
	}
}

static bool by_addresses(uint32_t wanted)
{
	return policy_addresses_have(addresses, address_of(wanted));
}

/* ---- worlds */

static int span_compare(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	return (left->low > right->low) - (left->low < right->low);
}

/* Prefixes /24 to /32 anywhere, or /28 to /32 in 10.0.0.0/8: times of making them all are printed. */
static void world_make(size_t count, bool dense)
{
	struct ipv4_range *ranges = room(calloc(count, sizeof(*ranges)));
	uint64_t began, sorted, made;
	size_t merged = 0;

	spans = room(calloc(count, sizeof(*spans)));
	for (size_t i = 0; i < count; i++) {
		uint32_t beyond = UINT32_MAX >> (dense ? 28 : 24) >> chance() % (dense ? 5 : 9);
		uint32_t low = (dense ? 10u << 24 | ((uint32_t)chance() & 0xffffff) : (uint32_t)chance()) & ~beyond;

		spans[i] = (struct span){low, low | beyond};
		ranges[i] = (struct ipv4_range){address_of(low), address_of(low | beyond)};
	}
	began = time_now_ns();
	qsort(spans, count, sizeof(*spans), span_compare);
	for (size_t i = 0; i < count; i++) {
		if (!merged || (uint64_t)spans[merged - 1].high + 1 < spans[i].low)
			spans[merged++] = spans[i];
		else if (spans[i].high > spans[merged - 1].high)
			spans[merged - 1].high = spans[i].high;
	}
	span_count = merged;
	sorted = time_now_ns();
	branch_count = 0;
	branches_add(1);
	branch_make(0, 0, span_count, 0, 24);
	made = time_now_ns();
	told("%zu prefixes %s: list %.2f ms %zu KB, tree %.2f ms more %zu KB,", count, dense ? "in 10/8" : "anywhere",
		(double)(sorted - began) / 1e6, span_count * sizeof(*spans) / 1024, (double)(made - sorted) / 1e6,
		branch_count * sizeof(*branches) / 1024);
	table_make();
	began = time_now_ns();
	if (policy_addresses_make(ranges, count, &addresses))
		room(NULL);
	told(" handle %.2f ms %zu KB\n", (double)(time_now_ns() - began) / 1e6,
		policy_addresses_octets(addresses) / 1024);
	for (size_t i = 0; i < QUESTIONS; i++) {
		const struct span *some = &spans[chance() % span_count];

		questions[i] = chance() & 1 ? some->low + (uint32_t)(chance() % ((uint64_t)some->high - some->low + 1))
			       : dense      ? 10u << 24 | ((uint32_t)chance() & 0xffffff)
					    : (uint32_t)chance();
	}
	free(ranges);
}

static void world_free(void)
{
	free(spans);
	free(table);
	policy_addresses_release(addresses);
}

/* ---- searches */

static int time_compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void search(const char *name, bool (*has)(uint32_t wanted))
{
	static uint8_t other[OTHER_OCTETS];
	uint64_t cold[COLD], least = UINT64_MAX;
	size_t hits = 0;

	for (size_t i = 0; i < QUESTIONS; i++) {
		if (has(questions[i]) != by_halving(questions[i])) {
			fprintf(stderr, "%s differs\n", name);
			exit(1);
		}
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t began = time_now_ns(), took;
		size_t at = 0;

		for (size_t i = 0; i < 4 * QUESTIONS; i++) {
			bool hit = has(questions[at & (QUESTIONS - 1)]);

			hits += hit;
			at += 1 + hit;
		}
		took = time_now_ns() - began;
		least = took < least ? took : least;
	}
	for (size_t i = 0; i < COLD; i++) {
		uint64_t began;

		for (size_t octet = 0; octet < OTHER_OCTETS; octet += 64)
			other[octet]++;
		began = time_now_ns();
		hits += has(questions[i]);
		cold[i] = time_now_ns() - began;
	}
	qsort(cold, COLD, sizeof(*cold), time_compare);
	printf("  %-10s %6.1f ns warm %6llu ns cold%s\n", name, (double)least / (4 * QUESTIONS),
		(unsigned long long)cold[COLD / 2], hits ? "" : " (none)");
}

/* ---- the whole decision */

static void must(int error)
{
	if (error) {
		fprintf(stderr, "the set is refused: %s\n", strerror(-error));
		exit(1);
	}
}

static struct policy_set *set_make(void)
{
	static const struct policy_item any = {.kind = ITEM_ANY};
	const struct policy_item peer = {.kind = ITEM_HANDLE, .id = 1};
	const struct policy_service service = {.protocol = 6, .low = 80, .high = 80};
	const struct policy policies[] = {
		{.id = 1,
			.vni = 7,
			.target = {&any, 1, false},
			.peer = {&peer, 1, false},
			.services = &service,
			.service_count = 1,
			.allow = true},
		{.id = 2, .vni = 7, .side = SIDE_OUT, .target = {&peer, 1, false}, .peer = {&any, 1, false}},
	};
	const struct policy_vnet vnet = {7, DEFAULT_DENY, DEFAULT_ALLOW, AGREE_BOTH};
	const struct policy_handle handle = {.id = 1, .name = "h", .addresses = addresses};
	struct policy_set *set = room(policy_set_new());
	char message[200];

	must(policy_set_vnet(set, &vnet));
	must(policy_set_handle(set, &handle));
	must(policy_set_policy(set, &policies[0]));
	must(policy_set_policy(set, &policies[1]));
	must(policy_set_seal(set, message));
	return set;
}

/* The median of many, members and strangers alike, in ns. */
static double decide(void)
{
	static uint64_t times[DECISIONS];
	const struct policy_identity destination = {.vni = 7, .address = {{10, 255, 255, 254}}, .node = 2};
	struct policy_set *set = set_make();

	for (size_t i = 0; i < DECISIONS; i++) {
		const struct policy_identity source = {.vni = 7,
			.address = address_of(questions[i & (QUESTIONS - 1)]),
			.node = 1};
		struct policy_answer in, out, joined;
		struct policy_rule rules[POLICY_RULES_MAX];
		uint64_t began = time_now_ns();

		policy_answer(set, SIDE_OUT, &source, &destination, CAST_UNICAST, 6, 80, &out);
		policy_answer(set, SIDE_IN, &source, &destination, CAST_UNICAST, 6, 80, &in);
		policy_join(AGREE_BOTH, &in, &out, 6, 80, &joined);
		if (!policy_rules(&joined, 6, 80, false, 32, rules))
			exit(1);
		times[i] = time_now_ns() - began;
	}
	policy_set_free(set);
	qsort(times, DECISIONS, sizeof(*times), time_compare);
	return (double)times[DECISIONS / 2];
}

/* In turn, and often, so that what slows the machine down slows both; prefixes anywhere, whose searches are the longest. */
static double ratio(void)
{
	static const size_t counts[] = {10, 100000};
	double least[2] = {1e9, 1e9};

	quiet = true;
	for (int i = 0; i < 10; i++) {
		double time;

		world_make(counts[i % 2], false);
		time = decide();
		least[i % 2] = time < least[i % 2] ? time : least[i % 2];
		world_free();
	}
	return least[1] / least[0];
}

int main(int argc, char **argv)
{
	static const size_t usual[] = {10, 1000, 100000};
	double first = 0, last = 0;

	if (argc == 2 && strcmp(argv[1], "ratio") == 0) {
		printf("%.4f\n", ratio());
		return 0;
	}
	for (int dense = 0; dense < 2; dense++) {
		size_t count = argc > 1 ? (size_t)argc - 1 : ARRAY_LEN(usual);

		for (size_t i = 0; i < count; i++) {
			world_make(argc > 1 ? strtoul(argv[i + 1], NULL, 10) : usual[i], dense);
			search("halving", by_halving);
			search("table", by_table);
			search("tree", by_tree);
			search("handle", by_addresses);
			last = decide();
			first = i ? first : last;
			printf("  decision   %6.0f ns\n", last);
			world_free();
		}
		printf("handle_decision_ratio_%s %.3f\n", dense ? "dense" : "spread", last / first);
	}
	free(branches);
	return 0;
}
