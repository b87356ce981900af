/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, setting and removing the queue's interfaces; see queue_link.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/queue_link.h"
#include "lib/error.h"

#define REQUEST_OCTETS 512
#define ANSWER_OCTETS (16 * 1024)
#define ANSWER_TIMEOUT_S 2 /* the kernel answers before sendto() returns: only a guard */
#define MTU_MAX 65535

struct request {
	char octets[REQUEST_OCTETS] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header;
	struct ifinfomsg *info;
};

/* What is asked of an interface. */
struct link_state {
	unsigned ifindex, peer;
	uint32_t mtu_max;
	bool veth, peer_elsewhere;
};

/* ---- requests ---- */

static void request_begin(struct request *request, uint16_t type, uint16_t flags, unsigned ifindex)
{
	request->header = mnl_nlmsg_put_header(request->octets);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->header->nlmsg_seq = 1;
	request->info = mnl_nlmsg_put_extra_header(request->header, sizeof(*request->info));
	request->info->ifi_index = (int)ifindex;
}

static int socket_ask(struct mnl_socket *socket, const struct request *request, mnl_cb_t fn, void *context)
{
	char answer[ANSWER_OCTETS] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	ssize_t length;
	int more = MNL_CB_OK;

	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_sendto(socket, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	while (more == MNL_CB_OK) {
		length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		more = mnl_cb_run(answer, (size_t)length, 1, mnl_socket_get_portid(socket), fn, context);
	}
	return more < 0 ? -errno : 0;
}

/* Sends a request and reads its answer until it is acknowledged. Returns 0 or the kernel's -errno. */
static int request_ask(const struct request *request, mnl_cb_t fn, void *context)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int error;

	if (!socket)
		return -errno;
	error = socket_ask(socket, request, fn, context);
	mnl_socket_close(socket);
	return error;
}

/* ---- what there is ---- */

static bool is_veth(const struct nlattr *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			return !strcmp(mnl_attr_get_str(attr), "veth");
	return false;
}

static int state_read(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct link_state *state = context;
	const struct nlattr *attr;

	state->ifindex = (unsigned)info->ifi_index;
	mnl_attr_for_each(attr, message, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_LINK:
			state->peer = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			state->peer_elsewhere = true;
			break;
		case IFLA_MAX_MTU:
			state->mtu_max = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			state->veth = is_veth(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

/* Returns 0 and what there is of that name, -ENODEV or another -errno. */
static int state_get(const char *name, struct link_state *out)
{
	unsigned ifindex = if_nametoindex(name);
	struct link_state state = {};
	struct request request;
	int error;

	if (!ifindex)
		return -errno;
	request_begin(&request, RTM_GETLINK, 0, ifindex);
	error = request_ask(&request, state_read, &state);
	if (!error)
		*out = state;
	return error;
}

/* ---- veth pairs ---- */

static bool is_pair(const char *name, const char *peer)
{
	struct link_state a, b;

	return !state_get(name, &a) && !state_get(peer, &b) && a.veth && b.veth && !a.peer_elsewhere &&
	       !b.peer_elsewhere && a.peer == b.ifindex && b.peer == a.ifindex;
}

static int pair_make(const char *name, const char *peer)
{
	struct nlattr *info, *data, *other;
	struct request request;

	request_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(request.header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, peer);
	mnl_attr_nest_end(request.header, other);
	mnl_attr_nest_end(request.header, data);
	mnl_attr_nest_end(request.header, info);
	return request_ask(&request, NULL, NULL);
}

int queue_link_pair(const char *name, const char *peer)
{
	int error;

	if (is_pair(name, peer))
		return 0;
	error = queue_link_remove(name);
	if (!error)
		error = queue_link_remove(peer);
	return error ? error : pair_make(name, peer);
}

/* ---- settings ---- */

/* No link-local address either if somebody switches IPv6 on again. */
static void put_no_addresses(struct nlmsghdr *request)
{
	struct nlattr *spec = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *family = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, family);
	mnl_attr_nest_end(request, spec);
}

static int link_set(const struct queue_link *link, const struct link_state *state)
{
	struct request request;

	request_begin(&request, RTM_NEWLINK, 0, state->ifindex);
	mnl_attr_put_u32(request.header, IFLA_MTU,
		state->mtu_max && state->mtu_max < MTU_MAX ? state->mtu_max : MTU_MAX);
	if (link->address)
		mnl_attr_put(request.header, IFLA_ADDRESS, sizeof(link->address->octet), link->address->octet);
	if (link->tx_queue_length)
		mnl_attr_put_u32(request.header, IFLA_TXQLEN, link->tx_queue_length);
	put_no_addresses(request.header);
	return request_ask(&request, NULL, NULL);
}

static int link_set_up(const struct link_state *state)
{
	struct request request;

	request_begin(&request, RTM_NEWLINK, 0, state->ifindex);
	request.info->ifi_flags = IFF_UP | IFF_NOARP;
	request.info->ifi_change = IFF_UP | IFF_NOARP;
	return request_ask(&request, NULL, NULL);
}

static int ipv6_off(const char *name)
{
	char path[128];
	scope_close int fd = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, "1", 1) < 0 ? -errno : 0;
}

int queue_link_ready(const struct queue_link *link, unsigned *ifindex)
{
	struct link_state state;
	int error = state_get(link->name, &state);

	if (!error)
		error = link_set(link, &state);
	if (!error)
		error = ipv6_off(link->name);
	if (!error)
		error = link_set_up(&state);
	if (!error)
		*ifindex = state.ifindex;
	return error;
}

int queue_link_remove(const char *name)
{
	unsigned ifindex = if_nametoindex(name);
	struct request request;
	int error;

	if (!ifindex)
		return errno == ENODEV ? 0 : -errno;
	request_begin(&request, RTM_DELLINK, 0, ifindex);
	error = request_ask(&request, NULL, NULL);
	/* Somebody else was faster, or it went with its peer. */
	return error == -ENODEV ? 0 : error;
}
