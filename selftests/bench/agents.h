/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator's own: what its commands share. agents.c has most of them, load.c those that ask and write all the time.
 */
#ifndef OVNET_BENCH_AGENTS_H
#define OVNET_BENCH_AGENTS_H

#include <stdio.h>

#include "selftests/bench/fleet.h"

#define JOINERS 32
#define WRITERS_MOST 64
#define BATCH_MOST 1000

struct joiner {
	struct link *operator, * host;
	struct agent *agent;
};

struct writer {
	struct link *link;
	unsigned number;
	unsigned long written;
};

struct sim {
	struct fleet fleet;
	struct loop *loop;
	struct link_target socket;
	char input[65536];
	size_t input_length;
	bool (*over)(void); /* of the command that is under way; NULL: none */
	uint64_t begin_ns, end_ns;
	/* join */
	struct joiner joiners[JOINERS];
	size_t next, joined;
	FILE *secrets;
	/* apply */
	struct link *operator;
	char concerned[2 * FLEET_NAME_MAX];
	uint64_t revision, answered_ns;
	bool waited;
	/* resolve, passports, writes */
	struct writer writers[WRITERS_MOST];
	unsigned batch;
	size_t askers;
	unsigned long requests, found, failed;
};
extern struct sim sim;

/* Looks whether the command that is under way is over. */
void sim_look(void);
void sim_fail(const char *what, const char *detail) __attribute__((noreturn));
double sim_seconds_since(uint64_t begin_ns);
/* A link's end that is not to be. */
void sim_lost(void *context);

void command_resolve(char *arguments);
void command_passports(char *arguments);
void command_writes(char *arguments);

#endif /* OVNET_BENCH_AGENTS_H */
