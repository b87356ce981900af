/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May this end send that to the other? The one evaluator (DTM-5, DTM-13 to DTM-16): the agent decides with it,
 * `ovnetctl explain` explains with it, and the tests compare real reachability with it.
 *
 * Pure: no system call, no clock. A set is built by its owner (the configuration, later a manager), sealed, and then
 * only read. What varies from packet to packet (size, flags, rates) is not judged here; a service has room for it.
 *
 * Two sides may speak about a transmission: the destination's policies (SIDE_IN: who may send to it) and the source's
 * (SIDE_OUT: what it may send to). Each side answers by itself, then the vnet says how the two are joined (DTM-14).
 * Within a side: policies that name the other end by node, address or range decide first; then those that name it by
 * group, account, vnet, handle, any, or by a negation; then the default. Within a class a deny wins, so that the order in
 * which policies are written never matters.
 *
 * A handle is a name for a set of ends: addresses, groups, vnets, other handles. A policy that names one is about whatever
 * is in it when the question is asked (REG-2); the set that has the handle changed has the same policies. It decides in
 * the class of groups even where the handle holds nothing but one address: what a name stands for may change, and with it
 * would change which of two policies is the stronger. A policy may be about all but a handle, as about all but anything
 * else (DTM-13: "and may be negative (all but these)" is said of policies, whatever they name); the entries of a handle
 * are only ever what it has (REG-1 knows no other), so that more entries are never fewer ends.
 */
#ifndef OVNET_POLICY_POLICY_H
#define OVNET_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/name.h"
#include "policy/addresses.h"

#define POLICY_NAME_MAX NAME_WHOLE_MAX /* with the terminator */
#define POLICY_GROUPS_MAX 16           /* groups that an end is directly in */
#define POLICY_SET_GROUPS_MAX 4096     /* groups in a set */
#define POLICY_SET_HANDLES_MAX 4096    /* handles in a set */
#define POLICY_SEGMENTS_MAX 40

enum policy_side {
	SIDE_IN,
	SIDE_OUT,
};

enum policy_cast { CAST_UNICAST = 1, CAST_MULTICAST = 2, CAST_BROADCAST = 4, CAST_ALL = 7 };

enum policy_default {
	DEFAULT_UNSET,   /* groups: the vnet's */
	DEFAULT_DENY,    /* deny all */
	DEFAULT_ACCOUNT, /* allow within the same account */
	DEFAULT_GROUP,   /* allow within the same group: some group, directly or through groups in it, has both ends */
	DEFAULT_ALLOW,   /* allow all unless denied */
};

enum policy_agreement {
	AGREE_BOTH, /* both sides must allow */
	AGREE_ONE,  /* one side's allow suffices, unless a policy of the other side (not its default) denies */
};

/*
 * An identifier made from a name: of nodes, groups, accounts and handles. The same on every host; never 0, which means none. By
 * a cryptographic hash: nobody finds a name that has the identifier of another.
 */
uint64_t policy_id(const char *name);

/* Who an end is, as its passport or the configuration says. */
struct policy_identity {
	uint32_t vni;
	struct ipv4 address;
	uint64_t node;    /* policy_id() of its name; 0: not known */
	uint64_t account; /* 0: none */
	/* Directly; what they are in follows from the set, and those that the set does not have count for nothing. */
	uint64_t groups[POLICY_GROUPS_MAX];
	size_t group_count;
};

enum policy_item_kind { ITEM_ANY, ITEM_NODE, ITEM_RANGE, ITEM_GROUP, ITEM_VNET, ITEM_ACCOUNT, ITEM_HANDLE };

struct policy_item {
	enum policy_item_kind kind;
	uint64_t id;           /* ITEM_NODE, ITEM_GROUP, ITEM_ACCOUNT, ITEM_HANDLE */
	uint32_t vni;          /* ITEM_VNET */
	struct ipv4 low, high; /* ITEM_RANGE, both included; a single address has both equal */
};

/* Matches when one item does; negated, when none does. */
struct policy_selector {
	const struct policy_item *items;
	size_t count;
	bool negated;
};

