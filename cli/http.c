/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests by libcurl. See http.h.
 */
#include "cli/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "cli/output.h"
#include "lib/error.h"
#include "lib/json.h"

#define UNIX_PREFIX "unix:"

struct exchange {
	const struct http_ask *ask;
	CURL *curl;
	char *text; /* of the answer, as far as nobody else takes it */
	size_t length, room;
	bool stopped, overlong;
};

void http_place_clear(struct http_place *place)
{
	if (place->token)
		explicit_bzero(place->token, strlen(place->token));
	free(place->url);
	free(place->token);
	free(place->ca);
	*place = (struct http_place){0};
}

/* ---- URLs */

/* Only addresses count: a name may mean anything. */
static bool is_loopback(const char *host)
{
	struct in_addr address;

	return strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static bool check_parts(CURLU *parsed, char message[200])
{
	char *scheme = NULL, *host = NULL, *user = NULL, *path = NULL, *query = NULL;
	bool good = false;

	curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
	curl_url_get(parsed, CURLUPART_HOST, &host, 0);
	curl_url_get(parsed, CURLUPART_USER, &user, 0);
	curl_url_get(parsed, CURLUPART_PATH, &path, 0);
	curl_url_get(parsed, CURLUPART_QUERY, &query, 0);
	if (!scheme || !host || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		snprintf(message, 200, "expected https://HOST:PORT, http://127.0.0.1:PORT or unix:PATH");
	else if (user || query || (path && strcmp(path, "/") != 0))
		snprintf(message, 200, "expected nothing but a host and a port in the URL");
	else if (strcmp(scheme, "http") == 0 && !is_loopback(host))
		snprintf(message, 200, "expected https, as without TLS a token goes to 127.0.0.1 or [::1] only");
	else
		good = true;
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(path);
	curl_free(query);
	return good;
}

bool http_url_check(const char *url, char message[200])
{
	CURLU *parsed;
	bool good;

	if (strncmp(url, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		if (url[strlen(UNIX_PREFIX)] == '/')
			return true;
		snprintf(message, 200, "expected unix: and the socket's path from the root");
		return false;
	}
	parsed = curl_url();
	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK) {
		snprintf(message, 200, "expected https://HOST:PORT, http://127.0.0.1:PORT or unix:PATH");
		curl_url_cleanup(parsed);
		return false;
	}
	good = check_parts(parsed, message);
	curl_url_cleanup(parsed);
	return good;
}

char *http_encode(const char *text, bool slash)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = malloc(3 * strlen(text) + 1), *to = out;

	for (; out && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c) || (c == '/' && slash)) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	if (out)
		*to = '\0';
	return out;
}

/* ---- what curl calls */

static bool is_success(const struct exchange *exchange)
{
	long status = 0;

	curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
	return status / 100 == 2;
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	size_t length = size * count, room;
	char *grown;

	if (exchange->ask->take && is_success(exchange)) {
		exchange->stopped = !exchange->ask->take(exchange->ask->context, data, length);
		return exchange->stopped ? 0 : length;
	}
	if (length > HTTP_ANSWER_MAX - exchange->length) {
		exchange->overlong = true;
		return 0;
	}
	if (exchange->length + length + 1 > exchange->room) {
		room = 2 * (exchange->length + length + 1);
		grown = realloc(exchange->text, room);
		if (!grown)
			return 0;
		exchange->text = grown;
		exchange->room = room;
	}
	memcpy(exchange->text + exchange->length, data, length);
	exchange->length += length;
	return length;
}

static int on_progress(void *context, curl_off_t all, curl_off_t received, curl_off_t all_sent, curl_off_t sent)
{
	struct exchange *exchange = context;

	(void)all, (void)all_sent;
	exchange->stopped |= !exchange->ask->tick(exchange->ask->context, (size_t)sent, (size_t)received);
	return exchange->stopped;
}

/* ---- one request */

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
	struct curl_slist *grown;
	char *line = NULL;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		return false;
	grown = curl_slist_append(*headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
	if (!grown)
		return false;
	*headers = grown;
	return true;
}

static bool add_headers(const struct http_place *place, const struct http_ask *ask, struct curl_slist **headers)
{
	char text[64];

	if (place->token) {
		char header[512];

		snprintf(header, sizeof(header), "Bearer %s", place->token);
		if (!add_header(headers, "Authorization", header))
			return false;
		explicit_bzero(header, sizeof(header));
	}
	snprintf(text, sizeof(text), "\"%lld\"", ask->if_match);
	/* Without "Expect" a large body goes out at once: who sends it is known, and is hardly ever refused. */
	return (!ask->if_match || add_header(headers, "If-Match", text)) &&
	       (!ask->why || add_header(headers, "X-Ovnet-Why", ask->why)) && add_header(headers, "Expect", "") &&
	       (!ask->body || add_header(headers, "Content-Type", "application/json"));
}

/* The address of the request; over a unix socket the host is a word only. */
static char *address_of(const struct http_place *place, const char *path, const char **socket)
{
	char *url = NULL;
	int length;

	*socket = NULL;
	if (strncmp(place->url, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		*socket = place->url + strlen(UNIX_PREFIX);
		length = asprintf(&url, "http://manager%s", path);
	} else {
		length = asprintf(&url, "%s%s", place->url, path);
	}
	return length < 0 ? NULL : url;
}

static void set_place(CURL *curl, const struct http_place *place, const char *socket)
{
	/* A proxy is for what is far away. */
	if (socket)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	if (socket || strncmp(place->url, "http:", 5) == 0)
		curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, socket ? "http" : "http,https");
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	if (place->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, place->ca);
}

