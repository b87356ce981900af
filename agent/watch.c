/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drop events, from the ring buffer, and negotiations, from the agent itself, to the clients that watch. The programs write events
 * only while somebody watches.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/control.h"
#include "agent/monitor.h"
#include "lib/log.h"
#include "lib/time.h"

#define WATCHERS_MAX 16

struct watch {
	struct agent *agent;
	struct ring_buffer *ring;
	struct loop_watch *ready;
	struct watcher {
		struct control_client *client; /* NULL: free */
		bool negotiations;             /* and drops, which everyone gets */
	} watchers[WATCHERS_MAX];
	unsigned count, monitors;
};

static const char *hook_name(enum hook hook)
{
	switch (hook) {
	case HOOK_NODE:
		return "node";
	case HOOK_GUARD:
		return "guard";
	case HOOK_UPLINK_TC:
		return "uplink-tc";
	case HOOK_UPLINK_XDP:
		return "uplink-xdp";
	}
	return "unknown";
}

/* Boot time to wall-clock time, RFC 3339 with microseconds. */
static void time_text(uint64_t boot_ns, char text[40])
{
	struct timespec wall;
	uint64_t ns;
	time_t seconds;
	struct tm broken_down;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &wall);
	ns = (uint64_t)wall.tv_sec * NSEC_PER_SEC + (uint64_t)wall.tv_nsec - (time_now_ns() - boot_ns);
	seconds = (time_t)(ns / NSEC_PER_SEC);
	gmtime_r(&seconds, &broken_down);
	used = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &broken_down);
	snprintf(text + used, 40 - used, ".%06uZ", (unsigned)(ns % NSEC_PER_SEC / 1000));
}

static cJSON *event_json(const struct agent *agent, const struct event *event)
{
	const char *name, *kind, *node;
	char text[ADDRESS_TEXT_MAX], when[40], protocol[8];
	struct ipv4 address;
	cJSON *told = cJSON_CreateObject();

	time_text(event->time_ns, when);
	show_interface(agent, event->ifindex, &name, &kind, &node);
	cJSON_AddStringToObject(told, "time", when);
	cJSON_AddStringToObject(told, "interface", name);
	cJSON_AddStringToObject(told, "hook", hook_name(event->hook));
	cJSON_AddStringToObject(told, "reason", reason_name(event->reason));
	cJSON_AddStringToObject(told, "description", reason_description(event->reason));
	cJSON_AddNumberToObject(told, "vni", event->vni);
	cJSON_AddStringToObject(told, "vnet", show_vnet_name(agent, event->vni));
	memcpy(address.octet, event->source, 4);
	cJSON_AddStringToObject(told, "source", ipv4_format(address, text));
	memcpy(address.octet, event->destination, 4);
	cJSON_AddStringToObject(told, "destination", ipv4_format(address, text));
	cJSON_AddStringToObject(told, "protocol", show_protocol(event->protocol, protocol));
	cJSON_AddNumberToObject(told, "source_port", event->source_port);
	cJSON_AddNumberToObject(told, "destination_port", event->destination_port);
	cJSON_AddNumberToObject(told, "length", event->length);
	return told;
}

/* Takes `told` over. */
static void watch_send(struct watch *watch, cJSON *told, bool to_monitors_only)
{
	cJSON *wrapped = cJSON_CreateObject();
	char *line;

	cJSON_AddItemToObject(wrapped, "event", told);
	line = cJSON_PrintUnformatted(wrapped);
	for (size_t i = 0; line && i < WATCHERS_MAX; i++)
		if (watch->watchers[i].client && (watch->watchers[i].negotiations || !to_monitors_only))
			control_event(watch->watchers[i].client, line);
	free(line);
	cJSON_Delete(wrapped);
}

static int watch_event(void *context, void *data, size_t size)
{
	struct watch *watch = context;

	if (size >= sizeof(struct event) && watch->count)
		watch_send(watch, event_json(watch->agent, data), false);
	return 0;
}

bool monitor_listens(const struct agent *agent)
{
	return agent->watch && agent->watch->monitors;
}

/* Of the others nothing was decided. */
static bool tells_verdict(const char *what)
{
	static const char *const words[] = {"grant", "refuse", "decide", "here", "own"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(what, words[i]) == 0)
			return true;
	return false;
}

void monitor_negotiation(struct agent *agent, const struct monitor_negotiation *negotiation)
{
	const struct flow *flow = &negotiation->flow;
	char text[ADDRESS_TEXT_MAX], when[40], protocol[8];
	cJSON *told = cJSON_CreateObject();

	time_text(time_now_ns(), when);
	cJSON_AddStringToObject(told, "time", when);
	cJSON_AddStringToObject(told, "negotiation", negotiation->what);
	cJSON_AddNumberToObject(told, "vni", flow->vni);
	cJSON_AddStringToObject(told, "vnet", show_vnet_name(agent, flow->vni));
	cJSON_AddStringToObject(told, "source", ipv4_format(flow->source, text));
	cJSON_AddStringToObject(told, "destination", ipv4_format(flow->destination, text));
	cJSON_AddStringToObject(told, "protocol", flow->reach ? "arp" : show_protocol(flow->protocol, protocol));
	cJSON_AddNumberToObject(told, "destination_port", flow->port);
	if (tells_verdict(negotiation->what)) {
		cJSON_AddBoolToObject(told, "granted", negotiation->granted);
		cJSON_AddNumberToObject(told, "policy", negotiation->policy);
	}
	watch_send(agent->watch, told, true);
}

static void watch_ready(void *context, uint32_t events)
{
	struct watch *watch = context;

	(void)events;
	ring_buffer__consume(watch->ring);
}

static void watch_listeners(struct watch *watch)
{
	int error = listener_set(watch->agent->maps->listeners, watch->count);

	if (error)
		log_error("drop events: %s", strerror(-error));
}

bool watch_add(struct agent *agent, struct control_client *client, bool negotiations)
{
	struct watch *watch = agent->watch;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (watch->watchers[i].client)
			continue;
		watch->watchers[i] = (struct watcher){client, negotiations};
		watch->count++;
		watch->monitors += negotiations;
		watch_listeners(watch);
		return true;
	}
	return false;
}

void watch_remove(struct agent *agent, struct control_client *client)
{
	struct watch *watch = agent->watch;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (watch->watchers[i].client != client)
			continue;
		watch->count--;
		watch->monitors -= watch->watchers[i].negotiations;
		watch->watchers[i] = (struct watcher){0};
		watch_listeners(watch);
	}
}

int watch_open(struct agent *agent)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->agent = agent;
	watch->ring = ring_buffer__new(agent->maps->events, watch_event, watch, NULL);
	if (watch->ring)
		watch->ready = loop_watch(agent->loop, ring_buffer__epoll_fd(watch->ring), EPOLLIN, watch_ready, watch);
	if (!watch->ready) {
		int error = -errno;

		ring_buffer__free(watch->ring);
		free(watch);
		return error;
	}
	agent->watch = watch;
	/* Whoever listened to an agent before this one does not any more. */
	watch_listeners(watch);
	return 0;
}

void watch_close(struct agent *agent)
{
	struct watch *watch = agent->watch;

	if (!watch)
		return;
	watch->count = 0;
	watch_listeners(watch);
	loop_unwatch(watch->ready);
	ring_buffer__free(watch->ring);
	free(watch);
	agent->watch = NULL;
}