/*
 * Ports are the responder's, host byte order; for ICMP the type, of which the last is 255 (a range up to there goes on
 * to 65535 in answers, so that all types are all of the protocol). A protocol without ports has 0 .. 65535.
 */
struct policy_service {
	bool any; /* every protocol; the rest is 0, or 0 .. 65535 for the ports */
	uint8_t protocol;
	uint16_t low, high;
};

struct policy {
	uint32_t id; /* 1 ..; unique in the set; what rules, sessions and messages name */
	char name[POLICY_NAME_MAX];
	uint32_t vni;
	enum policy_side side;
	struct policy_selector target; /* SIDE_IN: the receivers that it is about; SIDE_OUT: the senders */
	struct policy_selector peer;   /* the other end */
	const struct policy_service *services;
	size_t service_count; /* 0: all */
	uint8_t casts;        /* of enum policy_cast; 0: all */
	bool allow;
};

struct policy_group {
	uint64_t id;
	char name[POLICY_NAME_MAX];
	const uint64_t *children; /* groups in this group */
	size_t child_count;
	/* Of the ends in it, instead of the vnet's. Of several the strictest: account's and group's must then both hold. */
	enum policy_default default_in, default_out;
};

/*
 * Who is in a handle: who has an address of `addresses` (in the vnet of the policy), or whom an item matches. A handle
 * without anything has nobody in it.
 */
struct policy_handle {
	uint64_t id;
	char name[POLICY_NAME_MAX];
	struct policy_addresses *addresses; /* may be NULL; the set holds it beside the caller */
	const struct policy_item *items;    /* ITEM_RANGE (for a few), ITEM_GROUP, ITEM_VNET, ITEM_HANDLE */
	size_t count;
};

struct policy_vnet {
	uint32_t vni;
	enum policy_default default_in, default_out; /* not DEFAULT_UNSET */
	enum policy_agreement agreement;
};

struct policy_set;

/* NULL: out of memory. policy_set_free(NULL) is allowed. */
struct policy_set *policy_set_new(void);
void policy_set_free(struct policy_set *set);

/*
 * Each copies all that it is given, but for the addresses of a handle, which it shares. Returns 0, -ENOMEM, -EEXIST (an
 * id or VNI that is there already), -ENOSPC (more than POLICY_SET_GROUPS_MAX groups or POLICY_SET_HANDLES_MAX handles,
 * or more than POLICY_ADDRESSES_MAX ranges as items), -EINVAL (a value out of its range, an id 0, or the set is sealed).
 */
int policy_set_vnet(struct policy_set *set, const struct policy_vnet *vnet);
int policy_set_group(struct policy_set *set, const struct policy_group *group);
int policy_set_handle(struct policy_set *set, const struct policy_handle *handle);
int policy_set_policy(struct policy_set *set, const struct policy *policy);

/*
 * Checks and prepares; then the set is only read. Returns 0; -ELOOP: groups or handles that contain each other, `message`
 * names them; -ENOENT: a group, handle or policy names a group, handle or vnet that is not in the set, `message` says
 * which; -ENOMEM. A set that is not sealed denies everything.
 */
int policy_set_seal(struct policy_set *set, char message[200]);

/* Names for messages; NULL when not known. */
const struct policy *policy_set_find(const struct policy_set *set, uint32_t id);
const char *policy_set_group_name(const struct policy_set *set, uint64_t group);
const char *policy_set_handle_name(const struct policy_set *set, uint64_t handle);
/* The addresses that a handle shares, to share them with another set; NULL when there are none. */
struct policy_addresses *policy_set_handle_addresses(const struct policy_set *set, uint64_t handle);
/*
 * Whether an identifier through which a policy matched the other end is that of a handle: a group and a handle may have the
 * same name, and a rule has room for one identifier. A policy that names both is said to have matched by the first.
 */
bool policy_names_handle(const struct policy *policy, uint64_t id);
/* The vnet, or NULL. */
const struct policy_vnet *policy_set_find_vnet(const struct policy_set *set, uint32_t vni);

/* ---- answers */

/* What decided. The strength matters where one side suffices. */
enum policy_by { BY_DEFAULT, BY_GROUP, BY_ADDRESS };