static void set_ask(struct exchange *exchange, const struct http_ask *ask, const char *body, char *reason)
{
	CURL *curl = exchange->curl;

	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	if (ask->tick) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
	}
}

/* What curl says, in the words of this program. */
static int failure(CURLcode code, const struct exchange *exchange, const struct http_place *place, const char *reason,
	char message[400])
{
	const char *detail = *reason ? reason : curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		snprintf(message, 400, "nobody can be reached there (%s)", detail);
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
		snprintf(message, 400, "the name of the host is not known");
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		snprintf(message, 400, "no answer in time");
		return -ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
		snprintf(message, 400, "its certificate is not trusted: %.200s; %s", detail,
			place->ca ? "is the file that of this manager?" : "name the file of its CA with --ca");
		return -EIO;
	case CURLE_SSL_CACERT_BADFILE:
		snprintf(message, 400, "the certificates in %s cannot be read", place->ca ? place->ca : "the system");
		return -EIO;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		snprintf(message, 400, "%s",
			exchange->overlong  ? "the answer is too long"
			: exchange->stopped ? "ended early"
					    : "out of memory");
		return exchange->stopped ? -ECANCELED : -EIO;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
		snprintf(message, 400, "the connection ended early (%s)", detail);
		return -EIO;
	default:
		snprintf(message, 400, "%s", detail);
		return -EIO;
	}
}

static int finish(struct exchange *exchange, struct http_answer *answer)
{
	struct json_error error;
	long status = 0;

	curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (int)status;
	if (exchange->length == 0)
		return 0;
	answer->json = json_parse(exchange->text, exchange->length, &error);
	if (answer->json)
		return 0;
	snprintf(answer->message, sizeof(answer->message), "what answers there is no manager (status %ld)", status);
	return -EPROTO;
}

static int perform(struct exchange *exchange, const struct http_place *place, const struct http_ask *ask,
	struct http_answer *answer)
{
	char reason[CURL_ERROR_SIZE] = "";
	scope_free char *body = ask->body ? cJSON_PrintUnformatted(ask->body) : NULL;
	const char *socket;
	scope_free char *url = address_of(place, ask->path, &socket);
	struct curl_slist *headers = NULL;
	CURLcode code;
	int error;

	if ((ask->body && !body) || !url || !add_headers(place, ask, &headers)) {
		curl_slist_free_all(headers);
		snprintf(answer->message, sizeof(answer->message), "out of memory");
		return -EIO;
	}
	curl_easy_setopt(exchange->curl, CURLOPT_URL, url);
	curl_easy_setopt(exchange->curl, CURLOPT_HTTPHEADER, headers);
	set_place(exchange->curl, place, socket);
	set_ask(exchange, ask, body, reason);
	code = curl_easy_perform(exchange->curl);
	error = code == CURLE_OK ? finish(exchange, answer) : failure(code, exchange, place, reason, answer->message);
	curl_slist_free_all(headers);
	return error;
}

int http_ask(const struct http_place *place, const struct http_ask *ask, struct http_answer *answer)
{
	struct exchange exchange = {.ask = ask, .curl = curl_easy_init()};
	int error;

	*answer = (struct http_answer){0};
	if (!exchange.curl) {
		snprintf(answer->message, sizeof(answer->message), "libcurl does not start");
		return -EIO;
	}
	error = perform(&exchange, place, ask, answer);
	curl_easy_cleanup(exchange.curl);
	/* A secret may have been in it. */
	if (exchange.text)
		explicit_bzero(exchange.text, exchange.length);
	free(exchange.text);
	return error;
}

/* ---- what is told */

static void report_findings(const cJSON *error, FILE *err)
{
	const cJSON *more = json_member(error, "more"), *finding;

	cJSON_ArrayForEach(finding, json_member(error, "findings")) {
		const char *path = cJSON_GetStringValue(json_member(finding, "path"));
		const char *message = cJSON_GetStringValue(json_member(finding, "message"));

		if (path && *path) {
			output_clean(err, path);
			fputs(": ", err);
		}
		output_clean(err, message ? message : "?");
		putc('\n', err);
	}
	if (cJSON_IsNumber(more))
		fprintf(err, "and %.0f more\n", more->valuedouble);
}

void http_report(const struct http_place *place, int error, const struct http_answer *answer, FILE *err)
{
	const cJSON *refusal = json_member(answer->json, "error");
	const char *message = cJSON_GetStringValue(json_member(refusal, "message"));

	if (error) {
		fprintf(err, "ovnetctl: manager at %s: %s\n", place->url, answer->message);
		return;
	}
	fputs("ovnetctl: ", err);
	if (answer->status == 401) {
		fprintf(err, "the manager at %s does not know %s\n", place->url,
			place->token ? "the token, or it has expired"
				     : "who asks: name a token with --token-file, OVNET_TOKEN or a context");
		return;
	}
	if (message)
		output_clean(err, message);
	else
		fprintf(err, "the manager at %s answers with status %d", place->url, answer->status);
	if (answer->status == 412)
		fputs(": it was changed by somebody else meanwhile; look at it and try again", err);
	putc('\n', err);
	report_findings(refusal, err);
}
