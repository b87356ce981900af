/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's end of a fixture: what the programs ask, what waits, and the budgets they keep to. Here nobody answers:
 * a test reads the questions and writes the maps as ovnetd would. Neighbours: fixture.h.
 */
#ifndef OVNET_SELFTESTS_BPF_NEGOTIATION_H
#define OVNET_SELFTESTS_BPF_NEGOTIATION_H

#include "selftests/bpf/fixture.h"

#define HOUR_NS 3600000000000ull

/* Of fixture_open(), _close() and _reset(): the agent is there, nothing was asked, no port may ask. */
int negotiation_open(struct fixture *f); /* 0 or -errno */
void negotiation_close(struct fixture *f);
void negotiation_reset(struct fixture *f);

/* The port of a node here negotiates, with these flags beside PORT_NEGOTIATE and an ample budget. */
void negotiation_on(struct fixture *f, const struct fixture_node *node, uint32_t flags);
struct budget negotiation_budget(const struct fixture *f, uint32_t number);
void negotiation_budget_set(struct fixture *f, uint32_t number, const struct budget *budget);
struct channel_value negotiation_channel(const struct fixture *f);
void negotiation_channel_set(struct fixture *f, const struct channel_value *channel);

/* How many questions came since the last call; *latest is the last of them, and may be NULL. */
unsigned negotiation_questions(struct fixture *f, struct question *latest);
/* No room is left in the ring of questions, until they are read. */
void negotiation_ring_fill(struct fixture *f);

/* The key of the narrowest rule that would let `local` send such a packet; port as in struct rule_key. */
struct rule_key negotiation_key(const struct fixture_node *local, const struct fixture_node *peer, uint8_t protocol,
	uint16_t port);
struct rule_key negotiation_key_arp(const struct fixture_node *local, const struct fixture_node *peer);
/* Returns 0 and *out, or -ENOENT. */
int negotiation_pending(const struct fixture *f, const struct rule_key *key, struct pending_value *out);
void negotiation_pending_set(struct fixture *f, const struct rule_key *key, const struct pending_value *value);
void negotiation_pending_del(struct fixture *f, const struct rule_key *key);
/* How many there are. */
unsigned negotiation_pendings(const struct fixture *f);
/* Puts entries of nobody into the table until it is full. */
void negotiation_pendings_fill(struct fixture *f);

void negotiation_control_key_set(struct fixture *f, uint32_t index, const uint8_t prefix[8]);
/* The host is in the directory from now on, and its gates are full. */
void negotiation_control_host_set(struct fixture *f, const uint8_t prefix[8]);
struct control_gate negotiation_gate(const struct fixture *f, uint32_t index);
void negotiation_gate_set(struct fixture *f, uint32_t index, const struct control_gate *gate);
/* Every gate is as if it had let `ahead_ns` too much pass. */
void negotiation_gates_set(struct fixture *f, uint64_t ahead_ns);

/* Records that this packet of a node goes to the agent, unchanged but for the number of its question; true when so. */
bool negotiation_waits(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	uint32_t question, const char *file, int line);
#define WAITS(f, node, spec, question) negotiation_waits(f, node, spec, question, __FILE__, __LINE__)

/* The same of a packet from the substrate for this node. */
bool negotiation_holds(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	uint32_t question, const char *file, int line);
#define HOLDS(f, node, spec, question) negotiation_holds(f, node, spec, question, __FILE__, __LINE__)

/* The same packet comes back to the inject program: it goes, or is dropped for this reason. `out` may be NULL. */
bool negotiation_back(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	struct frame *out, const char *file, int line);
bool negotiation_back_dropped(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	enum reason reason, const char *file, int line);
#define BACK(f, node, spec, out) negotiation_back(f, node, spec, out, __FILE__, __LINE__)
#define BACK_DROPPED(f, node, spec, reason) negotiation_back_dropped(f, node, spec, reason, __FILE__, __LINE__)

#endif /* OVNET_SELFTESTS_BPF_NEGOTIATION_H */
