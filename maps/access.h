/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed access to the maps from user space: the only place with a map system call.
 *
 * Every function takes the map's descriptor first. Each returns 0 or -errno: -ENOENT no such entry, -E2BIG the map is
 * full, -EEXIST as said. Outputs are untouched on failure.
 */
#ifndef OVNET_MAPS_ACCESS_H
#define OVNET_MAPS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <linux/bpf.h>

#include "maps/maps.h"

/* Ports are asked for by interface index. port_set() gives the entry its ifindex and number: -E2BIG when it has no place. */
int port_get(int fd, uint32_t ifindex, struct port_value *out);
int port_set(int fd, uint32_t ifindex, const struct port_value *value);
int port_del(int fd, uint32_t ifindex);
/* The number that the port has, or would get from port_set(), or -E2BIG. */
int port_number(int fd, uint32_t ifindex);
/* Calls fn for each entry until it returns other than 0; that value is returned. The same holds for each _each below. */
int port_each(int fd, int (*fn)(void *context, uint32_t ifindex, const struct port_value *value), void *context);

/* `port_states`, shared with the kernel: an array of OVNET_PORTS_MAX. NULL with errno on failure. */
struct port_state *port_states_map(int fd);
void port_states_unmap(struct port_state *states);

int counter_create(int fd, uint32_t ifindex); /* all zero; an entry that is there already is kept: 0 */
int counter_get(int fd, uint32_t ifindex, struct counter_value *out); /* summed over the CPUs */
int counter_del(int fd, uint32_t ifindex);
uint64_t counter_drops(const struct counter_value *value, enum reason reason);
uint64_t counter_count(const struct counter_value *value, enum counter counter);

int rule_get(int fd, const struct rule_key *key, struct rule_value *out);
int rule_set(int fd, const struct rule_key *key, const struct rule_value *value);
int rule_insert(int fd, const struct rule_key *key, const struct rule_value *value); /* -EEXIST: there is one */
int rule_del(int fd, const struct rule_key *key);
int rule_each(int fd, int (*fn)(void *context, const struct rule_key *key, const struct rule_value *value),
	void *context);

int session_each(int fd, int (*fn)(void *context, const struct session_key *key, const struct session_value *value),
	void *context);
/* Removes an entry and takes it off its port's count. -ENOENT: it was gone already (and counted off by whoever removed it). */
int session_del(int fd, const struct session_key *key, struct port_state *states);

int mapping_get(int fd, const struct mapping_key *key, struct mapping_value *out);
int mapping_set(int fd, const struct mapping_key *key, const struct mapping_value *value);
int mapping_del(int fd, const struct mapping_key *key);
int mapping_each(int fd, int (*fn)(void *context, const struct mapping_key *key, const struct mapping_value *value),
	void *context);

int nexthop_get(int fd, uint32_t index, struct nexthop_value *out);
int nexthop_set(int fd, uint32_t index, const struct nexthop_value *value);

int listener_set(int fd, uint32_t drops);

int pending_get(int fd, const struct rule_key *key, struct pending_value *out);
/* Removes an entry and takes it off its port's count. -ENOENT: it was gone already. */
int pending_del(int fd, const struct rule_key *key, struct budget *budgets);
int pending_each(int fd, int (*fn)(void *context, const struct rule_key *key, const struct pending_value *value),
	void *context);
/* `budgets`, shared with the kernel: an array of OVNET_PORTS_MAX. NULL with errno on failure. */
struct budget *budgets_map(int fd);
void budgets_unmap(struct budget *budgets);

/* `channel`, shared with the kernel. NULL with errno on failure. */
struct channel_value *channel_map(int fd);
void channel_unmap(struct channel_value *channel);

int control_key_set(int fd, uint32_t index, const struct control_key *value);
int control_key_del(int fd, uint32_t index);
int control_key_clear(int fd);
int control_host_set(int fd, const struct control_key *key); /* one that is there already is kept: 0 */
int control_host_del(int fd, const struct control_key *key);
int control_host_clear(int fd);

int identity_get(int fd, const struct mapping_key *key, struct identity_value *out);
int identity_set(int fd, const struct mapping_key *key, const struct identity_value *value);
int identity_del(int fd, const struct mapping_key *key);
int identity_each(int fd, int (*fn)(void *context, const struct mapping_key *key, const struct identity_value *value),
	void *context);

/* Words, from reasons.def and counters.def: "no_rule", and its description. NULL when out of range. */
const char *reason_name(enum reason reason);
const char *reason_description(enum reason reason);
const char *counter_name(enum counter counter);
const char *counter_description(enum counter counter);

#endif /* OVNET_MAPS_ACCESS_H */
