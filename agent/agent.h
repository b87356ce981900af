/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent: what its parts share. One process a host, one loop, nothing in it waits.
 *
 * Truth about what is admitted is in the kernel's maps. The configuration says what should be there; reconcile.c makes
 * the one into the other, at start, at a reload and whenever an interface comes or goes, always by difference.
 */
#ifndef OVNET_AGENT_AGENT_H
#define OVNET_AGENT_AGENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/netlink.h"
#include "config/config.h"
#include "config/managed.h"
#include "lib/loop.h"
#include "loader/loader.h"
#include "maps/access.h"

/* A node's interface, as the machine has it now. One for each entry of config.nodes, in the same order. */
struct agent_port {
	unsigned ifindex; /* 0: absent */
	uint16_t number;  /* index into port_states */
	bool attached;
	bool failed;
	bool peer_delivery;
	struct netlink_link link;
};

struct agent_uplink {
	char name[IFNAMSIZ];
	unsigned ifindex; /* 0: absent */
	bool attached;
	bool xdp;
	enum loader_xdp xdp_mode;
};

/* A host elsewhere and its place in the next-hop table. */
struct agent_host {
	struct locator locator;
	bool used;
	bool known; /* the place in the table says what `hop` says */
	struct nexthop_value hop;
};

struct authority;
struct control;
struct grants;
struct holds;
struct managed;
struct installed;
struct metrics;
struct mirror;
struct questions;
struct resolve;
struct resolve_file;
struct revocations;
struct transport;
struct watch;
struct watchdog;

struct agent {
	const char *config_path;
	bool detach_on_stop;
	struct config *config;
	struct loop *loop;
	struct loader *loader;
	const struct loader_maps *maps;
	struct netlink *netlink;
	struct control *control;
	struct watch *watch;
	struct watchdog *watchdog; /* NULL: nobody watches */
	struct metrics *metrics;   /* NULL: not served */
	struct mirror *mirror;     /* of maps that only the agent writes */
	/* Of negotiation; NULL without an identity in the configuration. */
	struct authority *authority;
	struct transport *transport;
	struct questions *questions;
	struct holds *holds;
	void *introductions; /* tree */
	unsigned introduction_count;
	struct grants *grants;
	struct installed *installed;
	struct revocations *revocations;
	struct resolve *resolve;
	struct resolve_file *resolve_file;
	struct managed *managed;   /* NULL: the file says everything */
	struct config_local local; /* its half, until managed_open() */
	struct port_state *states;

	struct agent_port *ports;
	struct agent_uplink uplinks[CONFIG_UPLINKS_MAX];
	struct agent_host *hosts; /* config.limits.hosts of them */
	bool local_route;

	struct loop_timer *reconcile_timer;
	struct loop_timer *resolve_timer;
	struct loop_timer *sweep_timer;
	uint32_t sessions_swept, rules_swept; /* that the latest sweep found and left */
	bool reload_refused;                  /* the latest one was */
	bool rules_by_hand;                   /* there are some, at the latest reconciliation */
	uint32_t generation;                  /* of the configuration: how often it was another */
	uint64_t unique;                      /* the latest epoch or incarnation given out */
	uint64_t started_ns;
	uint64_t config_loaded_ns;
};

/* A number that was never given out on this host before; for epochs and incarnations. */
uint64_t agent_unique(struct agent *agent);

/* ---- ports.c: interfaces of nodes and uplinks */

/* Sizes the table of ports for the configuration and takes over what pinned maps say. Returns 0 or -errno. */
int ports_open(struct agent *agent);
void ports_close(struct agent *agent);
/* A link is there or changed; one that is neither a port nor an uplink is ignored. */
void ports_link(struct agent *agent, const struct netlink_link *link);
void ports_link_gone(struct agent *agent, unsigned ifindex);
/*
 * Takes off what the configuration does not name (any more): first, before ports_link() is told of interfaces, pinned
 * links; afterwards entries of interfaces that are not there.
 */
void ports_prune_links(struct agent *agent);
void ports_prune_entries(struct agent *agent);
/* Sets every interface down that has a port's programs, whatever its name is now: they are about to be taken off. */
void ports_set_down(struct agent *agent);
/* After a reload: the new configuration's nodes get the ports that are there. */
int ports_reload(struct agent *agent, const struct config *old);
/* A new epoch: every session of the port proves itself again at its next packet. */
void ports_bump(struct agent *agent, const struct agent_port *port);
const char *ports_uplink_programs(const struct agent_uplink *uplink);

/* ---- hosts.c: remote hosts and next hops */

int hosts_open(struct agent *agent);
void hosts_close(struct agent *agent);
/* The host's place in the next-hop table, taken now if it has none. Returns 0 or -ENOSPC. */
int hosts_place(struct agent *agent, const struct locator *locator, uint32_t *index);
/* Marks all as unused / frees those that were not placed since; for reconcile.c. */
void hosts_begin(struct agent *agent);
void hosts_end(struct agent *agent);
/* Asks the kernel again which way each host is. */
void hosts_resolve(struct agent *agent);
/* The same of the one at that place, if no usable way to it is known. */
void hosts_resolve_at(struct agent *agent, uint32_t index);

