/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The early uplink program, XDP: refuses what is forged, unauthorized or malformed before the kernel spends anything
 * on it. What it lets pass, tc judges again and delivers: XDP cannot see whether a checksum is still partial.
 */
#include "bpf/lib/program.h"

#include "bpf/lib/budget.h"
#include "bpf/stage/parse6.h"
#include "bpf/stage/session.h"
#include "bpf/stage/stale.h"

/* As in tc, but nothing is opened or removed here. */
static __always_inline int xdp_authorize(struct packet *p)
{
	struct view view = view_of(p, DIRECTION_IN);
	const struct session_value *session = bpf_map_lookup_elem(&sessions, &view.key);
	struct session_value proof = {};

	if (session && session_covers(session, p, DIRECTION_IN) && session_is_fresh(session))
		return 0;
	p->now_ns = bpf_ktime_get_boot_ns();
	if (session) {
		if (session_covers(session, p, DIRECTION_IN) && p->now_ns < session->expires_ns)
			return 0;
		if (!session_is_opening(p))
			view.direction = session->direction;
	}
	return admit(p, &view, &proof);
}

/* What may wait for its question is tc's to queue, as long as there is room. */
static __always_inline int xdp_hold(const struct packet *p, int reason)
{
	const struct port_value *port = pending_holder(p);
	const struct budget *budget = port ? budget_of(port->number) : NULL;

	if (!budget)
		return reason;
	return budget->held_packets < budget->packets_quota ? 0 : REASON_HOLD_FULL;
}

static __always_inline int xdp_stages(struct xdp_md *xdp, struct packet *p)
{
	int reason;

	TRY(parse6((void *)(long)xdp->data, (void *)(long)xdp->data_end, p, XDP_PASS));
	reason = xdp_authorize(p);
	if (unlikely(pending_may_help(reason)))
		reason = xdp_hold(p, reason);
	TRY(reason);
	return STAGE_DONE(XDP_PASS);
}

SEC("xdp")
int uplink_xdp(struct xdp_md *xdp)
{
	struct packet p = {.hook = HOOK_UPLINK_XDP, .ifindex = xdp->ingress_ifindex};
	int outcome;

	p.length = xdp->data_end - xdp->data;
	outcome = xdp_stages(xdp, &p);
	if (outcome < 0)
		return STAGE_ACTION(outcome);
	if (stale_matters(outcome))
		stale_tell(&p, outcome);
	drop(&p, outcome);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
