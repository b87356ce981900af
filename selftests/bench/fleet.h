/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many simulated agents in one process: what each has been told, and what it says. fleet.c keeps their streams, agents.c has
 * the commands that measure.
 */
#ifndef OVNET_BENCH_FLEET_H
#define OVNET_BENCH_FLEET_H

#include "selftests/bench/link.h"

#define FLEET_NAME_MAX 64

/* A document: by what digest the agent has it, and the text if texts are kept. */
struct held {
	char *key, *value;
	char digest[17];
};

struct agent {
	struct fleet *fleet;
	char name[FLEET_NAME_MAX], vnet[2 * FLEET_NAME_MAX], node[2 * FLEET_NAME_MAX], address[16];
	char secret[64]; /* "": it has not joined */
	unsigned vni;
	struct link *watch, *former, *ask;
	struct held *held;
	size_t held_count, held_room;
	bool cut;          /* stays away */
	bool begun;        /* has its first commit of this stream */
	uint64_t retry_ns; /* when it comes again; 0: it is there */
	uint64_t due;      /* a revision to be acknowledged; 0: none */
	uint64_t asked, acked, acked_ns, idle_ns;
	unsigned commits;                                                                    /* since the last look */
	void (*busy)(struct agent *agent, unsigned status, const char *body, size_t length); /* of another question */
};

struct fleet_counters {
	unsigned long sets, gones, commits, places, alives; /* lines */
	unsigned long unneeded;                             /* a document that the agent had, or gone what it had not */
	unsigned long ends, refused, malformed, replaced;
};

struct fleet {
	struct loop *loop;
	struct link_target manager;
	struct agent *agents;
	size_t count, begun, asking, asking_most;
	bool keep;          /* texts too */
	uint64_t splay_ms;  /* who lost the manager comes again within this */
	uint64_t linger_ms; /* how long a second connection stays without a question */
	struct loop_timer *tick;
	struct fleet_counters counters;
	void (*look)(void); /* called at each tick */
};

/* The hosts, a line each: HOST VNET VNI NODE ADDRESS. Returns 0 or -errno. */
int fleet_read(struct fleet *fleet, const char *path);
int fleet_open(struct fleet *fleet);
/* Joined agents come, each within the splay. */
void fleet_watch(struct fleet *fleet);
void fleet_cut(struct agent *agent, bool cut);
/* A second stream of the same host. */
void fleet_twin(struct agent *agent);
/* Asks something else than an acknowledgement by the second connection. Returns 0 or -errno. */
int fleet_ask(struct agent *agent, const char *path, const char *body, size_t length,
	void (*done)(struct agent *agent, unsigned status, const char *body, size_t length));
/* Second connections that are not needed are closed now. */
void fleet_quiet(struct fleet *fleet);
/* HOST, KEY and text by tabs, a line each. Returns 0 or -errno. */
int fleet_dump(const struct fleet *fleet, const char *path);

#endif /* OVNET_BENCH_FLEET_H */