/* ---- mappings.c: where every address lives */

/*
 * Makes the mapping table what configuration and ports say. Ports of vnets in which a mapping changed or went are marked
 * in `bump` (by number). Adds the number of differences to *changed. Returns 0 or -errno (logged).
 */
int mappings_apply(struct agent *agent, bool bump[OVNET_PORTS_MAX], unsigned *changed);

/*
 * Learns where an address elsewhere is, until `expires_ns`, from a verified question of its agent or from the resolver (ONM-5). Returns 0
 * or -errno (-ENOSPC: limits.hosts; -E2BIG: limits.mappings; -EKEYEXPIRED; -EINVAL: the locator does not have that slot).
 */
int mappings_learn(struct agent *agent, const struct mapping_key *key, const struct locator *locator, uint8_t slot,
	uint64_t expires_ns);
/* That one which is there is good until then; *value is what is known, and becomes what is. Never shortened, and never one of the configuration. */
int mappings_extend(struct agent *agent, const struct mapping_key *key, struct mapping_value *value,
	uint64_t expires_ns);
/* The resolver's word: learned, extended, or moved to another place with a new incarnation. What the configuration says stands. As mappings_learn(). */
int mappings_told(struct agent *agent, const struct mapping_key *key, const struct locator *locator, uint8_t slot,
	uint64_t expires_ns);
/* A learned one goes at once, with the sessions that rest on it. Returns 0, -ENOENT, or -EPERM: the configuration's, or a node here. */
int mappings_forget(struct agent *agent, const struct mapping_key *key);
/* The end of a passport, given in seconds since 1970, on the clock of the maps; 0: it is past. */
uint64_t mappings_passport_end(uint64_t not_after_s);
/* True when the address lives somewhere, also when only a question said so; `context` is the agent. */
bool mappings_known(void *context, uint32_t vni, struct ipv4 address);
/* The holder of an address elsewhere is another now: rules and sessions that rest on the former hold no more. */
void mappings_renew(struct agent *agent, const struct mapping_key *key);

/* ---- reconcile.c: from the configuration to the maps */

/* Soon, once, however often asked: the maps are made to say what configuration and interfaces say. */
void reconcile_soon(struct agent *agent);
/* At once. What changed is added to *mappings and *rules. Returns 0 or -errno (logged). */
int reconcile_now(struct agent *agent, unsigned *mappings, unsigned *rules);

/* ---- rules.c: rules of people into rules of the data path */

struct rule_entry {
	struct rule_key key;
	struct rule_value value;
};

struct rule_list {
	struct rule_entry *entries;
	size_t count;
	size_t room;
};

/* Adds what one written rule means on this host, given the mappings in the kernel. Returns 0 or -ENOMEM. */
int rules_expand(struct agent *agent, const struct config_rule *written, enum origin origin, uint64_t created_ns,
	struct rule_list *list);
/* Orders by key; of equal keys the last added stays. Hits become 0. */
void rules_sort(struct rule_list *list);
/* Adds to a sorted list what follows from it: leave to answer ARP. Returns 0, and the list is sorted, or -ENOMEM. */
int rules_derive(struct rule_list *list);
int rules_append(struct rule_list *list, const struct rule_key *key, const struct rule_value *value);
void rules_free(struct rule_list *list);
/* True when people (the file, or by hand) deny what the key names, at its width or a wider one. */
bool rules_denied_above(struct agent *agent, const struct rule_key *narrow);
/* True while the node here, and the peer, are who they were when the rule was made. */
bool rules_end_holds(struct agent *agent, const struct rule_entry *entry);
bool rules_peer_holds(struct agent *agent, const struct rule_entry *entry);
/* All that is in the kernel, ordered by key. Returns 0 or -errno. */
int rules_read(struct agent *agent, struct rule_list *list);

/* ---- sweep.c: housekeeping */

int sweep_open(struct agent *agent);
/* Removes idle sessions, those of ports that are gone, and expired rules. */
void sweep_now(struct agent *agent);
/* Seconds after which a session in this state is idle, and the state's name. */
uint32_t sweep_idle_s(const struct agent *agent, const struct session_key *key, const struct session_value *session,
	const char **state);

/* ---- control.c, commands.c: the control socket */

int control_open(struct agent *agent);
void control_close(struct agent *agent);

/* ---- watch.c: drop events */

int watch_open(struct agent *agent);
void watch_close(struct agent *agent);

/* ---- main.c */

struct agent_changes {
	unsigned nodes, mappings, rules; /* that came, went or changed */
	bool incomplete;                 /* something found no room: reported, and closed */
};

/*
 * Reads the file anew and applies the difference. What cannot change while running (instance, locator, uplinks, limits)
 * is refused like any other finding. Returns 0 and *changes, or -errno; nothing has changed then.
 */
int agent_reload(struct agent *agent, config_report_fn report, void *context, struct agent_changes *changes);
/* Ends the loop; with `detach`, nothing stays in the kernel. */
void agent_stop(struct agent *agent, bool detach);

#endif /* OVNET_AGENT_AGENT_H */