struct policy_decision {
	bool allow;
	enum policy_by by;
	uint32_t policy; /* 0: the default; of several that say the same in the same class, the lowest id */
	uint64_t group;  /* through which the policy matched the other end, or whose default it was; 0: none */
	uint64_t handle; /* through which the policy matched the other end: the one that it names; 0: none */
};

/* A stretch of one protocol's ports. */
struct policy_segment {
	uint8_t protocol;
	uint16_t low, high;
	struct policy_decision decision;
};

/*
 * The decision about everything that one end may send another: by protocol and port, and `otherwise` for all that no
 * segment has. Segments are in order of protocol and port, do not overlap, and neighbours differ (be it by the policy).
 * A protocol whose every port is decided alike has one segment 0 .. 65535, or none when it is like `otherwise`. Were
 * there more than POLICY_SEGMENTS_MAX, `complete` is false and policy_answer() has decided what it was asked and
 * nothing else: then there is one segment, that of the protocol and port asked, and `otherwise` means "ask".
 */
struct policy_answer {
	bool complete;
	struct policy_decision otherwise;
	size_t count;
	struct policy_segment segments[POLICY_SEGMENTS_MAX];
};

/*
 * One side's answer about what `source` may send `destination`. `protocol` and `port` are what is asked now.
 * Ends in different vnets, and a vnet that is not in the set, are denied by default.
 */
void policy_answer(const struct policy_set *set, enum policy_side side, const struct policy_identity *source,
	const struct policy_identity *destination, enum policy_cast cast, uint8_t protocol, uint16_t port,
	struct policy_answer *out);

/*
 * Joins the sides. Of the decisions that agree, out's policy and group are those of the destination's side, unless only
 * the source's has a policy; of those that differ, the one that prevailed. Incomplete when one of the two is, or when
 * both together are too much; without a segment then when one of them does not say what is asked. *joined is another
 * than *in and *out.
 */
void policy_join(enum policy_agreement agreement, const struct policy_answer *in, const struct policy_answer *out,
	uint8_t protocol, uint16_t port, struct policy_answer *joined);

/* What an answer says of one protocol and port; NULL when it is incomplete and does not say. */
const struct policy_decision *policy_look(const struct policy_answer *answer, uint8_t protocol, uint16_t port);

/* True when anything at all is allowed (ARP is then answered). Of an incomplete answer: also true, somebody may ask. */
bool policy_reaches(const struct policy_answer *answer);

/* ---- the widest safe set of rules */

/* As enum width of maps/rule.h. */
enum policy_width { POLICY_WIDTH_PORT, POLICY_WIDTH_PROTOCOL, POLICY_WIDTH_PEER };
enum policy_verdict { POLICY_ALLOW = 1, POLICY_DENY = 2, POLICY_ASK = 3 };

struct policy_rule {
	enum policy_width width;
	uint8_t protocol;
	uint16_t port;
	enum policy_verdict verdict;
	uint32_t policy;
	uint64_t group, handle; /* as in a decision; at most one of them */
};

#define POLICY_RULES_MAX 64

/*
 * Rules that together say what the answer says, as wide as is safe: a wide DENY with narrow exceptions marked ALLOW, or
 * ASK where they would be too many (more than `most` rules in all); a wide ALLOW only where every packet under it is
 * allowed, never with a DENY beneath (ICMP types and ports included). Where neither can be, a wide ASK. So whichever of
 * them get lost, nothing is allowed that the answer denies. What was asked (`protocol`, `port`) always has its own
 * verdict, at whatever width, and under the name of its own policy; a wide rule over decisions of several policies
 * names none.
 *
 * There is always one rule at POLICY_WIDTH_PEER, to take the place of a former one; but with `exact` only what was
 * asked, at POLICY_WIDTH_PORT (ASK where the answer does not say). `most` is at least 2 and at most POLICY_RULES_MAX.
 * Denies come first, allows last. Returns the number of rules.
 */
size_t policy_rules(const struct policy_answer *answer, uint8_t protocol, uint16_t port, bool exact, size_t most,
	struct policy_rule rules[POLICY_RULES_MAX]);

#endif /* OVNET_POLICY_POLICY_H */
