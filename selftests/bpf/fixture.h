/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs, loaded into a small world of known nodes, and run one packet at a time (BPF_PROG_TEST_RUN).
 *
 *   host 0: nodes a and b (the vnet), c (another vnet, with the same address as a)
 *   host 1: node r (the vnet)
 *   host 2: node s (the vnet)
 *
 * A fixture is one of these hosts. Ports and uplink are real veths in a network namespace of the test's own, since a
 * test run wants real interfaces; nothing is attached to them here (live.h does that). Maps are filled by plain map
 * system calls, so that the agent's code is not needed and not trusted. Neighbours: packet.h, suite.h, negotiation.h (the
 * agent's end).
 */
#ifndef OVNET_SELFTESTS_BPF_FIXTURE_H
#define OVNET_SELFTESTS_BPF_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "maps/maps.h"
#include "selftests/bpf/packet.h"
#include "selftests/bpf/suite.h"

#define FIXTURE_VNI 0x0a1b2c
#define FIXTURE_OTHER_VNI 0x0a1b2d
#define FIXTURE_MTU 1500 /* of every path and every port */
#define FIXTURE_HOSTS 3
#define FIXTURE_HOOKS (HOOK_UPLINK_XDP + 1)

struct fixture_node {
	const char *name;
	const char *port; /* its interface on its host */
	int host;
	uint32_t vni;
	uint8_t address[4];
	uint8_t prefix[OVNET_PREFIX_LEN];
	uint8_t mac[6];   /* its own */
	uint8_t dummy[6]; /* by which others on this host see it */
	uint64_t incarnation;
	uint32_t ifindex; /* of its port; 0: not on this host */
	uint16_t number;  /* of its port */
};

struct fixture {
	struct ovnet *skeleton;
	int ports, port_states, counters, rules, sessions, mappings, nexthops, events, listeners; /* descriptors */
	int pendings, budgets, questions, channel, control_keys, control_hosts,
		control_gates;       /* descriptors; see negotiation.h */
	int programs[FIXTURE_HOOKS]; /* descriptors, by enum hook */
	int injector;                /* descriptor of the program at the inject interface */
	int host;
	struct fixture_node a, b, c, r, s;
	uint32_t uplink; /* ifindex */
	uint32_t queue;  /* ifindex: where packets go that wait */
	uint32_t inject; /* ifindex: where they come back */
	uint64_t epochs; /* the latest that was given out */
	struct negotiation *negotiation;
};

struct fixture_options {
	int host;
	uint8_t slots
		[FIXTURE_HOSTS]; /* by host; other than 0: it owns this slot only, a /72, and its nodes are in it */
	uint32_t sessions;       /* size of the table; 0: as defined */
	uint32_t pendings;       /* the same */
};

/* Where a link-layer frame came from and how. Zero is a fair default but for `hook` and `ifindex`. */
struct fixture_run {
	enum hook hook;
	uint32_t ifindex;
	uint32_t gso_size;
	uint32_t gso_segs;
	uint32_t flags;  /* BPF_F_TEST_ ... */
	uint32_t repeat; /* 0: once */
	bool waited;     /* it comes back by the inject program; `ifindex` is whose counters are looked at */
	uint32_t mark;   /* tc: and what it is afterwards */
	int verdict;     /* the answer */
};

/* What is not set is: ALLOW, never expires, the incarnations of the two nodes. */
struct fixture_rule {
	const struct fixture_node *local, *peer;
	enum direction direction;
	enum width width;
	uint8_t protocol;
	uint16_t port;
	enum verdict verdict;
	uint64_t expires_ns;
	uint64_t incarnation, peer_incarnation;
	uint32_t policy;
};

/*
 * Loads the programs and makes the interfaces, in a namespace of this process's own that all its fixtures share.
 * Returns 0 or -errno; what failed is told on standard error.
 */
int fixture_open(const struct fixture_options *options, struct fixture **out);
void fixture_close(struct fixture *f); /* NULL is allowed */

/*
 * All maps as fixture_open() left them: ports, mappings and next hops are there, rules and sessions are not. An agent is
 * there, and no port negotiates.
 */
void fixture_reset(struct fixture *f);

/* The namespace with the other ends of the veths: each is called as the port is, with "-n" behind. */
int fixture_nodes_ns(void);

void fixture_rule_set(struct fixture *f, const struct fixture_rule *rule);
/* Removes it; the members that make the key count. Fails the test when it was not there. */
void fixture_rule_del(struct fixture *f, const struct fixture_rule *rule);
uint64_t fixture_rule_hits(const struct fixture *f, const struct fixture_rule *rule);
/* Everything between the two that `local` (or else its peer) begins. */
void fixture_allow(struct fixture *f, const struct fixture_node *local, const struct fixture_node *peer,
	enum direction direction);
