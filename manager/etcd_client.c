/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to etcd's JSON gateway, endpoint by endpoint. See etcd_client.h; what is asked is put together in etcd_request.c.
 */
#include "manager/etcd_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "lib/time.h"

#define PAUSE_FIRST_MS 10 /* after all endpoints have failed; doubles */
#define PAUSE_MOST_MS 200

/* Codes of gRPC that the gateway hands on. */
enum {
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNAUTHENTICATED = 16,
};

struct etcd {
	char *endpoints[ETCD_ENDPOINTS_MAX];
	size_t count, current;
	CURL *curl;
	struct curl_slist *headers;
	struct store_text url, answer;
	char message[256];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_prepare(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int etcd_add_endpoints(struct etcd *etcd, const char *endpoints)
{
	while (*endpoints) {
		size_t length = strcspn(endpoints, ",");
		bool http = strncmp(endpoints, "http://", 7) == 0, https = strncmp(endpoints, "https://", 8) == 0;

		if (etcd->count == ETCD_ENDPOINTS_MAX || !(http || https) || length < (http ? 8u : 9u))
			return -EINVAL;
		etcd->endpoints[etcd->count] = strndup(endpoints, length);
		if (!etcd->endpoints[etcd->count])
			return -ENOMEM;
		etcd->count++;
		endpoints += length;
		if (*endpoints == ',' && !*++endpoints)
			return -EINVAL;
	}
	return etcd->count ? 0 : -EINVAL;
}

int etcd_open(const char *endpoints, struct etcd **out)
{
	struct etcd *etcd = calloc(1, sizeof(*etcd));
	int error;

	if (!etcd)
		return -ENOMEM;
	pthread_once(&curl_once, curl_prepare);
	error = etcd_add_endpoints(etcd, endpoints);
	if (!error) {
		etcd->curl = curl_easy_init();
		/* A large body goes at once, without asking first. */
		etcd->headers = curl_slist_append(NULL, "Expect:");
		error = etcd->curl && etcd->headers ? 0 : -ENOMEM;
	}
	if (error) {
		etcd_close(etcd);
		return error;
	}
	*out = etcd;
	return 0;
}

void etcd_close(struct etcd *etcd)
{
	if (!etcd)
		return;
	curl_easy_cleanup(etcd->curl);
	curl_slist_free_all(etcd->headers);
	for (size_t i = 0; i < etcd->count; i++)
		free(etcd->endpoints[i]);
	store_text_free(&etcd->url);
	store_text_free(&etcd->answer);
	free(etcd);
}

const char *etcd_message(const struct etcd *etcd)
{
	return etcd->message;
}

const char *etcd_endpoint(const struct etcd *etcd)
{
	return etcd->endpoints[etcd->current];
}

void etcd_next(struct etcd *etcd)
{
	etcd->current = (etcd->current + 1) % etcd->count;
}

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
	struct store_text *answer = context;

	store_text_add(answer, data, size * count);
	return answer->failed ? 0 : size * count;
}

/* Sends one request to the endpoint in use. Returns curl's code. */
static CURLcode etcd_send(struct etcd *etcd, const char *path, const char *request, size_t length, unsigned timeout_ms)
{
	CURL *curl = etcd->curl;

	store_text_clear(&etcd->url);
	store_text_print(&etcd->url, "%s%s", etcd_endpoint(etcd), path);
	store_text_clear(&etcd->answer);
	if (etcd->url.failed)
		return CURLE_OUT_OF_MEMORY;
	curl_easy_reset(curl); /* keeps the connections */
	curl_easy_setopt(curl, CURLOPT_URL, etcd->url.data);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, etcd->headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &etcd->answer);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)ETCD_CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	return curl_easy_perform(curl);
}

/* A refusal: {"error":"...","message":"...","code":N}. What may have been done all the same is -EINPROGRESS. */
static int etcd_refusal(struct etcd *etcd, const cJSON *answer)
{
	const char *text = cJSON_GetStringValue(json_member(answer, "error"));
	long long code = 0;

	if (!text)
		text = "an answer that is none";
	snprintf(etcd->message, sizeof(etcd->message), "%s", text);
	json_integer(json_member(answer, "code"), 0, 100, &code);
	if (strstr(text, "corrupt"))
		return -EUCLEAN;
	switch (code) {
	case GRPC_INVALID_ARGUMENT:
		return strstr(text, "too large") || strstr(text, "too many") ? -E2BIG : -EINVAL;
	case GRPC_PERMISSION_DENIED:
	case GRPC_UNAUTHENTICATED:
		return -EACCES;
	case GRPC_RESOURCE_EXHAUSTED:
		/* The other one is "too many requests". */
		return strstr(text, "space") ? -ENOSPC : strstr(text, "larger") ? -E2BIG : -EINPROGRESS;
	case GRPC_OUT_OF_RANGE:
		/* A revision of the future: this member has not heard of it yet. */
		return strstr(text, "compacted") ? -ERANGE : -EINPROGRESS;
	default:
		return -EINPROGRESS;
	}
}

/* One attempt. */
static int etcd_try(struct etcd *etcd, const char *path, const char *request, size_t length, unsigned timeout_ms,
	cJSON **answer)
{
	CURLcode code = etcd_send(etcd, path, request, length, timeout_ms);
	scope_json cJSON *tree = NULL;
	curl_off_t connected = 0;
	struct json_error syntax;
	long status = 0;

	if (code != CURLE_OK) {
		snprintf(etcd->message, sizeof(etcd->message), "%s: %s", etcd_endpoint(etcd), curl_easy_strerror(code));
		curl_easy_getinfo(etcd->curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
		if (code == CURLE_OUT_OF_MEMORY || etcd->answer.failed)
			return -ENOMEM;
		return connected == 0 ? -EHOSTUNREACH : -EINPROGRESS;
	}
	curl_easy_getinfo(etcd->curl, CURLINFO_RESPONSE_CODE, &status);
	tree = etcd->answer.length ? json_parse(etcd->answer.data, etcd->answer.length, &syntax) : NULL;
	if (!tree || status != 200)
		return etcd_refusal(etcd, tree);
	*answer = tree;
	tree = NULL;
	return 0;
}

static void pause_ms(unsigned ms)
{
	struct timespec pause = {.tv_nsec = (long)ms * (long)NSEC_PER_MSEC};

	nanosleep(&pause, NULL);
}

int etcd_post(struct etcd *etcd, const char *path, const char *request, size_t length, cJSON **answer)
{
	uint64_t end_ns = time_now_ns() + ETCD_PATIENCE_MS * NSEC_PER_MSEC;
	unsigned pause = PAUSE_FIRST_MS;
	bool taken = false; /* somebody may have done it */

	etcd->message[0] = '\0';
	for (size_t attempt = 1;; attempt++) {
		uint64_t now_ns = time_now_ns();
		uint64_t left_ms = now_ns < end_ns ? (end_ns - now_ns) / NSEC_PER_MSEC : 0;
		int error;

		if (left_ms == 0)
			return taken ? -EINPROGRESS : -EHOSTUNREACH;
		error = etcd_try(etcd, path, request, length,
			left_ms < ETCD_REQUEST_MS ? (unsigned)left_ms : ETCD_REQUEST_MS, answer);
		if (error != -EHOSTUNREACH && error != -EINPROGRESS)
			return error;
		taken = taken || error == -EINPROGRESS;
		etcd_next(etcd);
		if (attempt % etcd->count)
			continue;
		pause_ms(pause);
		pause = 2 * pause < PAUSE_MOST_MS ? 2 * pause : PAUSE_MOST_MS;
	}
}
