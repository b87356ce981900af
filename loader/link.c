// SPDX-License-Identifier: BSD-2-Clause
/*
 * Links of BPF: TCX and XDP, pinned. Leaves out which program belongs where (attach.c).
 *
 * What a clsact qdisc would need instead of TCX, before kernel 6.6, is another struct link_ops.
 */
#include "loader/link.h"

#include <errno.h>
#include <string.h>
#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/error.h"
#include "lib/log.h"
#include "loader/pin.h"

/* enum bpf_attach_type of kernel 6.6, which the headers of Debian 12 do not have yet. */
#define LINK_TCX_INGRESS ((enum bpf_attach_type)46)
#define LINK_TCX_EGRESS ((enum bpf_attach_type)47)

/* In every network namespace. */
#define IFINDEX_LOOPBACK 1

/* More programs than anybody has on one interface. */
#define LINK_PROGRAMS_MAX 64

static enum bpf_attach_type link_tcx_type(enum loader_hook hook)
{
	return hook == LOADER_GUARD ? LINK_TCX_EGRESS : LINK_TCX_INGRESS;
}

/* True when program `id` is on the interface, as seen from this network namespace. */
static bool link_program_is_on(uint32_t id, enum loader_hook hook, unsigned int ifindex)
{
	uint32_t ids[LINK_PROGRAMS_MAX];
	uint32_t count = ARRAY_LEN(ids);

	if (hook == LOADER_UPLINK_XDP)
		return !bpf_xdp_query_id((int)ifindex, 0, &ids[0]) && ids[0] == id;
	if (bpf_prog_query((int)ifindex, link_tcx_type(hook), 0, NULL, ids, &count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/*
 * Asking the link is not enough. Interface numbers belong to a network namespace, and an interface of another one, or
 * of one that is just going away, may have the number of one of ours.
 */
static unsigned int link_ifindex_of(int link, enum loader_hook hook)
{
	struct bpf_link_info info = {0};
	uint32_t length = sizeof(info);
	unsigned int ifindex;

	if (bpf_obj_get_info_by_fd(link, &info, &length))
		return 0;
	/* The kernel has a TCX link's interface where an XDP link has it. */
	ifindex = info.xdp.ifindex;
	return ifindex && link_program_is_on(info.prog_id, hook, ifindex) ? ifindex : 0;
}

unsigned int link_ifindex(enum loader_hook hook, const char *pin)
{
	scope_close int link = bpf_obj_get(pin);

	return link < 0 ? 0 : link_ifindex_of(link, hook);
}

static int link_replace(int program, enum loader_hook hook, unsigned int ifindex, const char *pin)
{
	scope_close int link = bpf_obj_get(pin);
	int error;

	if (link < 0)
		return link;
	if (link_ifindex_of(link, hook) != ifindex)
		return -ENOENT;
	error = bpf_link_update(link, program, NULL);
	/* The interface went away meanwhile. */
	return error == -ENOLINK ? -ENOENT : error;
}

int link_detach(const char *pin)
{
	scope_close int link = bpf_obj_get(pin);

	/* Somebody else may have the link open, so dropping the pin does not suffice; without an interface it fails. */
	if (link >= 0)
		bpf_link_detach(link);
	return pin_remove(pin);
}

static int link_pin(int link, const char *pin)
{
	int error = link < 0 ? link : bpf_obj_pin(link, pin);

	/* Unless pinned, the link goes with its descriptor. */
	if (link >= 0)
		close(link);
	return error;
}

static int link_attach_tcx(int program, enum loader_hook hook, unsigned int ifindex, const char *pin)
{
	return link_pin(bpf_link_create(program, (int)ifindex, link_tcx_type(hook), NULL), pin);
}

static int link_create_xdp(int program, unsigned int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);

	return bpf_link_create(program, (int)ifindex, BPF_XDP, &options);
}

static int link_attach_xdp(int program, enum loader_hook hook, unsigned int ifindex, const char *pin)
{
	int link = link_create_xdp(program, ifindex, XDP_FLAGS_DRV_MODE);

	(void)hook;
	if (link < 0 && link != -EBUSY && link != -EEXIST) {
		int native = link;

		link = link_create_xdp(program, ifindex, XDP_FLAGS_SKB_MODE);
		if (link >= 0)
			log_notice("loader %s: the interface takes no native XDP (%s), so it runs in generic mode", pin,
				strerror(-native));
	}
	/* -EEXIST: a program of somebody else is there, in the other mode. */
	return link_pin(link == -EEXIST ? -EBUSY : link, pin);
}

static const struct link_ops link_tcx = {link_attach_tcx, link_replace};
const struct link_ops link_xdp = {link_attach_xdp, link_replace};

int link_probe_tc(const struct link_ops **out)
{
	uint32_t count = 0;
	int error = bpf_prog_query(IFINDEX_LOOPBACK, LINK_TCX_INGRESS, 0, NULL, NULL, &count);

	if (!error) {
		*out = &link_tcx;
		return 0;
	}
	if (error == -EINVAL) {
		log_error("loader tc: the kernel lacks TCX (kernel 6.6)");
		return -ENOTSUP;
	}
	log_error("loader tc: cannot ask the kernel for TCX: %s", strerror(-error));
	return error;
}

int link_xdp_mode(unsigned int ifindex, enum loader_xdp *out)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int error = bpf_xdp_query((int)ifindex, 0, &query);

	if (error)
		return error;
	if (query.attach_mode == XDP_ATTACHED_NONE)
		return -ENOENT;
	*out = query.attach_mode == XDP_ATTACHED_SKB ? LOADER_XDP_GENERIC : LOADER_XDP_NATIVE;
	return 0;
}
