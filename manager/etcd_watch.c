/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A watch of etcd, as a bell: that something was put, not what. Who hears it reads the range, and so sees the same whether
 * an event came, was missed, or was compacted away. See etcd_client.h.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/time.h"
#include "manager/etcd_client.h"

#define LINE_MAX_OCTETS (64u << 20) /* a stream that sends no line break is none of etcd's */

struct etcd_watch {
	CURLM *multi;
	CURL *curl;
	struct store_text url, request, line;
	bool added, rung, ended;
};

void etcd_watch_close(struct etcd_watch *watch)
{
	if (!watch)
		return;
	if (watch->added)
		curl_multi_remove_handle(watch->multi, watch->curl);
	curl_easy_cleanup(watch->curl);
	curl_multi_cleanup(watch->multi);
	store_text_free(&watch->url);
	store_text_free(&watch->request);
	store_text_free(&watch->line);
	free(watch);
}

/* One answer: {"result":{...,"created":true}}, {"result":{...,"events":[...]}}, {"result":{...,"canceled":true}} or an error. */
static void watch_read_line(struct etcd_watch *watch)
{
	const char *line = watch->line.data;

	/* Values are base64: a quoted word is a member's name. */
	if (strstr(line, "\"events\":"))
		watch->rung = true;
	if (strstr(line, "\"canceled\":true") || strstr(line, "\"error\":"))
		watch->ended = true;
}

static size_t on_stream(char *data, size_t size, size_t count, void *context)
{
	struct etcd_watch *watch = context;
	size_t length = size * count, taken = 0;

	while (taken < length) {
		const char *end = memchr(data + taken, '\n', length - taken);
		size_t part = end ? (size_t)(end - data) - taken : length - taken;

		store_text_add(&watch->line, data + taken, part);
		if (watch->line.failed || watch->line.length > LINE_MAX_OCTETS)
			return 0;
		if (end) {
			watch_read_line(watch);
			store_text_clear(&watch->line);
		}
		taken += part + (end ? 1 : 0);
	}
	return length;
}

int etcd_watch_open(struct etcd *etcd, const char *key, const char *end, uint64_t revision, struct etcd_watch **out)
{
	struct etcd_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->multi = curl_multi_init();
	watch->curl = curl_easy_init();
	store_text_print(&watch->url, "%s/v3/watch", etcd_endpoint(etcd));
	store_text_print(&watch->request, "{\"create_request\":{\"key\":\"");
	store_text_base64(&watch->request, key, strlen(key));
	store_text_print(&watch->request, "\",\"range_end\":\"");
	store_text_base64(&watch->request, end, strlen(end));
	store_text_print(&watch->request, "\",\"filters\":[\"NODELETE\"],\"start_revision\":\"%" PRIu64 "\"}}",
		revision);
	store_text_add(&watch->line, "", 0);
	if (!watch->multi || !watch->curl || watch->url.failed || watch->request.failed || watch->line.failed) {
		etcd_watch_close(watch);
		return -ENOMEM;
	}
	curl_easy_setopt(watch->curl, CURLOPT_URL, watch->url.data);
	curl_easy_setopt(watch->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(watch->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(watch->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(watch->curl, CURLOPT_POSTFIELDS, watch->request.data);
	curl_easy_setopt(watch->curl, CURLOPT_WRITEFUNCTION, on_stream);
	curl_easy_setopt(watch->curl, CURLOPT_WRITEDATA, watch);
	curl_easy_setopt(watch->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)ETCD_CONNECT_MS);
	curl_easy_setopt(watch->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	watch->added = curl_multi_add_handle(watch->multi, watch->curl) == CURLM_OK;
	if (!watch->added) {
		etcd_watch_close(watch);
		return -ENOMEM;
	}
	*out = watch;
	return 0;
}

int etcd_watch_wait(struct etcd_watch *watch, unsigned timeout_ms, bool *rung)
{
	uint64_t end_ns = time_now_ns() + timeout_ms * NSEC_PER_MSEC;

	for (;;) {
		uint64_t now_ns;
		int running = 0;

		if (curl_multi_perform(watch->multi, &running) != CURLM_OK || !running)
			watch->ended = true;
		now_ns = time_now_ns();
		if (watch->rung || watch->ended || now_ns >= end_ns)
			break;
		curl_multi_poll(watch->multi, NULL, 0, (int)((end_ns - now_ns) / NSEC_PER_MSEC + 1), NULL);
	}
	if (watch->ended)
		return -EPIPE;
	*rung = watch->rung;
	watch->rung = false;
	return 0;
}