void fixture_mapping_set(struct fixture *f, const struct fixture_node *node, uint64_t expires_ns);
void fixture_mapping_del(struct fixture *f, const struct fixture_node *node);
void fixture_port_set(struct fixture *f, const struct fixture_node *node, const struct port_value *value);
struct port_value fixture_port(const struct fixture *f, const struct fixture_node *node);
void fixture_port_del(struct fixture *f, const struct fixture_node *node);
struct nexthop_value fixture_nexthop(struct fixture *f, const struct fixture_node *node);
void fixture_nexthop_set(struct fixture *f, const struct fixture_node *node, const struct nexthop_value *value);
void fixture_listen(struct fixture *f, uint32_t drops);
/* Gives the port of a node here a new epoch. */
void fixture_epoch(struct fixture *f, const struct fixture_node *node);

struct port_state fixture_state(const struct fixture *f, const struct fixture_node *node);
/* How many entries the session table has. */
unsigned fixture_sessions(const struct fixture *f);
/* Returns 0 and *out, or -ENOENT. Ports are as in struct session_key. */
int fixture_session(const struct fixture *f, const struct fixture_node *local, const struct fixture_node *peer,
	uint8_t protocol, uint16_t local_port, uint16_t peer_port, struct session_value *out);
/* Summed over the CPUs. */
struct counter_value fixture_counters(const struct fixture *f, uint32_t ifindex);
uint64_t fixture_count(const struct fixture *f, uint32_t ifindex, enum counter counter);
uint64_t fixture_drops(const struct fixture *f, uint32_t ifindex, enum reason reason);
const char *fixture_reason_name(enum reason reason);
uint64_t fixture_now_ns(void);

/* A packet of a node here to `to`: ports 40000 to 80, or an echo request; TTL 63, DF, a payload of 31 octets. */
struct packet_spec fixture_from(const struct fixture_node *from, const struct fixture_node *to, uint8_t protocol);
/* The same, sent by a node elsewhere and now on the substrate. */
struct packet_spec fixture_arrival(const struct fixture_node *from, const struct fixture_node *to, uint8_t protocol);
/* The answer to such a packet, from the other end: ports and echo type are turned, addresses are not. */
void fixture_turn(struct packet_spec *spec);
/* `from` asks for `target`. */
struct packet_spec fixture_arp(const struct fixture_node *from, const uint8_t target[4]);

/* Runs a program. Returns 0, run->verdict, run->mark and *out (may be NULL, and may be `in`), or -errno of the test run. */
int fixture_send(struct fixture *f, struct fixture_run *run, const struct frame *in, struct frame *out);

/*
 * The three outcomes, each checked and recorded as a CUnit assertion; true when it was so.
 * dropped: the drop verdict, and this reason's counter rose by one and no other did.
 * sent: a redirect, and no drop was counted. passed: to the host's stack (OK, PASS), untouched, nothing counted.
 */
bool fixture_dropped(struct fixture *f, struct fixture_run run, const struct frame *in, enum reason reason,
	const char *file, int line);
bool fixture_sent(struct fixture *f, struct fixture_run run, const struct frame *in, struct frame *out,
	const char *file, int line);
bool fixture_passed(struct fixture *f, struct fixture_run run, const struct frame *in, const char *file, int line);

/* The same for a packet that is yet to be built, and comes from where it says: the uplink (IPv6), or a node's port. */
bool fixture_refused(struct fixture *f, const struct packet_spec *spec, enum reason reason, const char *file, int line);
bool fixture_goes(struct fixture *f, const struct packet_spec *spec, struct frame *out, const char *file, int line);

#define DROPPED(f, run, in, reason) fixture_dropped(f, run, in, reason, __FILE__, __LINE__)
#define SENT(f, run, in, out) fixture_sent(f, run, in, out, __FILE__, __LINE__)
#define REFUSED(f, spec, reason) fixture_refused(f, spec, reason, __FILE__, __LINE__)
#define GOES(f, spec, out) fixture_goes(f, spec, out, __FILE__, __LINE__)
#define PASSED(f, run, in) fixture_passed(f, run, in, __FILE__, __LINE__)

#define FROM_NODE(node) ((struct fixture_run){.hook = HOOK_NODE, .ifindex = (node)->ifindex})
#define FROM_UPLINK(f) ((struct fixture_run){.hook = HOOK_UPLINK_TC, .ifindex = (f)->uplink})
#define FROM_WAITING(node)                                                                                             \
	((struct fixture_run){.hook = HOOK_NODE,                                                                       \
		.ifindex = (node)->ifindex,                                                                            \
		.waited = true,                                                                                        \
		.mark = WAITED_MARK | (node)->number})
#define FROM_XDP(f) ((struct fixture_run){.hook = HOOK_UPLINK_XDP, .ifindex = (f)->uplink})

/* Records that two frames are the same, octet by octet; true when they are. */
bool fixture_same(const struct frame *got, const struct frame *expected, const char *file, int line);
#define SAME(got, expected) fixture_same(got, expected, __FILE__, __LINE__)

/* Records that packet_check() has nothing against a frame; true when so. */
bool fixture_sound(const struct frame *frame, const char *file, int line);
#define SOUND(frame) fixture_sound(frame, __FILE__, __LINE__)

#endif /* OVNET_SELFTESTS_BPF_FIXTURE_H */
