/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `counters`: drops by reason and other counts, per interface and CPU, by name in `bpftool map dump`.
 *
 * Who writes   the programs add; ovnetd makes an entry before it attaches programs to an interface.
 * Who reads    ovnetd (`ovnetctl drop list`, metrics).
 * Lifetime     as long as the interface carries programs of ovnet.
 * Size         1,280: ports and uplinks.
 * When full    ovnetd refuses to attach.
 */
#ifndef OVNET_MAPS_COUNTER_H
#define OVNET_MAPS_COUNTER_H

/* The key is the interface index. */
struct counter_value {
	__u64 none; /* REASON_NONE, always 0: a reason's number is its place */
#define REASON(NAME, name, description) __u64 drop_##name;
#include "reasons.def"
#undef REASON
#define COUNTER(NAME, name, description) __u64 name;
#include "counters.def"
#undef COUNTER
};

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 1280); __type(key, __u32);
	  __type(value, struct counter_value);)
counters SHARED_MAP;
#endif

#endif /* OVNET_MAPS_COUNTER_H */
